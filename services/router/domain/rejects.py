"""What a rejection does with a lead, by its reason: `reject` and `credit_back` in routing.yaml.

Whoever rejects a lead is remembered on the lead and never gets it again.
"""

from __future__ import annotations

from datetime import datetime
from typing import Final

from msgspec.structs import replace

from services.router.domain.decide import ScoredLead, route_scored
from services.router.domain.eligibility import demands_of, uncount_assignment
from services.router.domain.emit import decision_of, emit_ownership_change
from services.router.domain.ownership import (
    ROLE,
    active_assignment,
    end_assignment,
    end_joined,
    excluded_reps,
)
from services.router.domain.ownership_changes import (
    DecisionContext,
    assign_next,
    close,
)
from services.router.domain.rejections import REJECTED, with_rejection
from services.router.domain.rotation import choose_rep, refund
from services.router.domain.state import AssignmentRow, RoutedLeadRow, scored_lead_of
from services.router.policy import RoutingPolicy
from shared.lead.events.lead_reassigned import LeadReassignedV1
from shared.lead.events.routing import Change, Considered
from shared.storage.change_set import ChangeSet
from shared.worker.rows import TimerRow

RECYCLE: Final = "recycle"
"""The kind of the timer that fires when a rejected lead is to be routed again."""


def reject(
    changes: ChangeSet,
    context: DecisionContext,
    lead: RoutedLeadRow,
    assignment: AssignmentRow,
    reason: str | None,
    *,
    told_at: datetime | None = None,
) -> bool:
    """End the owner's assignment and do with the lead what the policy says of the reason.

    `told_at` is the time of the outcome that reported the rejection, None where the rep rejects the lead.
    """
    routing, at = context.policy.compiled.policy.routing, context.at
    rule, reason = routing.reject_rule(reason), noted_reason(context.policy, reason)
    gets_credit_back = routing.gives_credit_back(reason)
    if gets_credit_back:
        refund(
            changes,
            context.policy,
            assignment.queue,
            assignment.rep,
            at,
            demands=demands_of(context.policy, lead),
        )
        uncount_assignment(changes, assignment.rep, assignment.opened_at)
    assignment = replace(assignment, reason=reason, credited_back=gets_credit_back)
    changes.put(assignment)
    back_after = rule.after.timedelta if rule.do == "recycle" and rule.after is not None else None
    lead = with_rejection(
        replace(lead, queue=assignment.queue),
        assignment,
        reason,
        at=at,
        actor=context.actor,
        disqualified=rule.do == "disqualify",
        back_after=back_after,
        told_at=told_at,
    )
    changes.put(lead)
    if rule.do == "disqualify":
        return close(changes, context, lead, "disqualified", reason=reason)
    end_assignment(changes, assignment, "rejected", at)
    if back_after is not None:
        return recycle(changes, context, lead, assignment, reason=reason, until=at + back_after)
    if rule.do == "reroute" and lead.scored is not None:
        return reroute(changes, context, lead, assignment, reason)
    selection, queue = choose_rep(
        changes,
        context.policy,
        assignment.queue,
        at,
        excluded_reps(changes, lead.lead_id),
        use_fallback=True,
        demands=demands_of(context.policy, lead),
    )
    assign_next(changes, context, lead, selection, queue, previous=assignment.rep, reason=reason)
    return True


def noted_reason(policy: RoutingPolicy, reason: str | None) -> str:
    """Return the reason of a rejection as it is stored: in the policy's spelling, else as it was given."""
    known = policy.compiled.policy.routing.known_reason(reason)
    return (known or (reason or "").strip() or REJECTED)[:200]


def recycle(
    changes: ChangeSet,
    context: DecisionContext,
    lead: RoutedLeadRow,
    assignment: AssignmentRow,
    *,
    reason: str,
    until: datetime,
) -> bool:
    """Nurture the lead until the time; then the timer has it routed again."""
    end_joined(changes, lead.lead_id, "withdrawn", context.at)
    lead = replace(lead, status="listed", motion="nurture", recycle_at=until)
    changes.put(TimerRow(subject=lead.lead_id, role=ROLE, kind=RECYCLE, due_at=until))
    resting = f"routed again on {until:%Y-%m-%d}"
    changes.put(
        emit_released(changes, context, lead, assignment, change="listed", reason=reason, also=(resting,))
    )
    return True


def reroute(
    changes: ChangeSet,
    context: DecisionContext,
    lead: RoutedLeadRow,
    assignment: AssignmentRow,
    reason: str,
) -> bool:
    """Decide on the lead again, by its stored score and without the reps who rejected it."""
    changes.put(replace(lead, status="waiting", waiting_since=context.at))
    route_again(changes, context, lead.lead_id)
    routed = changes.get(RoutedLeadRow, lead.lead_id)
    if routed is not None and routed.status != "suppressed":
        owned = active_assignment(changes, lead.lead_id)
        change: Change = "listed" if routed.status == "listed" else "waiting" if owned is None else "moved"
        considered: tuple[Considered, ...] = ()
        if change == "waiting":
            # No event of the routing says it: the lead waited before.
            selection, _queue = choose_rep(
                changes,
                context.policy,
                routed.queue,
                context.at,
                excluded_reps(changes, lead.lead_id),
                use_fallback=True,
                demands=demands_of(context.policy, routed),
            )
            considered = selection.considered
        released = emit_released(
            changes, context, routed, assignment, change=change, reason=reason, considered=considered
        )
        changes.put(released)
    return True


def route_recycled(changes: ChangeSet, context: DecisionContext, lead_id: str) -> bool:
    """Route a recycled lead again, unless something else has become of it."""
    lead = changes.get(RoutedLeadRow, lead_id)
    if lead is None or lead.recycle_at is None or lead.status != "listed":
        return False
    if lead.recycle_at > context.at:
        changes.put(TimerRow(subject=lead_id, role=ROLE, kind=RECYCLE, due_at=lead.recycle_at))
        return False
    changes.put(replace(lead, recycle_at=None))
    return route_again(changes, context, lead_id)


def route_again(changes: ChangeSet, context: DecisionContext, lead_id: str) -> bool:
    """Decide on a lead by its stored score and the present policy; False for one whose score is not kept."""
    lead = changes.get(RoutedLeadRow, lead_id)
    data = scored_lead_of(lead) if lead is not None else None
    if lead is None or data is None or lead.scored is None:
        return False
    return route_scored(changes, context.policy, ScoredLead(data, lead.scored, context.cause, context.at))


def emit_released(
    changes: ChangeSet,
    context: DecisionContext,
    lead: RoutedLeadRow,
    assignment: AssignmentRow,
    *,
    change: Change,
    reason: str,
    also: tuple[str, ...] = (),
    considered: tuple[Considered, ...] = (),
) -> RoutedLeadRow:
    """Emit that the owner gave the lead up, with whoever has it now; return the lead's row.

    `also` are reasons of the decision besides that of the rejection, `considered` why nobody got the lead.
    """
    decision = decision_of(lead, change, active_assignment(changes, lead.lead_id), reason)
    return emit_ownership_change(
        changes,
        context.policy,
        LeadReassignedV1,
        lead,
        replace(decision, reasons=[reason, *also], considered=[*considered]),
        reason=reason,
        at=context.at,
        previous_owner=assignment.rep,
        previous_queue=assignment.queue,
        actor=context.actor,
    )
