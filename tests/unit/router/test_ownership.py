"""Assignments: opening, accepting, extending and ending them, and who owns an account."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from msgspec.structs import replace

from services.router.domain.fairness import LEAD
from services.router.domain.ownership import (
    ROLE,
    SLA,
    AccountOwner,
    accept_assignment,
    account_owner,
    active_assignment,
    end_assignment,
    end_snooze,
    excluded_reps,
    extend_deadline,
    open_assignment,
)
from services.router.domain.state import AssignmentRow, QueueRow, RepQueueRow, Snooze
from services.router.policy import ANYBODY
from shared.lead.ids import derive_id
from shared.policy.models import Queue
from shared.storage.change_set import ChangeSet
from shared.storage.rows import IdentityMap, Put, Remove, Row
from shared.worker.rows import TimerRow
from tests.support.routing_policies import queue, rep, routing_policy_with
from tests.support.scored_leads import AT

LATER = AT + timedelta(hours=1)
ACCEPT_BY = AT + timedelta(hours=4)
TIMER = TimerRow(subject="lead-1", role=ROLE, kind=SLA, due_at=ACCEPT_BY)
ONE, TWO = rep("one", weight=1), rep("two", "bdr", "sdr", weight=1)
IDLE = rep("idle").model_copy(update={"queues": ()})
QUEUES: dict[str, Queue] = {"sdr": queue("4h"), "bdr": queue("1h")}
POLICY = routing_policy_with((ONE, TWO, IDLE), QUEUES)


def assignment(id_: str = "a-1", lead: str = "lead-1", rep_id: str = "one", **given: Any) -> AssignmentRow:
    """Return an assignment that is open since 9:00."""
    row = AssignmentRow(id_, lead, "kestrel.example", "sdr", rep_id, "open", 1, AT, ACCEPT_BY)
    return replace(row, **given)


def ended(id_: str, rep_id: str, state: str, **given: Any) -> AssignmentRow:
    return assignment(id_, rep_id=rep_id, state=state, closed_at=LATER, **given)


def over(*rows: Row) -> ChangeSet:
    return ChangeSet(IdentityMap(rows))


def test_an_opened_assignment_is_charged_and_has_a_timer():
    changes = over(RepQueueRow("sdr", "one"), RepQueueRow("sdr", "two"))
    opened = open_assignment(
        changes, POLICY,
        lead_id="lead-1", account="kestrel.example", queue="sdr", rep=ONE, sequence=7, cause="event", at=AT,
        demands=ANYBODY,
    )  # fmt: skip
    assert opened == AssignmentRow(
        id=derive_id("assignment", "lead-1", "event", 7),
        lead_id="lead-1",
        account="kestrel.example",
        queue="sdr",
        rep="one",
        state="open",
        sequence=7,
        opened_at=AT,
        accept_by=ACCEPT_BY,
    )
    assert changes.changes == (
        Put(opened),
        Put(RepQueueRow("sdr", "one", credits=1, balance=-LEAD // 2, open_leads=1, out_of_turn=1, number=1)),
        Put(RepQueueRow("sdr", "two", credits=0, balance=LEAD // 2, open_leads=0)),
        Put(QueueRow("sdr", steady=False)),
        Put(TIMER),
    )


def test_an_assignment_in_a_queue_that_the_policy_no_longer_has_has_no_deadline_and_no_timer():
    changes = over()
    opened = open_assignment(
        changes, POLICY,
        lead_id="lead-1", account="a", queue="gone", rep=ONE, sequence=1, cause="event", at=AT, demands=ANYBODY,
    )  # fmt: skip
    assert opened.accept_by is None
    charged = RepQueueRow("gone", "one", credits=1, open_leads=1, out_of_turn=1, number=1)
    assert changes.changes == (Put(opened), Put(charged))


def test_accepting_stops_the_timer():
    changes = over(assignment(), TIMER)
    accept_assignment(changes, assignment(), LATER)
    accepted = assignment(state="accepted", accepted_at=LATER)
    assert changes.changes == (Put(accepted), Remove(TimerRow, TIMER.key))
    assert accepted.active


@pytest.mark.parametrize("state", ["rejected", "won", "lost", "handed_on", "moved", "overdue", "withdrawn"])
def test_ending_frees_the_rep_stops_the_timer_and_keeps_the_credit(state):
    changes = over(assignment(), TIMER, RepQueueRow("sdr", "one", credits=3, balance=-2, open_leads=2))
    end_assignment(changes, assignment(), state, LATER)
    assert changes.changes == (
        Put(assignment(state=state, closed_at=LATER)),
        Put(RepQueueRow("sdr", "one", credits=3, balance=-2, open_leads=1)),
        Remove(TimerRow, TIMER.key),
    )


def test_an_extended_deadline_moves_the_timer():
    changes = over(assignment(), TIMER)
    until = AT + timedelta(days=1)
    extend_deadline(changes, routing_policy_with(), assignment(), until)
    snooze = Snooze(until, ACCEPT_BY, None)
    put_off = assignment(accept_by=until, snoozed=snooze)
    assert changes.changes == (Put(put_off), Put(replace(TIMER, due_at=until)))
    end_snooze(changes, routing_policy_with(), put_off, snooze)
    assert changes.get(AssignmentRow, "a-1") == assignment()
    assert changes.get(TimerRow, *TIMER.key) == TIMER


def test_the_active_assignment_of_a_lead_is_the_one_that_has_not_ended():
    changes = over(ended("a-0", "two", "rejected"), assignment(), assignment("a-2", lead="lead-2"))
    assert active_assignment(changes, "lead-1") == assignment()
    assert active_assignment(over(ended("a-0", "two", "rejected")), "lead-1") is None
    assert active_assignment(changes, "lead-3") is None


def test_reps_are_excluded_by_how_their_assignments_of_this_lead_ended():
    changes = over(
        ended("a-1", "one", "rejected"),
        ended("a-2", "two", "overdue"),
        ended("a-3", "three", "won"),
        ended("a-4", "four", "rejected", lead_id="lead-2"),
        assignment("a-5", rep_id="five"),
    )
    assert excluded_reps(changes, "lead-1") == {"one"}
    assert excluded_reps(changes, "lead-1", ("rejected", "overdue")) == {"one", "two"}
    assert excluded_reps(changes, "lead-3") == frozenset()


# Account owners


def owner_of(
    *assignments: AssignmentRow, crm_owner: str | None = None, excluded: frozenset[str] = frozenset()
) -> AccountOwner | None:
    return account_owner(
        over(*assignments), POLICY, "kestrel.example", crm_owner=crm_owner, excluded=excluded
    )


def test_the_owner_in_the_crm_owns_the_account_with_the_first_of_the_reps_queues():
    assert owner_of(assignment(), crm_owner="two") == AccountOwner(TWO, "bdr", "crm")


@pytest.mark.parametrize(
    ("crm_owner", "excluded"),
    [(None, frozenset()), ("left", frozenset()), ("idle", frozenset()), ("two", frozenset({"two"}))],
)
def test_without_a_usable_crm_owner_the_rep_of_an_active_assignment_owns_the_account(crm_owner, excluded):
    found = owner_of(assignment(queue="bdr"), crm_owner=crm_owner, excluded=excluded)
    assert found == AccountOwner(ONE, "bdr")


def test_the_oldest_active_assignment_decides_and_the_id_if_they_are_equally_old():
    old = assignment("a-9", rep_id="two", opened_at=AT - timedelta(hours=1))
    older_but_ended = ended("a-8", "one", "won", opened_at=AT - timedelta(hours=2))
    elsewhere = assignment("a-7", account="other.example", opened_at=AT - timedelta(hours=3))
    assert owner_of(assignment(), old, older_but_ended, elsewhere) == AccountOwner(TWO, "sdr")
    assert owner_of(assignment("b"), assignment("a", rep_id="two")) == AccountOwner(TWO, "sdr")


def test_nobody_owns_an_account_without_assignments_or_whose_rep_left_or_is_excluded():
    assert owner_of() is None
    assert owner_of(ended("a-1", "one", "won")) is None
    assert owner_of(assignment(rep_id="left")) is None
    assert owner_of(assignment(), excluded=frozenset({"one"})) is None
