"""Assignments: opening, accepting, extending and ending a rep's work on a lead, as owner or beside the owner.

Invariants, which the tests check after every event:

- a lead has at most one owner, and any number of reps who joined the owner;
- every assignment is charged one credit of the rotation when it opens; one that is rejected for a reason in
  `credit_back` gets it back, once;
- a rep's `open_leads` is the number of active assignments.
"""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Literal

from msgspec import Struct
from msgspec.structs import replace

from services.router.domain.eligibility import note_assignment
from services.router.domain.ladder import DueStep, StepClock, accept_by_of, clocks_from, snoozed, steps_of
from services.router.domain.rotation import charge, release
from services.router.domain.state import AssignmentRow, ClosedState, RoutedLeadRow, Snooze
from services.router.domain.turns import Selection
from services.router.policy import Demands, RoutingPolicy
from shared.lead.events.routing import Motion
from shared.lead.ids import derive_id
from shared.storage.change_set import ChangeSet
from shared.worker.rows import TimerRow

if TYPE_CHECKING:
    from shared.policy.models import Rep

ROLE = "router"
SLA = "sla"
"""The kind of the timer that fires when an owner has not accepted a lead by the next step or the deadline."""


class AccountOwner(Struct, frozen=True):
    """The rep who owns an account, the queue that new leads of the account join, and who says so.

    That is the CRM, or another lead of the account.
    """

    rep: Rep
    queue: str
    of: Literal["account", "crm"] = "account"


def active_assignment(changes: ChangeSet, lead_id: str) -> AssignmentRow | None:
    """Return the assignment of a lead's owner, or None."""
    found = changes.find(AssignmentRow, "lead_id", lead_id)
    # Asked several times in each decision, so the field is read directly.
    active = [one for one in found if one.closed_at is None and not one.joined]
    if len(active) <= 1:
        return active[0] if active else None
    return min(active, key=lambda assignment: assignment.age)


def excluded_reps(
    changes: ChangeSet, lead_id: str, states: tuple[ClosedState, ...] = ("rejected",)
) -> frozenset[str]:
    """Return the ids of the reps who rejected this lead, or whose assignment ended in one of `states`."""
    assignments = changes.find(AssignmentRow, "lead_id", lead_id)
    lead = changes.get(RoutedLeadRow, lead_id)
    ended = frozenset(assignment.rep for assignment in assignments if assignment.state in states)
    return ended if lead is None else ended.union(lead.rejected_by)


def account_owner(
    changes: ChangeSet,
    policy: RoutingPolicy,
    account: str,
    *,
    crm_owner: str | None,
    excluded: frozenset[str],
) -> AccountOwner | None:
    """Return who owns the account: the owner in the CRM, else the rep of its oldest active assignment.

    Who has left the team, and a manager who is no rep, owns none. None when that rep is in `excluded`.
    """
    rep = policy.rep_of(crm_owner)
    if rep is not None and rep.id not in excluded and rep.queues:
        return AccountOwner(rep, rep.queues[0], "crm")
    of_account = changes.find(AssignmentRow, "account", account)
    held = [one for one in of_account if one.active and not one.joined and one.rep in policy.reps]
    oldest = min(held, key=lambda assignment: assignment.age, default=None)
    if oldest is None or oldest.rep in excluded:
        return None
    rep = policy.reps[oldest.rep]
    # A queue that the policy no longer has gets no new leads.
    return AccountOwner(
        rep, oldest.queue if oldest.queue in policy.queues or not rep.queues else rep.queues[0]
    )


def holders_in_queue(changes: ChangeSet, account: str, queue: str) -> list[str]:
    """Return the ids of the reps with active assignments of the account in a queue, by their oldest one.

    It does not matter whether a rep owns the lead or joined its owner.
    """
    held = [
        one for one in changes.find(AssignmentRow, "account", account) if one.active and one.queue == queue
    ]
    return [*dict.fromkeys(one.rep for one in sorted(held, key=lambda assignment: assignment.age))]


def open_assignment(
    changes: ChangeSet,
    policy: RoutingPolicy,
    *,
    lead_id: str,
    account: str,
    queue: str,
    rep: Rep,
    sequence: int,
    cause: str,
    at: datetime,
    demands: Demands,
    selection: Selection | None = None,
    joined: bool = False,
    queue_clock: StepClock | None = None,
) -> AssignmentRow:
    """Assign the lead to the rep, charge the credit, and start the clock for accepting it.

    `demands` are those of the lead, and `selection` is the choice that the rotation made, if any. A rep who
    `joined` the owner has nothing to accept. `queue_clock` is given if the queue's ladder goes on.
    """
    assignment = AssignmentRow(
        id=derive_id("assignment", lead_id, cause, sequence),
        lead_id=lead_id,
        account=account,
        queue=queue,
        rep=rep.id,
        state="open",
        sequence=sequence,
        opened_at=at,
        accept_by=None,
        joined=joined,
    )
    if not joined:
        assignment = with_clock(policy, assignment, at, queue_clock)
    changes.put(assignment)
    charge(changes, policy, queue, rep, at, demands=demands, selection=selection)
    note_assignment(changes, policy, rep.id, at)
    start_timer(changes, policy, assignment)
    return assignment


def accept_assignment(changes: ChangeSet, assignment: AssignmentRow, at: datetime) -> None:
    """Record that the owner accepted the lead, and stop the timer."""
    changes.put(replace(assignment, state="accepted", accepted_at=at))
    _stop_sla_timer(changes, assignment.lead_id)


def end_assignment(changes: ChangeSet, assignment: AssignmentRow, state: ClosedState, at: datetime) -> None:
    """End the rep's ownership and stop the timer. The credit stays charged."""
    changes.put(replace(assignment, state=state, closed_at=at))
    release(changes, assignment.queue, assignment.rep)
    if not assignment.joined:
        _stop_sla_timer(changes, assignment.lead_id)


def joined_assignments(changes: ChangeSet, lead_id: str) -> list[AssignmentRow]:
    """Return the active assignments of the reps who joined a lead's owner, the oldest first."""
    found = changes.find(AssignmentRow, "lead_id", lead_id)
    return sorted((one for one in found if one.active and one.joined), key=lambda one: one.age)


def end_joined(changes: ChangeSet, lead_id: str, state: ClosedState, at: datetime) -> None:
    """End the assignments of the reps who joined the owner of a lead that nobody works any more."""
    for assignment in joined_assignments(changes, lead_id):
        end_assignment(changes, assignment, state, at)


def extend_deadline(
    changes: ChangeSet, policy: RoutingPolicy, assignment: AssignmentRow, until: datetime
) -> None:
    """Give the owner until `until` to accept the lead. A ladder stands still until then."""
    snooze = Snooze(until, assignment.accept_by, assignment.ladder)
    steps = steps_to_come(policy, assignment)
    if assignment.ladder is not None and steps is not None:
        clocks = snoozed(assignment.ladder, steps, policy.hours.get(assignment.rep), until)
        assignment = replace(assignment, ladder=clocks)
    assignment = replace(assignment, accept_by=until, snoozed=snooze)
    changes.put(assignment)
    start_timer(changes, policy, assignment)


def end_snooze(changes: ChangeSet, policy: RoutingPolicy, assignment: AssignmentRow, snooze: Snooze) -> None:
    """Let the clock go on as if the owner had not put the lead off: what was due by now is due at once."""
    assignment = replace(assignment, accept_by=snooze.accept_by, ladder=snooze.ladder, snoozed=None)
    _stop_sla_timer(changes, assignment.lead_id)
    changes.put(assignment)
    start_timer(changes, policy, assignment)


def set_clock(
    changes: ChangeSet, policy: RoutingPolicy, assignment: AssignmentRow, motion: Motion, at: datetime
) -> AssignmentRow:
    """Stop the clock of a lead that turned nurture before its owner accepted it; start it when it is work."""
    has_clock = assignment.accept_by is not None
    if assignment.state != "open" or has_clock == (motion == "work"):
        return assignment
    if motion == "nurture":
        _stop_sla_timer(changes, assignment.lead_id)
        assignment = replace(assignment, accept_by=None, ladder=None, snoozed=None)
    else:
        assignment = with_clock(policy, assignment, at)
        start_timer(changes, policy, assignment)
    changes.put(assignment)
    return assignment


def with_clock(
    policy: RoutingPolicy, assignment: AssignmentRow, at: datetime, queue_clock: StepClock | None = None
) -> AssignmentRow:
    """Return the assignment with the clock that begins at `at`: the queue's ladder, or its deadline."""
    settings = policy.queues.get(assignment.queue)
    clocks = clocks_from(at, queue_clock) if settings is not None and settings.ladder else None
    assignment = replace(assignment, ladder=clocks, snoozed=None)
    accept_by = accept_by_of(steps_to_come(policy, assignment) or ())
    return replace(assignment, accept_by=accept_by or policy.accept_by(assignment.queue, assignment.rep, at))


def start_timer(changes: ChangeSet, policy: RoutingPolicy, assignment: AssignmentRow) -> None:
    """Set the timer of a lead that its owner has not accepted: for the ladder's next step, or the deadline.

    There is none after the last step of a ladder.
    """
    steps = steps_to_come(policy, assignment)
    due_at = assignment.accept_by
    if steps is not None:
        due_at = steps[0].due_at if steps else None
    if due_at is not None:
        changes.put(TimerRow(subject=assignment.lead_id, role=ROLE, kind=SLA, due_at=due_at))


def steps_to_come(policy: RoutingPolicy, assignment: AssignmentRow) -> list[DueStep] | None:
    """Return the steps of the ladder that are to come for the owner, None if no ladder applies.

    None applies to an assignment that began without one, and in a queue that has none any more.
    """
    settings = policy.queues.get(assignment.queue)
    if settings is None or assignment.ladder is None or not settings.ladder:
        return None
    return steps_of(settings.ladder, assignment.ladder, policy.hours.get(assignment.rep))


def _stop_sla_timer(changes: ChangeSet, lead_id: str) -> None:
    changes.remove(TimerRow, lead_id, ROLE, SLA)
