"""What a rep or a manager may do with a lead, and the event that it becomes. Pure."""

from __future__ import annotations

from datetime import datetime
from typing import Final, Literal, get_args

from msgspec import Struct

from services.gateway.domain.access import Principal
from services.gateway.domain.arrival import invalid, refuse_unreal_times
from shared.errors import FieldProblem, Reject
from shared.lead.events.action_received import ActionReceivedV1
from shared.lead.events.parts import Details, Text, Time, Word

Verb = Literal["accept", "reject", "reassign", "snooze", "handoff"]

VERBS: Final[tuple[Verb, ...]] = get_args(Verb)
ACTION_RECEIVED: Final = "baton.action.received.v1"


class ActionBody(Struct, frozen=True, forbid_unknown_fields=True):
    """How it is done: `to` names a rep or queue, `until` ends a snooze, `notes` go with a handoff.

    `rep` is who does it; a rep's key need not say.
    """

    rep: Word | None = None
    reason: Text | None = None
    to: Word | None = None
    until: Time | None = None
    notes: Details = {}


def acting_rep(principal: Principal, named: str | None) -> str | None:
    """Return in whose name a key acts: None for a manager who names nobody. Raises `Reject` (403)."""
    if principal.may("manager"):
        return named
    if principal.rep is None or named not in (None, principal.rep):
        raise Reject(403, "forbidden", "This key does not allow that", "It speaks for another rep")
    return principal.rep


def action_of(
    verb: Verb, lead_id: str, body: ActionBody, *, rep: str | None, now: datetime
) -> ActionReceivedV1:
    """Return the action. Raises `Reject` (422) when it does not say what it must."""
    refuse_unreal_times((("/until", body.until),))
    if verb == "snooze" and (body.until is None or body.until <= now):
        raise invalid((FieldProblem("/until", "A snooze needs a time that is still to come"),))
    return ActionReceivedV1(
        lead_id=lead_id,
        type=verb,
        rep=rep,
        reason=body.reason,
        to=body.to,
        until=body.until,
        notes=body.notes,
    )
