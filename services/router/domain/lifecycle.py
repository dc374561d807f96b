"""What happens to a lead after it was routed: actions of reps, outcomes, the SLA timer, waiting, erasure.

Each function but `erase` returns whether it changed anything. An input that does not fit
the lead's state (another rep's lead, a lead that has ended) changes nothing.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any, Final

from msgspec import Struct
from msgspec.structs import replace

from services.router.domain.decide import ScoredLead, choose_rep, route_scored
from services.router.domain.emit import decision_of, emit_ownership_change, scored_lead_of
from services.router.domain.ownership import (
    accept_assignment,
    active_assignment,
    end_assignment,
    excluded_reps,
    extend_deadline,
    open_assignment,
)
from services.router.domain.refusals import LeadState, why_refused
from services.router.domain.rotation import Selection
from services.router.domain.state import CLOSED, AssignmentRow, ClosedStatus, RoutedLeadRow
from services.router.policy import RoutingPolicy
from shared.lead.events.action_received import ActionReceivedV1
from shared.lead.events.lead_closed import LeadClosedV1
from shared.lead.events.lead_escalated import LeadEscalatedV1
from shared.lead.events.lead_handed_off import LeadHandedOffV1
from shared.lead.events.lead_reassigned import LeadReassignedV1
from shared.lead.events.outcome_received import Amount, OutcomeReceivedV1
from shared.lead.events.parts import Actor
from shared.lead.events.routing import Change
from shared.storage.change_set import ChangeSet

_ACCEPTING_OUTCOMES: Final = frozenset({"accepted", "meeting_booked", "opportunity"})
"""Outcomes that only a rep who works the lead can report, so they count as accepting it."""


class DecisionContext(Struct, frozen=True):
    """The policy and the time of a decision, the cause from which ids are derived, and who acted."""

    policy: RoutingPolicy
    at: datetime
    cause: str
    actor: Actor | None = None


def apply_action(changes: ChangeSet, context: DecisionContext, action: ActionReceivedV1) -> bool:
    """Apply an action. A rep may act on own leads only; an action that names no rep is a manager's."""
    lead = changes.get(RoutedLeadRow, action.lead_id)
    assignment = active_assignment(changes, action.lead_id)
    takes = lead is not None and lead.status == "listed" and action.type == "accept"
    is_owners = assignment is not None and action.rep in (None, assignment.rep)
    if lead is None or not (takes or is_owners or action.type == "reassign"):
        return False
    if takes:
        return _take(changes, context, lead, action.rep)
    if assignment is None or action.type in ("reassign", "handoff"):
        return _reassign(changes, context, lead, assignment, action)
    if action.type == "accept":
        return _accept(changes, assignment, context.at)
    if action.type == "reject":
        return _reject(changes, context, lead, assignment, action.reason)
    snoozed = assignment.state == "open" and action.until is not None and action.until > context.at
    if snoozed and action.until is not None:
        extend_deadline(changes, assignment, action.until)
    return snoozed


def apply_outcome(
    changes: ChangeSet, context: DecisionContext, lead_id: str, outcome: OutcomeReceivedV1
) -> bool:
    """Apply an outcome from the CRM: it accepts or rejects an owned lead, or closes a lead."""
    lead = changes.get(RoutedLeadRow, lead_id)
    assignment = active_assignment(changes, lead_id)
    if lead is None:
        return False
    if outcome.type in ("won", "lost"):
        status: ClosedStatus = "won" if outcome.type == "won" else "lost"
        return close(changes, context, lead, status, reason=outcome.reason, amount=outcome.amount)
    if assignment is None:
        return False
    if outcome.type == "rejected":
        return _reject(changes, context, lead, assignment, outcome.reason)
    return outcome.type in _ACCEPTING_OUTCOMES and _accept(changes, assignment, context.at)


def close(
    changes: ChangeSet,
    context: DecisionContext,
    lead: RoutedLeadRow,
    status: ClosedStatus,
    *,
    reason: str | None,
    amount: Amount | None = None,
) -> bool:
    """End the lead, whoever owns it, and emit `lead.closed`. A lead may be closed again with another status.

    A suppressed or merged lead, and one that is closed like that already, stays as it is.
    """
    if lead.status in ("suppressed", "merged", status):
        return False
    assignment = active_assignment(changes, lead.lead_id)
    if assignment is not None:
        end_assignment(changes, assignment, status, context.at)
    queue = assignment.queue if assignment else lead.queue
    lead = replace(lead, status=status, queue=queue, waiting_since=None, released_by=None)
    reason = reason or status
    lead = emit_ownership_change(
        changes,
        context.policy,
        LeadClosedV1,
        lead,
        decision_of(lead, "closed", None, reason),
        reason=reason,
        at=context.at,
        previous_owner=assignment.rep if assignment else None,
        previous_queue=queue,
        actor=context.actor,
        status=status,
        amount=amount,
    )
    changes.put(lead)
    return True


def escalate(changes: ChangeSet, context: DecisionContext, lead_id: str) -> bool:
    """Emit that the owner did not accept in time, and reassign the lead within its queue.

    Each rep of the queue gets the lead once; when nobody is left, the last one keeps it.
    """
    lead = changes.get(RoutedLeadRow, lead_id)
    assignment = active_assignment(changes, lead_id)
    if lead is None or assignment is None or assignment.state != "open":
        return False
    decision = decision_of(lead, "kept", assignment, "not accepted in time")
    lead = emit_ownership_change(
        changes, context.policy, LeadEscalatedV1, lead, decision, reason="sla", at=context.at
    )
    changes.put(lead)
    excluded = {assignment.rep} | excluded_reps(changes, lead_id, ("rejected", "overdue"))
    selection, queue = choose_rep(
        changes, context.policy, assignment.queue, context.at, excluded, use_fallback=False
    )
    if selection.rep is not None:
        end_assignment(changes, assignment, "overdue", context.at)
        _assign_next(changes, context, lead, selection, queue, previous=assignment.rep, reason="sla")
    return True


def assign_waiting(changes: ChangeSet, context: DecisionContext, lead_id: str) -> bool:
    """Assign a waiting lead if somebody may have it by now.

    A lead that waits for its first owner is routed again, by its stored score and the present policy.
    """
    lead = changes.get(RoutedLeadRow, lead_id)
    if lead is None or lead.status != "waiting":
        return False
    data = scored_lead_of(lead) if lead.released_by is None else None
    if data is not None and lead.scored is not None:
        scored = ScoredLead(data, lead.scored, context.cause, context.at)
        return route_scored(changes, context.policy, scored)
    excluded = excluded_reps(changes, lead_id)
    selection, queue = choose_rep(
        changes, context.policy, lead.queue, context.at, excluded, use_fallback=True
    )
    if selection.rep is None:
        return False
    _assign_next(changes, context, lead, selection, queue, previous=None, reason="drained")
    return True


def erase(changes: ChangeSet, context: DecisionContext, lead_id: str, pseudonym: str) -> None:
    """Remove the lead. Its assignments stay under `pseudonym`, because the credits count for fairness."""
    for assignment in changes.find(AssignmentRow, "lead_id", lead_id):
        if assignment.active:
            end_assignment(changes, assignment, "erased", context.at)
        ended = changes.get(AssignmentRow, assignment.id) or assignment
        account = pseudonym if ended.account == lead_id else ended.account
        changes.put(replace(ended, lead_id=pseudonym, account=account))
    if changes.get(RoutedLeadRow, lead_id) is not None:
        changes.remove(RoutedLeadRow, lead_id)


def _take(changes: ChangeSet, context: DecisionContext, lead: RoutedLeadRow, rep_id: str | None) -> bool:
    """Give a listed lead, as work, to the rep of its queue who accepts it."""
    rep = context.policy.rep_of(rep_id)
    if rep is None or lead.queue not in rep.queues:
        return False
    lead = replace(lead, motion="work")
    taken = Selection(rep.id, ())
    _assign_next(changes, context, lead, taken, lead.queue, previous=None, reason="accepted")
    assignment = active_assignment(changes, lead.lead_id)
    return assignment is not None and _accept(changes, assignment, context.at)


def _accept(changes: ChangeSet, assignment: AssignmentRow, at: datetime) -> bool:
    if assignment.state != "open":
        return False
    accept_assignment(changes, assignment, at)
    return True


def _reject(
    changes: ChangeSet,
    context: DecisionContext,
    lead: RoutedLeadRow,
    assignment: AssignmentRow,
    reason: str | None,
) -> bool:
    """End the assignment and find another owner; without one the lead waits."""
    end_assignment(changes, assignment, "rejected", context.at)
    excluded = excluded_reps(changes, lead.lead_id)
    selection, queue = choose_rep(
        changes, context.policy, assignment.queue, context.at, excluded, use_fallback=True
    )
    reason = reason or "rejected"
    _assign_next(changes, context, lead, selection, queue, previous=assignment.rep, reason=reason)
    return True


def _reassign(
    changes: ChangeSet,
    context: DecisionContext,
    lead: RoutedLeadRow,
    assignment: AssignmentRow | None,
    action: ActionReceivedV1,
) -> bool:
    """Assign the lead to the rep or queue in `action.to`; without one, to the next rep of the lead's queue.

    A hand-off needs notes on what the policy requires.
    """
    policy, previous, is_hand_off = (
        context.policy,
        assignment.rep if assignment else None,
        action.type == "handoff",
    )
    state = LeadState(lead, changes.find(AssignmentRow, "lead_id", lead.lead_id))
    if is_hand_off and why_refused(policy.compiled.policy, state, action, context.at) is not None:
        return False
    rep = policy.rep_of(action.to)
    if rep is not None and rep.queues:
        queue = lead.queue if lead.queue in rep.queues else rep.queues[0]
        selection = Selection(rep.id, ())
    elif action.to in policy.queues or action.to is None:
        queue = action.to or lead.queue
        excluded = excluded_reps(changes, lead.lead_id) | ({previous} if previous else set())
        selection, queue = choose_rep(changes, policy, queue, context.at, excluded, use_fallback=False)
    else:
        return False
    if selection.rep in (None, previous):
        return False
    if assignment is not None:
        end_assignment(changes, assignment, "handed_on" if is_hand_off else "moved", context.at)
    notes = action.notes if is_hand_off else None
    reason = action.reason or action.type
    _assign_next(changes, context, lead, selection, queue, previous=previous, reason=reason, notes=notes)
    return True


def _assign_next(
    changes: ChangeSet,
    context: DecisionContext,
    lead: RoutedLeadRow,
    selection: Selection,
    queue: str,
    *,
    previous: str | None,
    reason: str,
    notes: dict[str, Any] | None = None,
) -> None:
    """Open the assignment after an ended one and emit it; without a selected rep the lead waits.

    Emits `lead.handed_off` if there are `notes`, else `lead.reassigned`, each with a brief for the new owner.
    """
    previous_queue = None if lead.status in CLOSED else lead.queue
    rep = context.policy.rep_of(selection.rep)
    assignment = None
    if rep is not None:
        assignment = open_assignment(
            changes,
            context.policy,
            lead_id=lead.lead_id,
            account=lead.account,
            queue=queue,
            rep=rep,
            sequence=lead.sequence + 1,
            cause=context.cause,
            at=context.at,
        )
        lead = replace(lead, status="routed", queue=queue, waiting_since=None, released_by=None)
    else:
        lead = replace(lead, status="waiting", queue=queue, waiting_since=context.at, released_by=previous)
    change: Change = "waiting" if assignment is None else "assigned" if previous is None else "moved"
    decision = replace(decision_of(lead, change, assignment, reason), considered=list(selection.considered))
    kind: type[LeadReassignedV1 | LeadHandedOffV1] = LeadReassignedV1 if notes is None else LeadHandedOffV1
    fields = {} if notes is None else {"notes": notes}
    lead = emit_ownership_change(
        changes,
        context.policy,
        kind,
        lead,
        decision,
        reason=reason,
        at=context.at,
        previous_owner=previous,
        previous_queue=previous_queue,
        actor=context.actor,
        **fields,
    )
    changes.put(lead)
