"""Performs an action of a rep on a lead: the gateway publishes it, the router decides on it.

The caller waits for that decision for a short time, so that most answers have the lead's new state.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from datetime import datetime
from typing import Any, Final, Literal

from msgspec import Struct, structs

from services.gateway.audit import AuditTrail
from services.gateway.domain.access import Principal
from services.gateway.domain.actions import (
    ACTION_RECEIVED,
    Verb,
    acting_rep,
    actor_of,
    check_action,
    check_known_first,
    forbidden,
    may_act,
)
from services.gateway.domain.arrival import SOURCE, Arrival, invalid
from services.gateway.domain.audit import AuditKind
from services.gateway.domain.lead_view import View
from services.gateway.domain.received import Received, received_event
from services.gateway.polling import poll_delays
from services.gateway.publish_once import publish_received
from services.gateway.queries.idempotency import find_record
from services.gateway.queries.lead_view import find_lead_view, surviving_lead
from services.gateway.queries.ownership import find_lead_state, find_router_outcome
from services.gateway.state import GatewayState
from services.router.domain.refusals import nobody_may, owned_since, why_refused
from shared.errors import FieldProblem
from shared.lead.events.action_received import ActionReceivedV1
from shared.worker.decision import Outcome

_AUDITED_AS: Final[Mapping[Verb, AuditKind]] = {
    "accept": "lead.accepted",
    "reject": "lead.rejected",
    "reassign": "lead.reassigned",
    "snooze": "lead.snoozed",
    "handoff": "lead.handed_off",
}


class ActionRequest(Struct, frozen=True):
    """What a rep or a manager wants: see `ActionReceivedV1`. Without `rep` it is the caller's own.

    `ends_snooze` tells a snooze that is taken back from one whose time was forgotten.
    """

    verb: Verb
    rep: str | None = None
    reason: str | None = None
    to: str | None = None
    until: datetime | None = None
    ends_snooze: bool = False
    notes: Mapping[str, Any] = {}


class ActionResult(Struct, frozen=True):
    """What became of an action, and the lead as it then is.

    `applied`: the router did it. `unchanged`: it did not, and `detail` says why. `pending`: the action is
    durably in the stream and not decided yet; `view` is the lead before it.
    """

    status: Literal["applied", "unchanged", "pending"]
    lead_id: str
    view: View
    event_id: str = ""
    detail: str = ""


async def perform_action(
    gateway: GatewayState,
    principal: Principal,
    audit: AuditTrail,
    arrival: Arrival,
    lead_id: str,
    *,
    wanted: ActionRequest,
) -> ActionResult | None:
    """Perform an action on a lead, whose id may be an alias. Return None when nothing of it is recorded.

    Raises `Reject` (403, 422) for what the caller may not do or what the action lacks, `Retry`.
    """
    rep, policy = acting_rep(principal, wanted.rep), (await gateway.policies.start()).policy
    async with gateway.database.read() as tx:
        lead_id = await surviving_lead(tx, lead_id)
        view, state = await find_lead_view(tx, lead_id), await find_lead_state(tx, lead_id)
    if view is None:
        return None
    action = ActionReceivedV1(
        lead_id=lead_id,
        type=wanted.verb,
        rep=rep,
        reason=wanted.reason,
        to=wanted.to,
        until=wanted.until,
        notes=dict(wanted.notes),
        actor=actor_of(principal, rep),
    )
    # The lead may be merged, and the key renamed, before the request is repeated.
    content = structs.replace(action, lead_id="", actor=None)
    received = received_event(
        ACTION_RECEIVED,
        action,
        arrival,
        subject=lead_id,
        key=view["account"] or lead_id,
        content=content,
    )
    if not await _is_repeated(gateway, received):
        now = gateway.clock.now()
        check_action(action, now, policy)
        if wanted.verb == "snooze" and wanted.until is None and not wanted.ends_snooze:
            raise invalid((FieldProblem("/until", "A snooze needs a time that is still to come"),))
        if not principal.may("manager") and not may_act(state, action):
            refusal = owned_since(state.owned) if state.owned else why_refused(policy, state, action, now)
            refusal = refusal or "The lead is not this rep's"
            if any(assignment.rep == rep for assignment in state.assignments):
                return ActionResult("unchanged", lead_id, view, detail=refusal)
            raise forbidden(refusal)
        if wanted.verb == "handoff" or (wanted.verb == "reassign" and not principal.may("manager")):
            check_known_first(policy, state, action)
    kind = _AUDITED_AS[wanted.verb]
    recorded = audit.before_publishing(gateway.database, kind, lead_id, acts_as=rep, to=wanted.to)
    event = await publish_received(gateway, received, recorded)
    return await _await_decision(gateway, event.id, action, view)


async def _is_repeated(gateway: GatewayState, received: Received[ActionReceivedV1]) -> bool:
    """Return whether the same request was accepted before; the state of its lead may have changed since."""
    if received.record is None:
        return False
    async with gateway.database.read() as tx:
        stored = await find_record(tx, received.record)
    return stored is not None and stored.body_hash == received.record.body_hash


async def _await_decision(
    gateway: GatewayState, event_id: str, action: ActionReceivedV1, before: View
) -> ActionResult:
    """Return the lead once its view shows what the router decided, or `pending` after `WAIT_S`."""
    lead_id = action.lead_id
    for delay_s in poll_delays():
        async with gateway.database.read() as tx:
            outcome = await find_router_outcome(tx, event_id, SOURCE)
            if outcome is not None:
                view, state = await find_lead_view(tx, lead_id), await find_lead_state(tx, lead_id)
                view = view or before
                if outcome != Outcome.APPLIED:
                    policy = (await gateway.policies.start()).policy
                    refusal = why_refused(policy, state, action, gateway.clock.now())
                    detail = refusal or nobody_may(policy, state, action)
                    return ActionResult("unchanged", lead_id, view, event_id, detail)
                if view["sequence"] >= (state.lead.sequence if state.lead else 0):
                    return ActionResult("applied", lead_id, view, event_id)
        await asyncio.sleep(delay_s)
    return ActionResult("pending", lead_id, before, event_id)
