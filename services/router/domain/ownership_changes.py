"""Changes of a lead's owner between two routings: the rows, and the event that announces each."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from msgspec import Struct
from msgspec.structs import replace

from services.router.domain.eligibility import demands_of
from services.router.domain.emit import decision_of, emit_ownership_change
from services.router.domain.ladder import StepClock
from services.router.domain.ownership import (
    accept_assignment,
    active_assignment,
    end_assignment,
    end_joined,
    open_assignment,
)
from services.router.domain.state import CLOSED, ClosedStatus, RoutedLeadRow
from services.router.domain.turns import Selection
from services.router.policy import RoutingPolicy
from shared.lead.events.lead_closed import LeadClosedV1
from shared.lead.events.lead_handed_off import LeadHandedOffV1
from shared.lead.events.lead_reassigned import LeadReassignedV1
from shared.lead.events.outcome_received import Amount
from shared.lead.events.parts import Actor
from shared.lead.events.routing import Change
from shared.storage.change_set import ChangeSet


class DecisionContext(Struct, frozen=True):
    """The policy and the time of a decision, the cause from which ids are derived, and who acted."""

    policy: RoutingPolicy
    at: datetime
    cause: str
    actor: Actor | None = None


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
    end_joined(changes, lead.lead_id, status, context.at)
    queue = assignment.queue if assignment else lead.queue
    lead = replace(lead, status=status, queue=queue, waiting_since=None, released_by=None, recycle_at=None)
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


def assign_next(
    changes: ChangeSet,
    context: DecisionContext,
    lead: RoutedLeadRow,
    selection: Selection,
    queue: str,
    *,
    previous: str | None,
    reason: str,
    notes: dict[str, Any] | None = None,
    is_accepted: bool = False,
    queue_clock: StepClock | None = None,
) -> None:
    """Open the assignment after an ended one and emit it; without a selected rep the lead waits.

    `is_accepted` is given for a rep who took the lead: no clock runs. `queue_clock` is that of a ladder that
    goes on. Emits `lead.handed_off` if there are `notes`, else `lead.reassigned`, with a brief for the owner.
    """
    previous_queue = None if lead.status in CLOSED else lead.queue
    rep = context.policy.owner_of(selection.rep)
    assignment = None
    lead = replace(lead, queue=queue, recycle_at=None)
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
            demands=demands_of(context.policy, lead),
            selection=selection,
            queue_clock=queue_clock,
        )
        if is_accepted:
            accept_assignment(changes, assignment, context.at)
        lead = replace(lead, status="routed", waiting_since=None, released_by=None)
    else:
        lead = replace(lead, status="waiting", waiting_since=context.at, released_by=previous)
    change: Change = "waiting" if assignment is None else "assigned" if previous is None else "moved"
    considered, turn = selection.recorded
    decision = replace(decision_of(lead, change, assignment, reason), considered=list(considered), turn=turn)
    kind: type[LeadReassignedV1 | LeadHandedOffV1] = LeadReassignedV1 if notes is None else LeadHandedOffV1
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
        **({} if notes is None else {"notes": notes}),
    )
    changes.put(lead)
