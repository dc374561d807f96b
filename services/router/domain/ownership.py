"""Who owns a lead: opening, accepting and ending assignments. Each verb writes into a draft.

A lead has at most one active assignment. Every assignment costs one credit of the rotation, when it is
opened and never again.
"""

from __future__ import annotations

from datetime import datetime

from msgspec import Struct
from msgspec.structs import replace

from services.router.domain.policy import RoutingPolicy
from services.router.domain.rotation import charge, relieve
from services.router.domain.state import AssignmentRow, Ended
from shared.lead.ids import derive_id
from shared.policy.models import Rep
from shared.storage.change_set import ChangeSet
from shared.worker.rows import TimerRow

ROLE = "router"
SLA = "sla"


class Holder(Struct, frozen=True):
    """A rep who owns an account, and the queue that the account's leads go to."""

    rep: Rep
    queue: str


def active_assignment(draft: ChangeSet, lead_id: str) -> AssignmentRow | None:
    """Return the assignment by which somebody owns the lead, or None."""
    active = [each for each in draft.find(AssignmentRow, "lead_id", lead_id) if each.active]
    return min(active, key=lambda each: each.age, default=None)


def excluded_reps(
    draft: ChangeSet, lead_id: str, states: tuple[Ended, ...] = ("rejected",)
) -> frozenset[str]:
    """Return the reps who gave this lead back, or whose assignment ended in one of `states`."""
    return frozenset(
        each.rep for each in draft.find(AssignmentRow, "lead_id", lead_id) if each.state in states
    )


def account_holder(
    draft: ChangeSet, plan: RoutingPolicy, account: str, *, named: str | None, excluded: frozenset[str]
) -> Holder | None:
    """Return who owns the account: the rep whom the CRM names, else by its oldest active assignment."""
    rep = plan.rep_of(named)
    if rep is not None and rep.id not in excluded and rep.queues:
        return Holder(rep, rep.queues[0])
    active = (each for each in draft.find(AssignmentRow, "account", account) if each.active)
    oldest = min(active, key=lambda each: each.age, default=None)
    rep = plan.rep_of(oldest.rep) if oldest else None
    if oldest is None or rep is None or rep.id in excluded:
        return None
    return Holder(rep, oldest.queue)


def open_assignment(
    draft: ChangeSet,
    plan: RoutingPolicy,
    *,
    lead_id: str,
    account: str,
    queue: str,
    rep: Rep,
    sequence: int,
    cause: str,
    at: datetime,
) -> AssignmentRow:
    """Give the lead to the rep, from `at` on, and start the clock."""
    accept_by = plan.accept_by(queue, rep.id, at)
    assignment = AssignmentRow(
        id=derive_id("assignment", lead_id, cause, sequence),
        lead_id=lead_id,
        account=account,
        queue=queue,
        rep=rep.id,
        state="open",
        sequence=sequence,
        opened_at=at,
        accept_by=accept_by,
    )
    draft.put(assignment)
    charge(draft, plan, queue, rep, at)
    if accept_by is not None:
        draft.put(sla_timer(lead_id, accept_by))
    return assignment


def accept_assignment(draft: ChangeSet, assignment: AssignmentRow, at: datetime) -> None:
    """Note that the owner took the lead up: the clock stops."""
    draft.put(replace(assignment, state="accepted", accepted_at=at))
    _stop_clock(draft, assignment.lead_id)


def end_assignment(draft: ChangeSet, assignment: AssignmentRow, state: Ended, at: datetime) -> None:
    """Let the rep own the lead no more; the credit stays spent."""
    draft.put(replace(assignment, state=state, closed_at=at))
    relieve(draft, assignment.queue, assignment.rep)
    _stop_clock(draft, assignment.lead_id)


def put_off(draft: ChangeSet, assignment: AssignmentRow, until: datetime) -> None:
    """Give the owner until then to accept."""
    draft.put(replace(assignment, accept_by=until))
    draft.put(sla_timer(assignment.lead_id, until))


def sla_timer(lead_id: str, due_at: datetime) -> TimerRow:
    """Return the clock of a lead's owner."""
    return TimerRow(subject=lead_id, role=ROLE, kind=SLA, due_at=due_at)


def _stop_clock(draft: ChangeSet, lead_id: str) -> None:
    draft.remove(TimerRow, lead_id, ROLE, SLA)
