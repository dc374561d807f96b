"""Leads that are merged have one owner: assignments move, one ends, and nobody is charged twice."""

from __future__ import annotations

from itertools import permutations

import pytest

from services.router.domain.state import RepQueueRow
from shared.worker.decision import Outcome
from tests.support.scored_leads import lead_id, scored_event, scored_lead


def test_the_lead_keeps_its_owner_and_that_of_the_merged_lead_ends(router):
    router.score("ana")
    router.score("call", account="call.example")
    owner, former = router.owner("ana"), router.owner("call")
    assert owner != former
    assert router.score("ana", revision=2, sequence=2, merged=["call"]) is Outcome.APPLIED
    assert (router.owner("ana"), router.owner("call")) == (owner, None)
    assert router.event_types() == ["lead.routed", "lead.reassigned"]
    routed, reassigned = (data for _type, data in router.emitted)
    assert routed["decision"]["change"] == "kept"
    assert (reassigned["lead_id"], reassigned["sequence"]) == (lead_id("call"), 2)
    assert (reassigned["previous_owner"], reassigned["decision"]["owner"]) == (former, owner)
    assert reassigned["reason"] == "merged"
    assert reassigned["decision"]["reasons"] == [f"merged into lead {lead_id('ana')}"]


def test_a_lead_without_an_owner_takes_over_that_of_the_merged_lead_for_the_same_credit(router):
    router.score("call", account="call.example")
    former, due_at = router.owner("call"), router.sla_due_at("call")
    router.score("ana", sequence=2, merged=["call"])
    assert (router.owner("ana"), router.owner("call")) == (former, None)
    assert (router.sla_due_at("ana"), router.sla_due_at("call")) == (due_at, None)
    assert [row.account for row in router.assignments("ana")] == ["ana.example"]
    assert sum(row.credits for row in router.rows.all(RepQueueRow)) == 1


def test_an_accepted_assignment_stays_accepted(router):
    router.score("call", account="call.example")
    router.act("accept", "call")
    router.score("ana", sequence=2, merged=["call"])
    [assignment] = router.assignments("ana")
    assert (assignment.state, router.sla_due_at("ana")) == ("accepted", None)


def test_of_several_merged_leads_the_longest_owned_one_gives_the_owner(router):
    router.score("call", account="call.example")
    router.score("profile", account="profile.example")
    first = min((router.assignments(name)[0] for name in ("call", "profile")), key=lambda row: row.age)
    router.score("ana", sequence=2, merged=["profile", "call"])
    assert router.owner("ana") == first.rep
    assert router.event_types() == ["lead.routed", "lead.reassigned", "lead.reassigned"]


def test_who_rejected_the_merged_lead_does_not_get_the_person_again(router):
    router.score("call", account="call.example")
    rejecting = router.owner("call")
    router.act("reject", "call", reason="other")
    router.score("ana", sequence=2, merged=["call"])
    assert rejecting not in (None, router.owner("ana"))
    assert {row.rep for row in router.assignments("ana")} >= {rejecting}


@pytest.mark.parametrize("order", list(permutations(range(4))))
def test_the_order_of_the_events_makes_no_difference_to_who_is_owned(router, order):
    events = [
        scored_event(scored_lead("ana")),
        scored_event(scored_lead("call", account="call.example")),
        scored_event(scored_lead("call", revision=2, sequence=2, account="call.example")),
        scored_event(scored_lead("ana", revision=2, sequence=2, merged=["call"])),
    ]
    for index in order:
        router.process(events[index])
        router.process(events[index])  # repeated records change nothing
    assert router.owner("ana") is not None
    assert router.owner("call") is None
    assert router.lead("call").status == "merged"


def test_a_merged_lead_does_not_wait(router):
    for rep in ("sdr-1", "sdr-2", "sdr-3", "sdr-4"):
        router.set_available(rep, available=False)
    router.score("call", account="call.example")
    router.score("ana", sequence=2, merged=["call"])
    assert router.lead("call").waiting_since is None
    for rep in ("sdr-1", "sdr-2", "sdr-3", "sdr-4"):
        router.set_available(rep, available=True)
    router.assign_waiting()
    assert router.owner("call") is None
