"""All leads of an account are scored again: at once when they are loaded, else chunk by chunk."""

from __future__ import annotations

import pytest
from msgspec.structs import replace

from services.scorer.domain.rescore import RESCORE, rescore_account
from services.scorer.domain.state import RescoreRow
from services.scorer.domain.stored_signals import merged_signals, stored_signal
from services.scorer.domain.update_score import ROLE, ScoringContext
from shared.lead.events.account_received import AccountReceivedV1
from shared.lead.events.parts import Trigger
from shared.storage.change_set import ChangeSet
from shared.storage.rows import IdentityMap, Put
from shared.worker.decision import Outcome
from shared.worker.rows import TimerRow
from shared.worker.timers import timer_event
from tests.support.enriched_leads import AT, DAY, lead_id, signal
from tests.support.scoring_policies import default_scoring

NAMES = ("ana", "bob", "cyd", "dee", "eve")
FUNDING = Trigger("signal", "signal-1", "funding_round")
HIRE = Trigger("signal", "signal-2", "executive_hire")


@pytest.fixture
def crowd(scorer):
    """A scorer with five leads of one account, of which two make a chunk, and a signal to score them for."""
    for name in NAMES:
        scorer.enrich(name)
    account = scorer.account()
    told = (signal(), signal("executive_hire"))
    signals = [stored_signal(one, f"signal-{number}", AT) for number, one in enumerate(told, 1)]
    scorer.rows.apply([Put(replace(account, signals=merged_signals(signals)))])
    scorer.chunk = 2
    return scorer


def begin(scorer, trigger: Trigger = FUNDING) -> None:
    """Ask for a re-score while only the account is loaded, as the store does for a large account."""
    loaded = [scorer.account(), *scorer.rows.all(RescoreRow)]
    changes = ChangeSet(IdentityMap(loaded))
    rescore_account(changes, ScoringContext(default_scoring(), scorer.at), scorer.account(), trigger)
    assert not changes.emits
    scorer.rows.apply(changes.changes)


def timer(scorer):
    return scorer.rows.get(TimerRow, "kestrel.example", ROLE, RESCORE)


def run_to_end(scorer) -> list[tuple[str, str]]:
    """Fire every re-score timer; return lead and trigger of each score that was emitted."""
    emitted = []
    while timer(scorer) is not None:
        scorer.advance(DAY / 24 / 3600)
        emitted += [(scored.lead_id, scored.trigger.event_id) for scored in scorer.scored()]
    return emitted


def test_the_leads_of_a_small_account_are_scored_at_once(crowd):
    """All of them are loaded, so the next signal scores all."""
    crowd.signal("hiring_surge")
    assert len(crowd.scored()) == len(NAMES)
    assert timer(crowd) is None


def test_a_large_account_gets_a_timer_that_is_due_at_once(crowd):
    begin(crowd)
    assert timer(crowd).due_at == crowd.at
    [row] = crowd.rows.all(RescoreRow)
    assert (row.trigger, row.cursor, row.again) == (FUNDING, "", None)


def test_each_timer_scores_one_chunk_and_sets_the_next(crowd):
    begin(crowd)
    ids = sorted(map(lead_id, NAMES))
    assert crowd.fire_due() is Outcome.APPLIED
    assert [scored.lead_id for scored in crowd.scored()] == ids[:2]
    [row] = crowd.rows.all(RescoreRow)
    assert (row.cursor, timer(crowd).due_at) == (ids[1], row.due_at)
    assert row.due_at > AT


def test_every_lead_is_scored_once_for_the_trigger(crowd):
    begin(crowd)
    assert run_to_end(crowd) == [(lead, "signal-1") for lead in sorted(map(lead_id, NAMES))]
    assert crowd.rows.all(RescoreRow) == []


def test_events_of_all_chunks_have_ids_of_their_own_though_the_clock_stands(crowd):
    """The id of an emitted event is derived from the due time of its timer."""
    begin(crowd)
    ids: set[str] = set()
    chunks = 0
    while (due := timer(crowd)) is not None:
        crowd.at = max(crowd.at, due.due_at)
        crowd.fire_due()
        ids |= {event.id for event in crowd.emitted if event.type == "baton.lead.scored.v1"}
        chunks += 1
    assert (len(ids), chunks) == (len(NAMES), 3)


def test_a_chunk_that_ends_exactly_with_the_last_lead_is_followed_by_an_empty_one(crowd):
    crowd.erase(lead_id("eve"))
    begin(crowd)
    assert len(run_to_end(crowd)) == 4
    assert crowd.rows.all(RescoreRow) == []


def test_what_happens_meanwhile_scores_all_leads_once_more_afterwards(crowd):
    begin(crowd)
    crowd.fire_due()
    begin(crowd, HIRE)
    [row] = crowd.rows.all(RescoreRow)
    assert (row.trigger, row.again) == (FUNDING, HIRE)
    crowd.receive(AccountReceivedV1("kestrel.example", owner="ae-1"))
    emitted = run_to_end(crowd)
    last = crowd.rows.all(RescoreRow)
    assert last == []
    # The account's owner is a change for those who were scored before it was known.
    assert {event_id for _lead, event_id in emitted} >= {"signal-1"}
    assert all(crowd.lead(name).account_view.owner == "ae-1" for name in NAMES)


def test_of_several_things_that_happen_meanwhile_the_last_one_is_the_trigger(crowd):
    begin(crowd)
    begin(crowd, HIRE)
    begin(crowd, Trigger("account", "account-1", "customer"))
    [row] = crowd.rows.all(RescoreRow)
    assert row.again == Trigger("account", "account-1", "customer")


def test_a_chunk_in_which_no_score_changes_emits_nothing(crowd):
    """The second re-score still tells the first leads how many people have high intent by now."""
    for trigger in (FUNDING, HIRE):
        begin(crowd, trigger)
        assert run_to_end(crowd)
    begin(crowd, HIRE)
    assert run_to_end(crowd) == []


def test_a_lead_that_left_the_account_since_the_chunk_was_read_is_left_out(crowd):
    begin(crowd)
    crowd.rows.add([crowd.next_chunk("kestrel.example")])
    first = min(NAMES, key=lead_id)
    crowd.enrich(first, lead_id=lead_id(first), sequence=2, account="new.example")
    crowd.process(timer_event(timer(crowd), crowd.at))
    assert lead_id(first) not in {scored.lead_id for scored in crowd.scored()}


def test_a_lead_that_was_erased_since_the_chunk_was_read_is_left_out(crowd):
    begin(crowd)
    first, second = sorted(map(lead_id, NAMES))[:2]
    crowd.rows.add([crowd.next_chunk("kestrel.example")])
    crowd.erase(first)
    crowd.process(timer_event(timer(crowd), crowd.at))
    assert [scored.lead_id for scored in crowd.scored()] == [second]


def test_a_timer_without_a_re_score_is_removed(scorer):
    stray = TimerRow(subject="kestrel.example", role=ROLE, kind=RESCORE, due_at=AT)
    scorer.rows.apply([Put(stray)])
    assert scorer.fire_due() is Outcome.UNCHANGED
    assert scorer.rows.all(TimerRow) == []
