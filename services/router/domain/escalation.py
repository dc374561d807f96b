"""What happens when an owner has not accepted a lead in time: the ladder of the queue, or its deadline."""

from __future__ import annotations

from collections.abc import Collection
from typing import TYPE_CHECKING

from msgspec.structs import replace

from services.router.domain.decide import choose_rep
from services.router.domain.eligibility import demands_of
from services.router.domain.emit import decision_of, emit_ownership_change
from services.router.domain.ladder import steps_at, with_taken
from services.router.domain.ownership import (
    active_assignment,
    end_assignment,
    excluded_reps,
    start_timer,
    steps_to_come,
)
from services.router.domain.ownership_changes import DecisionContext, assign_next
from services.router.domain.state import AssignmentRow, RoutedLeadRow
from shared.lead.events.lead_escalated import LeadEscalatedV1
from shared.storage.change_set import ChangeSet

if TYPE_CHECKING:
    from shared.policy.models import LadderStep


def escalate(changes: ChangeSet, context: DecisionContext, lead_id: str) -> bool:
    """Take the steps of the ladder that are due; without a ladder, escalate the lead and reassign it.

    Returns whether an event was emitted. A step that another policy put off is taken when it is due.
    """
    lead = changes.get(RoutedLeadRow, lead_id)
    assignment = active_assignment(changes, lead_id)
    if lead is None or assignment is None or assignment.state != "open":
        return False
    steps, clocks = steps_to_come(context.policy, assignment), assignment.ladder
    if clocks is None or steps is None:
        if clocks is not None and assignment.accept_by is not None and assignment.accept_by > context.at:
            start_timer(changes, context.policy, assignment)
            return False
        _tell(changes, context, assignment)
        excluded = {assignment.rep} | excluded_reps(changes, lead_id, ("rejected", "overdue"))
        _give_to_next(changes, context, assignment, excluded)
        return True
    assignment = replace(assignment, ladder=with_taken(clocks, steps, context.at))
    changes.put(assignment)
    start_timer(changes, context.policy, assignment)
    due = steps_at(steps, context.at)
    for one in due:
        owned = active_assignment(changes, lead_id)
        if owned is None:
            break
        _tell(changes, context, owned, one.step)
        if one.step.do in ("reassign", "fallback"):
            had_it = {row.rep for row in changes.find(AssignmentRow, "lead_id", lead_id)}
            had_it |= excluded_reps(changes, lead_id)
            _give_to_next(changes, context, owned, had_it, to_fallback=one.step.do == "fallback")
    return bool(due)


def _give_to_next(
    changes: ChangeSet,
    context: DecisionContext,
    assignment: AssignmentRow,
    excluded: Collection[str],
    *,
    to_fallback: bool = False,
) -> None:
    """Give the lead to the next rep of its queue; its owner keeps it when nobody may have it.

    With `to_fallback` it goes to the fallback queue, where it waits when nobody may have it.
    """
    lead, settings = (
        changes.get(RoutedLeadRow, assignment.lead_id),
        context.policy.queues.get(assignment.queue),
    )
    fallback = settings.fallback if to_fallback and settings is not None else None
    if lead is None:
        return
    selection, queue = choose_rep(
        changes,
        context.policy,
        fallback or assignment.queue,
        context.at,
        excluded,
        use_fallback=fallback is not None,
        demands=demands_of(context.policy, lead),
    )
    if selection.rep is None and fallback is None:
        return
    end_assignment(changes, assignment, "overdue", context.at)
    assign_next(
        changes,
        context,
        lead,
        selection,
        queue,
        previous=assignment.rep,
        reason="sla" if fallback is None else "fallback",
        queue_clock=assignment.ladder.queue if assignment.ladder is not None and fallback is None else None,
    )


def _tell(
    changes: ChangeSet,
    context: DecisionContext,
    assignment: AssignmentRow,
    step: LadderStep | None = None,
) -> None:
    """Emit `lead.escalated`: whom it is about, the step, and for an escalation the manager who is told."""
    lead = changes.get(RoutedLeadRow, assignment.lead_id)
    if lead is None:
        return
    why, to = "not accepted in time", None
    if step is not None:
        why = f"not accepted within {step.after}"
        rep = context.policy.rep_of(assignment.rep)
        to = (rep.manager if rep else None) if step.to == "manager" else step.to
    changes.put(
        emit_ownership_change(
            changes,
            context.policy,
            LeadEscalatedV1,
            lead,
            decision_of(lead, "kept", assignment, why),
            reason="sla",
            at=context.at,
            step=step.do if step else None,
            to=to,
        )
    )
