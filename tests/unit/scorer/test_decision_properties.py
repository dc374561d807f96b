"""Laws of the scorer's decisions, over any sequence of events about a few people of a few accounts."""

from __future__ import annotations

from collections import Counter
from datetime import timedelta
from typing import Any

import msgspec
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from services.scorer.domain.next_change import actionable_parts
from services.scorer.domain.score import ScoringSubject, compute_score
from services.scorer.domain.state import AccountRow, ScoreRow
from shared.lead.events.account_received import AccountReceivedV1
from shared.lead.events.envelope import Event
from shared.lead.events.lead_scored import LeadScoredV1
from shared.lead.events.parts import Activity
from shared.lead.events.person_erased import PersonErasedV1
from shared.worker.rows import TimerRow
from tests.support.enriched_leads import AT, DAY, enriched_lead, event_of, lead_id, signal
from tests.support.scoring_policies import default_scoring

NAMES = ("ana", "bob", "cyd")
ACCOUNTS = ("kestrel.example", "northpeak.example", "labs.example")
ACTIVITY_TYPES = ("demo_request", "contact_request", "webinar", "page_view", "call")
SIGNAL_TYPES = ("funding_round", "hiring_surge", "news")

names = st.sampled_from(NAMES)
accounts = st.sampled_from(ACCOUNTS)
ago = st.integers(0, 60).map(lambda days: days * DAY)
activities = st.lists(
    st.builds(Activity, type=st.sampled_from(ACTIVITY_TYPES), at=ago.map(lambda age: AT - age)), max_size=3
)
leads = st.builds(
    lambda name, account, sequence, done, title: enriched_lead(
        name,
        lead_id=lead_id(name),
        account=account,
        sequence=sequence,
        revision=sequence,
        activities=done,
        title=title,
    ),
    names,
    accounts,
    st.integers(1, 4),
    activities,
    st.sampled_from(["CFO", "Clerk", None]),
)
account_signals = st.builds(
    lambda type_, account, age, lasts, strength, number: replace(
        signal(type_, account, ago=age, expires_at=None if lasts is None else AT + lasts, external_id=number),
        strength=strength,
    ),
    st.sampled_from(SIGNAL_TYPES),
    accounts,
    ago,
    st.none() | ago,
    st.sampled_from([None, 40, 70]),
    st.sampled_from([None, None, "n-1"]),
)
later_activities = st.builds(
    lambda name, account, type_, age: signal(
        "activity", None, email=f"{name}@{account}", ago=age, details={"activity": {"type": type_}}
    ),
    names,
    accounts,
    st.sampled_from(ACTIVITY_TYPES),
    ago,
)
account_data = st.builds(
    AccountReceivedV1,
    accounts,
    name=st.sampled_from([None, "Kestrel"]),
    relation=st.sampled_from(["none", "target", "customer"]),
    aliases=st.lists(accounts, max_size=1),
)
inputs = st.one_of(leads, account_signals, later_activities, account_data)


def numbered(data: list[Any]) -> list[Event[Any]]:
    return [event_of(one, f"event-{number}") for number, one in enumerate(data)]


events = st.lists(inputs, max_size=12).map(numbered)


def everything_stored(scorer) -> tuple[Any, ...]:
    return tuple(scorer.rows.all(kind) for kind in (ScoreRow, AccountRow, TimerRow))


@settings(max_examples=60, deadline=None)
@given(history=events)
def test_the_counts_and_timers_are_true_after_every_event(simulate, history):
    """The simulated scorer checks both after each unit of work."""
    scorer = simulate(None)
    for event in history:
        scorer.process(event)


@settings(max_examples=40, deadline=None)
@given(history=events)
def test_how_events_are_batched_changes_no_row_and_no_event(simulate, history):
    together, apart = simulate(None), simulate(None)
    one_by_one = []
    for event in history:
        apart.process(event)
        one_by_one += apart.emitted
    if history:
        together.process(*history)
    assert everything_stored(together) == everything_stored(apart)
    assert [(event.id, event.data) for event in together.emitted] == [
        (event.id, event.data) for event in one_by_one
    ]


@settings(max_examples=40, deadline=None)
@given(history=events, again=st.integers(0, 11))
def test_an_event_that_is_delivered_again_changes_nothing(simulate, history, again):
    scorer = simulate(None)
    for event in history:
        scorer.process(event)
    for event in history[again:]:
        before = everything_stored(scorer)
        scorer.process(event)
        if isinstance(event.data, AccountReceivedV1):
            assert scorer.emitted == []  # claimed: an older word on an account does not come back
        assert everything_stored(scorer) == before
        assert scorer.emitted == []


@settings(max_examples=40, deadline=None)
@given(history=events)
def test_every_emitted_score_adds_up_and_is_numbered_without_a_gap(simulate, history):
    scorer = simulate(None)
    sequences: dict[str, list[int]] = {}
    ids: Counter[str] = Counter()
    for event in history:
        scorer.process(event)
        for out in scorer.emitted:
            ids[out.id] += 1
            if isinstance(out.data, LeadScoredV1):
                score = out.data.score
                fit = sum(line.points for line in score.lines if line.part == "fit")
                assert (fit, sum(line.points for line in score.lines) - fit) == (score.fit, score.intent)
                sequences.setdefault(out.subject, []).append(out.data.sequence)
    assert all(numbers == list(range(1, len(numbers) + 1)) for numbers in sequences.values())
    assert not ids or max(ids.values()) == 1


@settings(max_examples=40, deadline=None)
@given(history=events, erased=names)
def test_an_erased_person_leaves_nothing(simulate, history, erased):
    """No row names them afterwards, whatever led to their rows and whichever account they were in."""
    scorer = simulate(None)
    for event in history:
        scorer.process(event)
    ids = [lead_id(erased), *(lead_id(erased, domain) for domain in ACCOUNTS)]
    scorer.process(event_of(PersonErasedV1(ids, "hash", AT), "erased-1"))
    stored = msgspec.json.encode(everything_stored(scorer)).decode()
    assert not [id_ for id_ in ids if id_ in stored]
    assert f"{erased}@" not in stored


@settings(max_examples=30, deadline=None)
@given(history=events, days=st.integers(1, 200))
def test_at_any_time_the_stored_grade_is_what_a_new_computation_gives(simulate, history, days):
    """Timers fire at each next change, so between them nothing that readers act on is out of date."""
    scorer = simulate(None)
    for event in history:
        scorer.process(event)
    end = AT + days * DAY
    while (due := min((timer.due_at for timer in scorer.rows.all(TimerRow)), default=end)) < end:
        scorer.at = max(scorer.at, due)
        scorer.fire_due()
    for row in scorer.rows.all(ScoreRow):
        if row.lead is None:
            continue
        account = scorer.account(row.account)
        subject = ScoringSubject(
            row.lead,
            row.activities,
            tuple(account.signals.values()),
            account.knowledge or default_scoring().seeds.get(row.account),
            row.score.grade[0],
            row.score.grade[1:],
        )
        now = compute_score(subject, end - timedelta(microseconds=1), default_scoring())
        assert actionable_parts(now) == (row.score.grade, row.score.band, row.signals)


@settings(max_examples=40, deadline=None)
@given(history=st.lists(account_signals, max_size=6).map(numbered), data=st.data())
def test_the_order_in_which_signals_come_does_not_change_the_score(simulate, history, data):
    """Signals of an account may be delivered in any order; the lead that follows has one score."""
    shuffled = data.draw(st.permutations(history))
    scores = []
    for order in (history, shuffled):
        scorer = simulate(None)
        for event in order:
            scorer.process(event)
        scorer.enrich()
        [scored] = scorer.scored()
        scores.append((scored.score.total, scored.score.grade, scored.score.intent, scored.signals))
    assert scores[0] == scores[1]
