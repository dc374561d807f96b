"""What a rep or a manager may do with a lead, and in whose name. Pure."""

from __future__ import annotations

from datetime import datetime
from typing import Final, Literal

import msgspec

from services.gateway.domain.access import Principal
from services.gateway.domain.arrival import invalid, refuse_too_large, refuse_unreal_times
from shared.errors import FieldProblem, Reject
from shared.lead.bounds import ACTION_BYTES_MAX
from shared.lead.events.action_received import ActionReceivedV1

Verb = Literal["accept", "reject", "reassign", "snooze", "handoff"]

_encode = msgspec.json.Encoder().encode

ACTION_RECEIVED: Final = "baton.action.received.v1"


def acting_rep(principal: Principal, requested: str | None) -> str | None:
    """Return the id of the rep in whose name a key acts; `requested` is the rep that the body names.

    A manager may name any rep, or nobody (None). Raises `Reject` (403) when a rep's key names another rep.
    """
    if principal.may("manager"):
        return requested
    if principal.rep is None or requested not in (None, principal.rep):
        raise forbidden("It speaks for another rep")
    return principal.rep


def check_action(action: ActionReceivedV1, now: datetime) -> None:
    """Raise `Reject` (422) when an action lacks what it needs: a snooze ends in the future."""
    refuse_too_large("action", _encode(action), ACTION_BYTES_MAX)
    refuse_unreal_times((("/until", action.until),))
    if action.type == "snooze" and (action.until is None or action.until <= now):
        raise invalid((FieldProblem("/until", "A snooze needs a time that is still to come"),))


def forbidden(detail: str) -> Reject:
    """Return the rejection of a caller whose key is valid but does not allow this."""
    return Reject(403, "forbidden", "This key does not allow that", detail)
