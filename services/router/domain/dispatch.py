"""The router's decisions by type of event, for the handler and for replays."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any, Final

from msgspec.structs import replace

from services.router.domain.decide import ScoredLead, route_scored
from services.router.domain.escalation import escalate
from services.router.domain.lead_ref import referenced_lead_id, resolve_alias
from services.router.domain.leavers import is_active, take_from_leavers, take_worked_lead, update_rep_rows
from services.router.domain.lifecycle import apply_action, assign_waiting
from services.router.domain.merged_leads import emit_merged, take_merged_leads
from services.router.domain.outcomes import apply_outcome
from services.router.domain.ownership import ROLE, SLA
from services.router.domain.ownership_changes import DecisionContext
from services.router.domain.parked_outcomes import (
    PARKED,
    apply_parked_outcomes,
    park_outcome,
    remove_parked_outcomes,
)
from services.router.domain.rejects import RECYCLE, route_recycled
from services.router.domain.state import RoutedLeadRow
from services.router.policy import RoutingPolicy
from shared.lead.events.action_received import ActionReceivedV1
from shared.lead.events.envelope import Event
from shared.lead.events.lead_scored import LeadScoredV1
from shared.lead.events.outcome_received import OutcomeReceivedV1
from shared.storage.change_set import ChangeSet
from shared.storage.rows import IdentityMap
from shared.worker.decision import Outcome, Step
from shared.worker.rows import TimerRow

ASSIGN_WAITING: Final = "drain"
"""The kind of the recurring timer, as it is stored; the value is older than the name."""
ASSIGN_WAITING_EVERY: Final = timedelta(seconds=2)


def assign_waiting_timer(due_at: datetime) -> TimerRow:
    """Return the recurring timer that assigns waiting leads.

    There is exactly one at all times, instead of one per waiting lead that an error could lose.
    """
    return TimerRow(subject="", role=ROLE, kind=ASSIGN_WAITING, due_at=due_at)


def dispatch(world: IdentityMap, policy: RoutingPolicy, event: Event[Any], at: datetime) -> Step:
    """Return the decision on an event by a version of the policy. Raises `DataError`."""
    changes = ChangeSet(world)
    outcome = decide_event(changes, world, policy, event, at)
    return Step(outcome, changes.changes, changes.emits)


def decide_event(
    changes: ChangeSet, world: IdentityMap, policy: RoutingPolicy, event: Event[Any], at: datetime
) -> Outcome:
    """Add to `changes`, which are on top of `world`, what a version decides on an event. Raises `DataError`.

    A replay applies them as they are, without an object for each.
    """
    data = event.data
    context = DecisionContext(policy, at, event.cause, getattr(data, "actor", None))
    if isinstance(data, LeadScoredV1):
        lead = changes.get(RoutedLeadRow, data.lead_id)
        if lead is not None and data.sequence <= lead.scored_sequence:
            repeated = data.sequence == lead.scored_sequence
            return Outcome.UNCHANGED if repeated else Outcome.SUPERSEDED
        ended = take_merged_leads(changes, policy, data, at)
        taken = take_worked_lead(changes, context, data.lead_id)
        routed = route_scored(changes, policy, ScoredLead(data, event.raw, event.cause, at))
        emit_merged(changes, policy, ended, data.lead_id, at)
        has_parked = apply_parked_outcomes(changes, context, data.lead_id, data.merged)
        applied = routed or taken or has_parked or bool(ended)
    elif isinstance(data, ActionReceivedV1):
        action = replace(data, lead_id=resolve_alias(changes, data.lead_id))
        applied = apply_action(changes, context, action)
    elif isinstance(data, OutcomeReceivedV1):
        lead_id = resolve_alias(changes, referenced_lead_id(data.lead_id, data.email) or "")
        if lead_id and changes.get(RoutedLeadRow, lead_id) is None:
            return Outcome.PARKED if park_outcome(changes, lead_id, data, at) else Outcome.UNCHANGED
        applied = apply_outcome(changes, context, lead_id, data)
    elif isinstance(data, TimerRow):
        applied = _fire(changes, world, context, data)
    else:
        return Outcome.UNCHANGED
    return Outcome.APPLIED if applied else Outcome.UNCHANGED


def _fire(changes: ChangeSet, world: IdentityMap, context: DecisionContext, timer: TimerRow) -> bool:
    """Handle a due timer: of one lead, or the recurring one that assigns leads, the longest waiting first."""
    if timer.kind == PARKED:
        changes.remove(TimerRow, *timer.key)
        return remove_parked_outcomes(changes, timer.subject)
    if timer.kind in (SLA, RECYCLE):
        changes.remove(TimerRow, *timer.key)
        handle = escalate if timer.kind == SLA else route_recycled
        return handle(changes, context, timer.subject)
    leads = world.all(RoutedLeadRow)
    if is_active(changes, context.policy):
        update_rep_rows(changes, context)
    taken = take_from_leavers(changes, context, (lead.lead_id for lead in leads))
    # Until no lead is in the hands of somebody who left, there is no pause.
    changes.put(assign_waiting_timer(context.at + (timedelta() if taken else ASSIGN_WAITING_EVERY)))
    waiting = [lead for lead in leads if lead.waiting_since is not None]
    waiting.sort(key=lambda lead: (lead.waiting_since, lead.lead_id))
    assigned = [assign_waiting(changes, context, lead.lead_id) for lead in waiting]
    return any(assigned) or bool(taken)
