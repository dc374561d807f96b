"""What happens when an owner has not accepted a lead in time: the ladder of the queue, or its deadline."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import TYPE_CHECKING

from msgspec.structs import replace

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
from services.router.domain.rotation import choose_rep
from services.router.domain.state import AssignmentRow, RoutedLeadRow
from shared.lead.events.lead_escalated import LeadEscalatedV1
from shared.lead.events.routing import Considered
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
        _give_to_next(
            changes,
            context,
            assignment,
            {assignment.rep} | excluded_reps(changes, lead_id, ("rejected", "overdue")),
        )
        return True
    assignment = replace(assignment, ladder=with_taken(clocks, steps, context.at))
    changes.put(assignment)
    start_timer(changes, context.policy, assignment)
    due = steps_at(steps, context.at)
    for one in due:
        owned = active_assignment(changes, lead_id)
        if owned is None:
            break
        if one.step.do in ("reassign", "fallback"):
            had_it = {row.rep for row in changes.find(AssignmentRow, "lead_id", lead_id)}
            _give_to_next(changes, context, owned, had_it | excluded_reps(changes, lead_id), one.step)
        else:
            _emit_escalated(changes, context, owned, one.step)
    return bool(due)


def _give_to_next(
    changes: ChangeSet,
    context: DecisionContext,
    assignment: AssignmentRow,
    excluded: Collection[str],
    step: LadderStep | None = None,
) -> None:
    """Escalate the lead and give it to the next rep of its queue, to none if nobody may have it.

    By the step `fallback` it goes to the fallback queue, where it waits if nobody may have it.
    """
    settings = context.policy.queues.get(assignment.queue)
    is_fallback = step is not None and step.do == "fallback"
    fallback = settings.fallback if is_fallback and settings is not None else None
    lead = changes.get(RoutedLeadRow, assignment.lead_id)
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
    is_kept = selection.rep is None and fallback is None
    lead = _emit_escalated(
        changes, context, assignment, step, passed_over=selection.considered if is_kept else ()
    )
    if is_kept or lead is None:
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


def _emit_escalated(
    changes: ChangeSet,
    context: DecisionContext,
    assignment: AssignmentRow,
    step: LadderStep | None,
    *,
    passed_over: Sequence[Considered] = (),
) -> RoutedLeadRow | None:
    """Emit `lead.escalated` and return the lead's row, None for a lead that is not known.

    It says whom it is about, the step, the manager whom an escalation notifies, and for a lead that its
    owner keeps, why nobody else got it.
    """
    lead = changes.get(RoutedLeadRow, assignment.lead_id)
    if lead is None:
        return None
    why, to = "not accepted in time", None
    if step is not None:
        why = f"not accepted within {step.after}"
        rep = context.policy.rep_of(assignment.rep)
        to = (rep.manager if rep else None) if step.to == "manager" else step.to
    decision = decision_of(lead, "kept", assignment, why)
    if passed_over:
        nobody = f"nobody else of {assignment.queue} may have it now, so its owner keeps it"
        others = [entry for entry in passed_over if entry.rep != assignment.rep]
        decision = replace(decision, reasons=[why, nobody], considered=others)
    lead = emit_ownership_change(
        changes,
        context.policy,
        LeadEscalatedV1,
        lead,
        decision,
        reason="sla",
        at=context.at,
        step=step.do if step else None,
        to=to,
    )
    changes.put(lead)
    return lead
