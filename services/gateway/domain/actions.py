"""What a rep or a manager may do with a lead, and in whose name. Pure."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from typing import TYPE_CHECKING, Final, Literal

import msgspec

from services.gateway.domain.access import Principal
from services.gateway.domain.arrival import invalid, is_blank, refuse_too_large, refuse_unreal_times
from services.router.domain.refusals import (
    LeadState,
    missing_notes,
    recipient_of,
    rep_named,
)
from shared.errors import FieldProblem, Reject
from shared.lead.bounds import ACTION_BYTES_MAX
from shared.lead.events.action_received import ActionReceivedV1
from shared.lead.events.parts import Actor
from shared.rules.findings import did_you_mean, quoted

if TYPE_CHECKING:
    from shared.policy.models import Policy, Routing

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


def actor_of(principal: Principal, rep: str | None) -> Actor:
    """Return who acts: the name of the key, and the rep in whose name it acts."""
    return Actor(principal.name or principal.key_id, rep)


def check_action(action: ActionReceivedV1, now: datetime, policy: Policy) -> None:
    """Raise `Reject` (422) when an action lacks what it needs, or names what the policy does not have.

    A snooze ends in the future, or without a time ends the present one; the reason of a rejection is one of
    the policy's.
    """
    refuse_too_large("action", _encode(action), ACTION_BYTES_MAX)
    refuse_unreal_times((("/until", action.until),))
    faults: list[FieldProblem] = []
    if action.type == "snooze" and action.until is not None and action.until <= now:
        faults.append(FieldProblem("/until", "A snooze needs a time that is still to come"))
    if action.type == "reject":
        faults += reason_faults(policy.routing, action.reason)
    if action.type in ("reassign", "handoff") and action.to is not None:
        rep, queues = rep_named(policy, action.to), policy.routing.queues
        if rep is None and action.to not in queues:
            known = [*queues, *(rep.id for rep in policy.team.reps)]
            detail = f"There is no rep or queue {quoted(action.to)}{did_you_mean(action.to, known)}"
            faults.append(FieldProblem("/to", detail))
        elif rep is not None and not rep.queues:
            faults.append(FieldProblem("/to", f"{rep.id} is in no queue and gets no leads"))
    if action.rep is not None:
        faults += rep_faults(policy, "/rep", action.rep)
    if faults:
        raise invalid(tuple(faults))


def may_act(state: LeadState, action: ActionReceivedV1) -> bool:
    """Return whether the rep of an action owns the lead, has won it, may take it, or leaves its owner."""
    owned, lead, last = state.owned, state.lead, state.last_owned
    if action.type == "reject" and state.joined_by(action.rep) is not None:
        return True
    if owned is not None:
        return owned.rep == action.rep
    if action.type == "handoff":
        return state.closed_as == "won" and last is not None and last.rep == action.rep
    return lead is not None and lead.status == "listed" and action.type == "accept"


def check_known_first(policy: Policy, state: LeadState, action: ActionReceivedV1) -> None:
    """Raise `Reject` (422) that names what must be known first, and neither notes nor forms say.

    A reassignment within a queue needs nothing. One to another queue has no notes of its own, so what is
    missing is to be noted by a hand-off.
    """
    lead, last = state.lead, state.owned or (state.last_owned if state.closed_as == "won" else None)
    recipient = recipient_of(policy, action, last.queue) if last is not None else None
    if lead is None or last is None or recipient is None:
        return
    is_hand_off = action.type == "handoff"
    if not is_hand_off and recipient.queue == last.queue:
        return
    missing = missing_notes(policy, recipient, lead, action.notes if is_hand_off else {})
    if missing:
        then = "before a hand-off" if is_hand_off else "first: hand the lead off with this note"
        raise invalid(
            tuple(
                FieldProblem(f"/notes/{name}", f"{recipient.queue} must know {name} {then}")
                for name in missing
            )
        )


def check_reason(routing: Routing, reason: str | None) -> None:
    """Raise `Reject` (422) when the reason of a rejection is none that the policy names."""
    faults = tuple(reason_faults(routing, reason))
    if faults:
        raise invalid(faults)


def reason_faults(routing: Routing, reason: str | None) -> Iterator[FieldProblem]:
    """Yield what is wrong with the reason of a rejection: it is none that the policy names."""
    if not is_blank(reason) and routing.known_reason(reason) is None:
        known = ", ".join(routing.reject_reasons)
        detail = f"{quoted(reason)} is no reason of the policy; use one of {known}, or none"
        yield FieldProblem("/reason", detail)


def rep_faults(policy: Policy, pointer: str, rep: str) -> Iterator[FieldProblem]:
    """Yield that the team has no such rep or manager, if it has none."""
    ids = policy.team.owners
    if rep not in ids:
        yield FieldProblem(pointer, f"There is no rep {quoted(rep)}{did_you_mean(rep, ids)}")


def forbidden(detail: str) -> Reject:
    """Return the rejection of a caller whose key is valid but does not allow this."""
    return Reject(403, "forbidden", "This key does not allow that", detail)
