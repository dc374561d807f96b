"""Outcomes that arrive late: each counts at its own time, in whatever order they are told."""

from __future__ import annotations

from datetime import datetime, timedelta
from itertools import permutations
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from services.router.domain.deal import DealStanding
from services.router.domain.lead_ref import LeadAliasRow
from services.router.domain.parked_outcomes import PARKED_FOR, PARKED_MAX, ParkedOutcomesRow
from shared.lead.events.outcome_received import OutcomeReceivedV1
from shared.lead.events.parts import Actor
from shared.lead.events.person_erased import PersonErasedV1
from shared.storage.rows import Put
from shared.worker.decision import Outcome
from tests.support.routing_policies import rep, routing_policy_with
from tests.support.scored_leads import AT, lead_id
from tests.unit.router.conftest import SimulatedRouter

HOUR = timedelta(hours=1)
OWNER = "sdr-1"


def told(type_: str, at: datetime = AT, **given: Any) -> OutcomeReceivedV1:
    return OutcomeReceivedV1(type=type_, at=at, lead_id=lead_id("ana"), **given)  # type: ignore[arg-type]


def after(*outcomes: tuple[str, int]) -> SimulatedRouter:
    """Return a router that was told outcomes, each a type and the hours after `AT`, in this order."""
    router = SimulatedRouter()
    router.score()
    for type_, hours in outcomes:
        router.at += timedelta(minutes=1)
        router.receive(told(type_, AT + hours * HOUR))
    return router


def status_of(router: SimulatedRouter) -> str:
    lead = router.lead()
    assert lead is not None
    return lead.status


@pytest.mark.parametrize(
    ("outcomes", "status"),
    [
        ([("won", 1), ("lost", 2)], "lost"),
        ([("lost", 1), ("won", 2)], "won"),
        ([("lost", 1), ("opportunity", 2)], "routed"),
        ([("opportunity", 1), ("lost", 2)], "lost"),
        ([("won", 1), ("opportunity", 2)], "won"),
        ([("won", 1), ("accepted", 2), ("meeting_booked", 3)], "won"),
        ([("won", 1), ("lost", 2), ("opportunity", 3)], "routed"),
        ([("lost", 1), ("opportunity", 2), ("won", 3)], "won"),
        ([("won", 1), ("renewed", 2), ("churned", 3)], "won"),
    ],
)
def test_the_order_of_arrival_does_not_decide_how_a_lead_ends(outcomes: list[tuple[str, int]], status: str):
    assert {status_of(after(*order)) for order in permutations(outcomes)} == {status}


@given(
    st.lists(st.sampled_from(["opportunity", "won", "lost", "reply"]), min_size=1, max_size=5).flatmap(
        lambda types: st.permutations(list(enumerate(types))).map(lambda order: (types, order))
    )
)
@settings(max_examples=60, deadline=None)
def test_in_any_order_the_deal_stands_as_if_it_had_been_told_in_time(drawn: Any):
    types, order = drawn
    in_time = after(*((type_, hours) for hours, type_ in enumerate(types)))
    shuffled = after(*((type_, hours) for hours, type_ in order))
    assert status_of(shuffled) == status_of(in_time)
    assert shuffled.owner() == in_time.owner()
    leads = shuffled.lead(), in_time.lead()
    assert len({lead.deal for lead in leads if lead}) == 1


def test_a_late_loss_changes_nothing_that_a_later_opportunity_settled(router):
    router.score()
    assert router.receive(told("opportunity", AT + 2 * HOUR)) is Outcome.APPLIED
    assert router.receive(told("lost", AT + HOUR)) is Outcome.UNCHANGED
    assert (router.owner(), router.emitted) == (OWNER, [])


def test_a_new_opportunity_gives_a_lost_lead_back_to_the_rep_who_had_it(router):
    router.score()
    router.receive(told("lost", AT + HOUR))
    assert router.receive(told("opportunity", AT + 2 * HOUR)) is Outcome.APPLIED
    assert router.event_types() == ["lead.reassigned"]
    assert (router.decision()["owner"], router.decision()["reasons"]) == (OWNER, ["opportunity"])
    assert [one.state for one in router.assignments()] == ["lost", "accepted"]
    assert router.sla_due_at() is None


def test_a_disqualified_lead_is_not_opened_by_an_opportunity(router):
    router.score()
    router.act("reject", rep=OWNER, reason="not_icp")
    assert router.receive(told("opportunity", AT + HOUR)) is Outcome.UNCHANGED
    assert status_of(router) == "disqualified"


def test_a_new_form_opens_a_won_lead_and_the_same_end_told_late_does_not_close_it(router):
    router.score()
    router.receive(told("won", AT + 2 * HOUR))
    router.score(revision=2, sequence=2)
    assert status_of(router) == "routed"
    assert router.receive(told("lost", AT + HOUR)) is Outcome.UNCHANGED
    assert router.receive(told("won", AT + 3 * HOUR)) is Outcome.APPLIED


@pytest.mark.parametrize(("at", "accepted_at"), [(-1, 0), (0, 0), (1, 1), (9, 3)])
def test_a_lead_counts_as_accepted_when_it_was_not_when_that_was_told(router, at: int, accepted_at: int):
    router.score()
    router.at = AT + 3 * HOUR
    router.receive(told("meeting_held", AT + at * HOUR))
    [assignment] = router.assignments()
    assert assignment.accepted_at == AT + accepted_at * HOUR


def test_what_a_former_owner_did_does_not_stop_the_clock_of_the_present_one(router):
    router.score()
    router.at = AT + 2 * HOUR
    router.act("reassign", reason="busy")
    owner = router.owner()
    assert owner not in (None, OWNER)
    assert router.receive(told("meeting_booked", AT + HOUR)) is Outcome.UNCHANGED
    assert router.receive(told("rejected", AT + HOUR)) is Outcome.UNCHANGED
    assert (router.owner(), router.assignments()[1].state) == (owner, "open")
    assert router.receive(told("meeting_booked", AT + HOUR, rep=owner)) is Outcome.APPLIED


@pytest.mark.parametrize("hours", [-1, 0, 1, 2, 3])
def test_a_rejection_from_before_the_present_owner_takes_the_lead_from_nobody(simulate, hours: int):
    """The former owner has it until 2, then it waits until 4."""
    router = simulate(routing_policy_with((rep("sdr-1"), rep("sdr-2"), rep("ae", "senior-ae"))))
    router.set_available("sdr-2", available=False)
    router.score()
    router.at = AT + 2 * HOUR
    router.act("reject", rep=OWNER, reason="too slow")
    assert router.owner() is None
    router.set_available("sdr-2", available=True)
    router.at = AT + 4 * HOUR
    router.assign_waiting()
    assert router.owner() == "sdr-2"
    for more in ({}, {"rep": OWNER}, {"reason": "not_icp"}):
        assert router.receive(told("rejected", AT + hours * HOUR, **more)) is Outcome.UNCHANGED
    assert (router.owner(), router.assignments()[1].state) == ("sdr-2", "open")
    assert router.receive(told("rejected", AT + 5 * HOUR)) is Outcome.APPLIED


@given(
    st.lists(st.sampled_from([None, "too slow", "wrong_person", "Wrong Person"]), min_size=1, max_size=3),
    st.lists(st.integers(min_value=0, max_value=2), max_size=4),
    st.integers(min_value=-90, max_value=90),
)
@settings(max_examples=60, deadline=None)
def test_a_rejection_counts_once_however_often_it_is_told(reasons: Any, again: Any, skew: int):
    """Also where the clock of whoever tells it is fast or slow by up to 90 seconds."""
    router, seen = SimulatedRouter(), list[OutcomeReceivedV1]()
    router.score()
    for reason in reasons:
        router.at += HOUR
        seen.append(told("rejected", router.at + timedelta(seconds=skew), reason=reason))
        router.receive(seen[-1])
        owner = router.owner()
        for index in again:
            router.at += timedelta(minutes=1)
            assert router.receive(seen[index % len(seen)]) is Outcome.UNCHANGED
        assert router.owner() == owner
    assert sum(one.state == "rejected" for one in router.assignments()) == len(reasons)


def test_of_two_ends_at_one_time_the_later_told_counts():
    deal = DealStanding().after("won", AT).after("lost", AT)
    assert (deal.ended, deal.is_open) == ("lost", False)


def parked(router: SimulatedRouter) -> ParkedOutcomesRow | None:
    return router.rows.get(ParkedOutcomesRow, lead_id("ana"))


def test_an_outcome_that_overtook_its_lead_counts_once_the_lead_is_routed(router):
    assert router.receive(told("won", AT + HOUR, actor=Actor("crm"))) is Outcome.PARKED
    assert router.receive(told("meeting_booked", AT)) is Outcome.PARKED
    router.at += timedelta(minutes=5)
    router.score()
    assert router.event_types() == ["lead.routed", "lead.closed"]
    assert router.emitted[1][1]["actor"] == {"key": "crm", "rep": None}
    assert (status_of(router), router.owner(), parked(router), router.timers()) == ("won", None, None, [])


@pytest.mark.parametrize("is_merged", [False, True])
@pytest.mark.parametrize("is_known", [False, True])
def test_an_outcome_under_another_id_of_the_person_counts_once_that_is_known(router, is_merged, is_known):
    """The CRM knows the person by an address, which the form with the same telephone number gives later."""
    if is_known:
        router.score()
    router.at += HOUR / 2
    other = replace(told("won", router.at), lead_id=lead_id("other"))
    assert router.receive(other) is Outcome.PARKED
    assert router.receive(replace(other, type="reply", at=AT)) is Outcome.PARKED
    if not is_merged:
        router.rows.apply([Put(LeadAliasRow(lead_id("other"), lead_id("ana")))])
    merged = {"merged": ["other"]} if is_merged else {}
    assert router.score(revision=2, sequence=2, **merged) is Outcome.APPLIED
    assert status_of(router) == "won"
    assert (router.rows.all(ParkedOutcomesRow), router.timers()) == ([], [])
    assert [one.state for one in router.assignments()] == ["won"]
    assert router.assignments()[0].accepted_at is not None, "the reply came before"


def test_a_form_long_after_an_outcome_is_news(router):
    router.receive(told("lost"))
    router.advance(PARKED_FOR)
    assert (parked(router), router.timers()) == (None, [])
    router.score()
    assert status_of(router) == "routed"


def test_only_so_many_outcomes_wait_for_one_lead_and_none_after_an_erasure(router):
    for _ in range(PARKED_MAX):
        assert router.receive(told("reply")) is Outcome.PARKED
    assert router.receive(told("won")) is Outcome.UNCHANGED
    router.receive(PersonErasedV1(lead_ids=[lead_id("ana")], email_hash="x", at=AT))
    assert (parked(router), router.timers()) == (None, [])
