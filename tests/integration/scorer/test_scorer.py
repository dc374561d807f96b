"""The scorer on SQLite and PostgreSQL: what it emits and stores, and that it emits nothing twice."""

from __future__ import annotations

import asyncio
import random
from collections import Counter
from collections.abc import Sequence
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import select

from services.scorer.domain.rescore import AT_ONCE_MAX, CHUNK
from services.scorer.domain.signals import PARKED_FOR
from services.scorer.domain.state import AccountRow, ScoreRow
from services.scorer.policy import scoring_policy
from services.scorer.tables import accounts, rescores, scores
from shared.lead.events.account_received import AccountReceivedV1
from shared.lead.events.envelope import Event
from shared.lead.events.parts import Company, Person, Trigger
from shared.lead.events.person_erased import PersonErasedV1
from shared.lead.ids import lead_id_of
from shared.policy.per_version import PerVersion
from shared.policy.versions import PolicyWatch, check_policy, put
from shared.worker.decision import Outcome
from shared.worker.rows import TimerRow
from shared.worker.tables import inputs, outbox, timers
from shared.worker.unit_of_work import Result
from tests.integration.scorer.conftest import StoredScorer, decoded
from tests.support.enriched_leads import AT, DAY, did, enriched_lead, event_of, lead_id, signal
from tests.support.scoring_policies import compiled_with, default_compiled, texts_with


class PowerCut(BaseException):
    """Ends a unit of work as the end of the process does: nothing catches it."""


def outcomes(result: Result) -> list[Outcome]:
    return [outcome for _event, outcome in result.outcomes]


async def test_a_lead_is_scored_and_emitted_with_its_account(scorer: StoredScorer) -> None:
    lead = enriched_lead(activities=[did("demo_request", timedelta(minutes=1))])
    [scored] = await scorer.emitted_by(event_of(lead, causation_id="received-1"))
    assert (scored.score.grade, scored.score.band, scored.score.fit) == ("A1", "sql", 100)
    assert scored.trigger == Trigger("lead", "received-1", "demo_request")
    assert (scored.sequence, scored.revision, scored.policy_version) == (1, 1, default_compiled().version)
    assert (scored.account_view.people, scored.account_view.high_intent_people) == (1, 1)
    assert scored.account_view.market == "core"
    assert scored.score.fit == sum(line.points for line in scored.score.lines if line.part == "fit")
    assert scored.score.intent == sum(line.points for line in scored.score.lines if line.part != "fit")


async def test_a_lead_without_intent_costs_two_rows(scorer: StoredScorer) -> None:
    await scorer.process(event_of(enriched_lead()))
    tables = (scores, accounts, rescores, inputs, timers)
    assert [await scorer.count(table) for table in tables] == [1, 1, 0, 0, 0]


async def test_a_new_revision_and_late_data_have_different_triggers(scorer: StoredScorer) -> None:
    await scorer.process(event_of(enriched_lead()))
    [later] = await scorer.emitted_by(event_of(enriched_lead(sequence=2), causation_id="received-1"))
    [again] = await scorer.emitted_by(
        event_of(enriched_lead(sequence=3, revision=2), causation_id="received-2")
    )
    assert later.trigger == Trigger("enrichment", "received-1")
    assert again.trigger == Trigger("lead", "received-2")
    assert [later.sequence, again.sequence] == [2, 3]


async def test_an_older_enrichment_or_the_same_is_not_scored_again(scorer: StoredScorer) -> None:
    newest, same, older = (event_of(enriched_lead(sequence=sequence)) for sequence in (2, 2, 1))
    result = await scorer.process(newest, same, older)
    assert outcomes(result) == [Outcome.APPLIED, Outcome.UNCHANGED, Outcome.SUPERSEDED]
    assert len(result.outgoing) == 1


async def test_a_signal_scores_the_leads_of_its_account_again(scorer: StoredScorer) -> None:
    await scorer.process(*(event_of(enriched_lead(name)) for name in ("ana", "bob")))
    emitted = await scorer.emitted_by(event_of(signal(), "signal-1"))
    assert sorted(scored.lead_id for scored in emitted) == sorted([lead_id("ana"), lead_id("bob")])
    assert {scored.trigger for scored in emitted} == {Trigger("signal", "signal-1", "funding_round")}
    assert all(scored.signals.strong and scored.signals.types == ["funding_round"] for scored in emitted)
    assert all(scored.sequence == 2 for scored in emitted)
    assert len({event.id for event in scorer.emitted}) == len(scorer.emitted)


async def test_a_signal_that_comes_twice_is_applied_once(scorer: StoredScorer) -> None:
    await scorer.process(event_of(enriched_lead()))
    result = await scorer.process(event_of(signal(), "signal-1"), event_of(signal(), "signal-1"))
    assert outcomes(result) == [Outcome.APPLIED, Outcome.UNCHANGED]
    assert outcomes(await scorer.process(event_of(signal(), "signal-1"))) == [Outcome.UNCHANGED]
    assert len(scorer.emitted) == 2


async def test_a_signal_that_its_rules_do_not_count_scores_nothing(scorer: StoredScorer) -> None:
    await scorer.process(event_of(enriched_lead()))
    result = await scorer.process(event_of(signal("intent_surge", strength=20), "signal-1"))
    assert (outcomes(result), result.outgoing) == ([Outcome.APPLIED], [])


async def test_signals_about_unknown_accounts_wait_for_their_lead(scorer: StoredScorer) -> None:
    result = await scorer.process(
        event_of(signal(), "signal-1"),
        event_of(signal("hiring_surge", None, name="Kestrel, Inc."), "signal-2"),
    )
    assert outcomes(result) == [Outcome.PARKED, Outcome.PARKED]
    [scored] = await scorer.emitted_by(event_of(enriched_lead()))
    assert scored.signals.types == ["funding_round", "hiring_surge"]
    assert scored.trigger.kind == "lead"
    assert await scorer.count(accounts) == 1


async def test_a_signal_that_names_a_known_account_finds_it(scorer: StoredScorer) -> None:
    await scorer.process(event_of(enriched_lead()))
    [scored] = await scorer.emitted_by(event_of(signal(domain=None, name="KESTREL Ltd"), "signal-1"))
    assert scored.signals.strong


async def test_a_target_without_leads_gets_one_account_lead(scorer: StoredScorer) -> None:
    hired = signal("executive_hire", "northpeak.example")
    [received] = await scorer.emitted_by(event_of(hired, "signal-1"))
    assert received.company == Company(domain="northpeak.example")
    assert received.trigger == Trigger("signal", "signal-1", "executive_hire")
    assert scorer.emitted[-1].subject == lead_id_of("domain:northpeak.example")
    assert scorer.emitted[-1].key == "northpeak.example"
    again = await scorer.process(event_of(signal(domain="northpeak.example"), "signal-2"))
    assert (outcomes(again), again.outgoing) == ([Outcome.APPLIED], [])
    lead = enriched_lead(
        account="northpeak.example",
        company=received.company,
        lead_id=lead_id_of("domain:northpeak.example"),
        person=Person(),
        trigger=received.trigger,
    )
    [scored] = await scorer.emitted_by(event_of(lead))
    assert scored.trigger == received.trigger
    assert scored.account_view.relation == "target"
    assert scored.account_view.people == 0
    assert scored.signals.types == ["executive_hire", "funding_round"]


async def test_a_parked_account_that_becomes_a_target_gets_its_lead(scorer: StoredScorer) -> None:
    await scorer.process(event_of(signal(), "signal-1"))
    [received] = await scorer.emitted_by(
        event_of(AccountReceivedV1("kestrel.example", relation="target"), "account-1")
    )
    assert received.trigger == Trigger("signal", "signal-1", "funding_round")


async def test_accounts_of_the_policy_files_hold_until_an_event_replaces_them(scorer: StoredScorer) -> None:
    lead = enriched_lead(account="rivalworks.example")
    [scored] = await scorer.emitted_by(event_of(lead))
    assert scored.account_view.relation == "competitor"
    [emitted] = await scorer.emitted_by(
        event_of(AccountReceivedV1("rivalworks.example", relation="partner"), "account-1")
    )
    assert emitted.account_view.relation == "partner"


STRICTER = {"scoring": ("fit: {A: 75,", "fit: {A: 99,")}


async def test_a_new_policy_scores_what_comes_after_it_and_nothing_twice(scorer: StoredScorer) -> None:
    """The version changes while a unit is under way, and between one that a crash undid and its repetition."""
    watch = PolicyWatch(scorer.database)
    first = await _applied(scorer, watch)
    scorer.policies = PerVersion(lambda: watch.current, scoring_policy)
    ana, bob = (event_of(enriched_lead(name, title="Clerk")) for name in ("ana", "bob"))
    await scorer.process(ana)
    with pytest.raises(PowerCut):
        await scorer.process(bob, failpoint=power_cut)
    second = await _applied(scorer, watch, **STRICTER)
    result = await scorer.process(ana, bob)
    assert outcomes(result) == [Outcome.UNCHANGED, Outcome.APPLIED]
    before = [(event.subject, event.data.policy_version, event.data.score.grade) for event in scorer.emitted]
    assert before == [(lead_id("ana"), first, "A4"), (lead_id("bob"), second, "B4")]
    [again] = await scorer.emitted_by(event_of(enriched_lead("ana", sequence=2, revision=2, title="Clerk")))
    assert (again.policy_version, again.score.grade, again.sequence) == (second, "B4", 2)
    account = await scorer.row(AccountRow, accounts, "kestrel.example")
    assert (account.leads, account.grades) == (2, {"B4": 2})
    assert len({event.id for event in scorer.emitted}) == len(scorer.emitted)


async def test_a_unit_is_decided_by_one_version_though_another_comes_meanwhile(scorer: StoredScorer) -> None:
    watch = PolicyWatch(scorer.database)
    first = await _applied(scorer, watch)
    scorer.policies = PerVersion(lambda: watch.current, scoring_policy)
    stricter = compiled_with(**STRICTER)

    def reload(_name: str) -> None:
        watch._policy = stricter  # what `look` does, at a moment of our choosing

    result = await scorer.process(
        *(event_of(enriched_lead(name)) for name in ("ana", "bob")), failpoint=reload
    )
    assert {decoded(out).data.policy_version for out in result.outgoing} == {first}
    [scored] = await scorer.emitted_by(event_of(enriched_lead("cyd")))
    assert scored.policy_version == stricter.version


async def _applied(scorer: StoredScorer, watch: PolicyWatch, **changes: tuple[str, str]) -> str:
    new = await check_policy(texts_with(**changes))
    async with scorer.database.begin() as tx:
        await put(tx, new, by="rita", at=AT)
    assert await watch.look()
    return new.version


async def test_many_leads_are_scored_in_chunks_and_a_crash_between_loses_none(scorer: StoredScorer) -> None:
    names = [f"person-{number}" for number in range(CHUNK + 50)]
    for start in range(0, len(names), 100):
        await scorer.process(*(event_of(enriched_lead(name)) for name in names[start : start + 100]))
    scorer.emitted.clear()
    first = await scorer.process(event_of(signal(), "signal-1"))
    assert (outcomes(first), first.outgoing) == ([Outcome.APPLIED], [])
    assert len((await scorer.fire_due()).outgoing) == CHUNK
    scorer.clock.advance(timedelta(seconds=1))
    with pytest.raises(PowerCut):
        await scorer.fire_due(failpoint=power_cut)
    scorer.clock.advance(timedelta(minutes=1))
    # Somebody writes meanwhile, and another signal comes.
    await scorer.process(event_of(enriched_lead("late")), event_of(signal("executive_hire"), "signal-2"))
    while await scorer.count(rescores):
        scorer.clock.advance(timedelta(seconds=1))
        await scorer.fire_due()
    by_trigger: dict[str, set[str]] = {"signal-1": set(), "signal-2": set()}
    for event in scorer.emitted:
        if event.type == "baton.lead.scored.v1" and event.data.trigger.kind == "signal":
            assert event.subject not in by_trigger[event.data.trigger.event_id]
            by_trigger[event.data.trigger.event_id].add(event.subject)
    everybody = {lead_id(name) for name in names}
    assert by_trigger["signal-1"] == everybody
    assert by_trigger["signal-2"] <= everybody | {lead_id("late")}
    assert len({event.id for event in scorer.emitted}) == len(scorer.emitted)
    assert await scorer.count(rescores) == 0
    for name in [*names[:3], "late"]:
        row = await scorer.row(ScoreRow, scores, lead_id(name))
        assert row.signals.types == ["executive_hire", "funding_round"]


def power_cut(name: str) -> None:
    if name == "after_claim":
        raise PowerCut


async def test_an_activity_later_on_raises_the_intent_of_its_lead(scorer: StoredScorer) -> None:
    await scorer.process(event_of(enriched_lead()))
    [scored] = await scorer.emitted_by(event_of(_activity("ANA+x@kestrel.example"), "signal-1"))
    assert scored.score.grade == "A1"
    assert scored.trigger == Trigger("signal", "signal-1", "demo_request")
    assert [activity.type for activity in scored.activities] == ["demo_request"]


async def test_an_activity_of_somebody_unknown_waits_for_them(scorer: StoredScorer) -> None:
    result = await scorer.process(event_of(_activity("ana@kestrel.example"), "signal-1"))
    assert outcomes(result) == [Outcome.PARKED]
    [scored] = await scorer.emitted_by(event_of(enriched_lead()))
    assert scored.score.grade == "A1"


async def test_activities_of_a_person_who_never_writes_are_removed(scorer: StoredScorer) -> None:
    await scorer.process(event_of(_activity("ana@kestrel.example"), "signal-1"))
    scorer.clock.advance(PARKED_FOR)
    await scorer.fire_due()
    assert [await scorer.count(table) for table in (scores, timers)] == [0, 0]


async def test_an_activity_of_an_alias_counts_for_the_lead_that_survived(scorer: StoredScorer) -> None:
    """A lead that began with a phone number has another id than its e-mail would give."""
    by_phone = lead_id_of("phone:+14155550101")
    await scorer.process(event_of(_activity("ana@kestrel.example", "webinar"), "signal-1"))
    [first] = await scorer.emitted_by(event_of(enriched_lead(lead_id=by_phone)))
    [later] = await scorer.emitted_by(event_of(_activity("ana@kestrel.example"), "signal-2"))
    assert [first.lead_id, later.lead_id] == [by_phone, by_phone]
    assert [activity.type for activity in later.activities] == ["demo_request", "webinar"]
    assert await scorer.count(scores) == 1
    await scorer.process(event_of(PersonErasedV1([lead_id("ana")], "hash", AT), "erased-1"))
    assert [await scorer.count(table) for table in (scores, timers)] == [0, 0]


@pytest.mark.parametrize(
    "unreadable",
    [
        signal(domain=None),
        signal(domain="gmail.com"),
        signal("opt_out"),
        signal("activity", email="ana@kestrel.example"),
        signal("activity", email="ana@kestrel.example", details={"activity": {"type": 3}}),
        signal("activity", email="nobody", details={"activity": {"type": "call"}}),
        AccountReceivedV1("gmail.com", relation="customer"),
        AccountReceivedV1("", relation="customer"),
    ],
    ids=lambda data: f"{type(data).__name__} {getattr(data, 'type', data)}",
)
async def test_an_event_about_nobody_is_rejected(scorer: StoredScorer, unreadable: Any) -> None:
    result = await scorer.process(event_of(enriched_lead()), event_of(unreadable, "poison-1"))
    assert [event.id for event, _error in result.rejected] == ["poison-1"]
    assert len(result.outgoing) == 1
    assert await scorer.count(inputs) == 0


def _activity(email: str, type_: str = "demo_request") -> Any:
    activity: dict[str, Any] = {"type": type_}
    return signal("activity", None, email=email, ago=timedelta(hours=1), details={"activity": activity})


async def test_account_data_reaches_leads_and_nothing_is_emitted_without_a_change(
    scorer: StoredScorer,
) -> None:
    await scorer.process(event_of(enriched_lead()))
    customer = AccountReceivedV1(
        "www.kestrel.example", relation="customer", owner="ae-1", open_opportunity=True
    )
    [scored] = await scorer.emitted_by(event_of(customer, "account-1"))
    view = scored.account_view
    assert (view.relation, view.owner, view.open_opportunity) == ("customer", "ae-1", True)
    assert scored.trigger == Trigger("account", "account-1", "customer")
    again = await scorer.process(event_of(customer, "account-2"))
    assert (outcomes(again), again.outgoing) == ([Outcome.UNCHANGED], [])
    [undone] = await scorer.emitted_by(event_of(AccountReceivedV1("kestrel.example"), "account-3"))
    assert (undone.account_view.relation, undone.account_view.owner) == ("none", None)


async def test_an_alias_of_an_account_is_known_as_it_is(scorer: StoredScorer) -> None:
    await scorer.process(event_of(enriched_lead(account="kestrel-labs.example")))
    customer = AccountReceivedV1("kestrel.example", relation="customer", aliases=["kestrel-labs.example"])
    [scored] = await scorer.emitted_by(event_of(customer, "account-1"))
    assert scored.account_view.relation == "customer"
    [parted] = await scorer.emitted_by(
        event_of(AccountReceivedV1("kestrel.example", relation="customer"), "account-2")
    )
    assert parted.account_view.relation == "none"


async def test_an_account_s_name_brings_the_signals_that_gave_only_the_name(scorer: StoredScorer) -> None:
    lead = enriched_lead(company=Company(domain="kestrel.example"))
    await scorer.process(event_of(lead), event_of(signal(domain=None, name="Kestrel"), "signal-1"))
    emitted = await scorer.emitted_by(
        event_of(AccountReceivedV1("kestrel.example", name="Kestrel GmbH"), "account-1")
    )
    assert [scored.signals.types for scored in emitted] == [["funding_round"]]
    assert await scorer.count(accounts) == 1


async def test_a_grade_falls_at_the_instant_of_its_timer(scorer: StoredScorer) -> None:
    await scorer.process(event_of(enriched_lead(activities=[did("demo_request")])))
    row = await scorer.row(ScoreRow, scores, lead_id("ana"))
    assert AT + 5 * DAY < row.due_at < AT + 6 * DAY
    scorer.clock.at = row.due_at - timedelta(microseconds=1)
    assert not (await scorer.fire_due()).outgoing
    scorer.clock.at = row.due_at
    [scored] = [decoded(out).data for out in (await scorer.fire_due()).outgoing]
    assert (scored.score.grade, scored.score.intent, scored.trigger.kind) == ("A2", 69, "decay")
    account = await scorer.row(AccountRow, accounts, "kestrel.example")
    assert account.grades == {"A2": 1}
    assert (await scorer.row(ScoreRow, scores, lead_id("ana"))).due_at > scorer.clock.at


async def test_decay_ends_when_there_is_nothing_left_to_change(scorer: StoredScorer) -> None:
    await scorer.process(event_of(enriched_lead(activities=[did("demo_request")])))
    grades = []
    while await scorer.count(timers):
        scorer.clock.at = (await scorer.row(TimerRow, timers, lead_id("ana"))).due_at
        grades += [decoded(out).data.score.grade for out in (await scorer.fire_due()).outgoing]
    assert grades == ["A2", "A3", "A4"]


async def test_an_account_qualifies_once_each_time_it_does(scorer: StoredScorer) -> None:
    asked = [did("demo_request")]
    [_first] = await scorer.emitted_by(event_of(enriched_lead("ana", activities=asked)))
    scored, qualified = await scorer.emitted_by(event_of(enriched_lead("bob")))
    assert scored.account_view.qualified
    assert qualified.account == "kestrel.example"
    assert sorted(qualified.lead_ids) == sorted([lead_id("ana"), lead_id("bob")])
    assert qualified.account_view == scored.account_view
    assert len(await scorer.emitted_by(event_of(enriched_lead("cyd")))) == 1


async def test_an_account_that_was_qualified_no_more_qualifies_again(scorer: StoredScorer) -> None:
    await scorer.process(event_of(enriched_lead("ana", activities=[did("demo_request")])))
    await scorer.process(event_of(enriched_lead("bob")))
    await scorer.process(event_of(PersonErasedV1([lead_id("bob")], "hash", AT), "erased-1"))
    assert not (await scorer.row(AccountRow, accounts, "kestrel.example")).qualified
    types = [type(data).__name__ for data in await scorer.emitted_by(event_of(enriched_lead("cyd")))]
    assert types == ["LeadScoredV1", "AccountQualifiedV1"]


async def test_a_lead_that_changes_its_account_is_counted_in_one(scorer: StoredScorer) -> None:
    await scorer.process(event_of(enriched_lead(lead_id=lead_id("ana"))))
    moved = enriched_lead(lead_id=lead_id("ana"), sequence=2, account="new.example")
    await scorer.process(event_of(moved))
    assert (await scorer.row(AccountRow, accounts, "kestrel.example")).leads == 0
    assert (await scorer.row(AccountRow, accounts, "new.example")).grades == {"A4": 1}


async def test_an_erased_person_leaves_nothing(scorer: StoredScorer) -> None:
    await scorer.process(
        *(event_of(enriched_lead(name, activities=[did("demo_request")])) for name in ("ana", "bob"))
    )
    erased = PersonErasedV1([lead_id("ana")], "hash", AT)
    await scorer.process(event_of(erased, "erased-1"))
    assert await scorer.row(ScoreRow, scores, lead_id("ana")) is None
    assert await scorer.row(TimerRow, timers, lead_id("ana")) is None
    account = await scorer.row(AccountRow, accounts, "kestrel.example")
    assert (account.leads, account.grades, set(account.active)) == (1, {"A1": 1}, {lead_id("bob")})
    late = await scorer.process(event_of(enriched_lead(sequence=2)))
    assert outcomes(late) == [Outcome.SUPERSEDED]


async def test_scorers_side_by_side_count_every_lead_once(scorer: StoredScorer) -> None:
    """Leads of few accounts, their signals and their moves, decided by several units at a time."""
    draw = random.Random(3)
    units: list[list[Event[Any]]] = []
    for number in range(24):
        accounts_of_unit = draw.sample(["a.example", "b.example", "c.example"], 2)
        about = [event_of(signal(domain=name), f"signal-{number}-{name}") for name in accounts_of_unit]
        leads = [
            event_of(
                enriched_lead(
                    str(person := draw.randrange(12)),
                    lead_id=lead_id(str(person)),
                    sequence=number + 1,
                    account=draw.choice(accounts_of_unit),
                    activities=[did("demo_request")] if number % 2 else [],
                )
            )
            for _ in range(4)
        ]
        units.append(draw.sample(about + leads, 6))
    for start in range(0, len(units), 4):
        await asyncio.gather(*(scorer.process(*unit) for unit in units[start : start + 4]))
    async with scorer.database.read() as tx:
        leads_kept = [ScoreRow(**row) for row in (await tx.execute(select(scores))).mappings()]
        accounts_kept = [AccountRow(**row) for row in (await tx.execute(select(accounts))).mappings()]
    for account in accounts_kept:
        grades = [row.score.grade for row in leads_kept if row.account == account.account and row.score]
        assert account.grades == dict(Counter(grades))
        assert account.leads == len(grades)
    assert sum(account.leads for account in accounts_kept) == len(leads_kept)
    assert len({event.id for event in scorer.emitted}) == len(scorer.emitted)


async def test_an_account_that_is_one_person_goes_with_them(scorer: StoredScorer) -> None:
    free = lead_id_of("email:ana@gmail.com")
    lead = enriched_lead(lead_id=free, account=free, person=Person(email="ana@gmail.com"), company=Company())
    await scorer.process(
        event_of(lead), event_of(signal("job_change", "gmail.com", email="ana@gmail.com"), "signal-1")
    )
    assert (await scorer.row(AccountRow, accounts, free)).signals
    await scorer.process(event_of(PersonErasedV1([free], "hash", AT), "erased-1"))
    assert [await scorer.count(table) for table in (scores, accounts)] == [0, 0]


async def test_batches_in_any_cut_give_the_same_rows(scorer: StoredScorer) -> None:
    """One event a unit, or all in one: the rows and the emitted events are the same."""
    draw = random.Random(7)
    events: list[Event[Any]] = []
    for number in range(40):
        name = draw.choice(["ana", "bob", "cyd"])
        sequence = 1 + number // 8
        events.append(event_of(enriched_lead(name, sequence=sequence), f"lead-{number}"))
        events.append(
            event_of(signal(draw.choice(["funding_round", "hiring_surge"])), f"signal-{number % 6}")
        )
    await scorer.process(*events)
    together = await _account_rows(scorer)
    before = [(event.id, event.data) for event in scorer.emitted]
    scorer.emitted.clear()
    async with scorer.database.begin() as tx:
        for table in (scores, accounts, inputs, timers, outbox):
            await tx.execute(table.delete())
    for event in events:
        await scorer.process(event)
    assert await _account_rows(scorer) == together
    assert [(event.id, event.data) for event in scorer.emitted] == before


async def _account_rows(scorer: StoredScorer) -> Sequence[Any]:
    async with scorer.database.read() as tx:
        return [tuple(row) for row in await tx.execute(select(accounts).order_by(accounts.c.account))]


async def test_the_leads_of_a_large_alias_join_the_account_in_chunks(scorer: StoredScorer) -> None:
    names = [f"person-{number}" for number in range(AT_ONCE_MAX + 1)]
    alias = "kestrel-labs.example"
    await scorer.process(*(event_of(enriched_lead(name, account=alias)) for name in names))
    await scorer.process(event_of(enriched_lead("ana")), event_of(signal("funding_round", alias), "signal-1"))
    told = AccountReceivedV1("kestrel.example", relation="customer", aliases=[alias])
    await scorer.process(event_of(told, "account-1"))
    await fire_until_quiet(scorer)
    account = await scorer.row(AccountRow, accounts, "kestrel.example")
    assert (account.leads, len(account.signals)) == (len(names) + 1, 1)
    row = await scorer.row(ScoreRow, scores, lead_id(names[0], alias))
    assert (row.account, row.own_account) == ("kestrel.example", alias)
    await scorer.process(event_of(signal("executive_hire", alias), "signal-2"))
    await fire_until_quiet(scorer)
    row = await scorer.row(ScoreRow, scores, lead_id(names[-1], alias))
    assert row.signals.types == ["executive_hire", "funding_round"]
    await scorer.process(event_of(AccountReceivedV1("kestrel.example", relation="customer"), "account-2"))
    await fire_until_quiet(scorer)
    assert (await scorer.row(AccountRow, accounts, "kestrel.example")).leads == 1
    left = await scorer.row(AccountRow, accounts, alias)
    assert (left.leads, len(left.signals)) == (len(names), 2)


async def fire_until_quiet(scorer: StoredScorer) -> None:
    """Fire the timers that are due until none is, as time goes by."""
    for _attempt in range(20):
        scorer.clock.at += timedelta(seconds=1)
        if not (await scorer.fire_due()).outcomes:
            return
