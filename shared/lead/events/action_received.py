"""`baton.action.received.v1`: what a rep does with a lead."""

from __future__ import annotations

from typing import Literal

from msgspec import Struct

from shared.lead.events.event_type import event
from shared.lead.events.parts import Actor, Details, Text, Time, Word
from shared.messaging.manifest import ACTIONS_RECEIVED


@event("baton.action.received.v1", ACTIONS_RECEIVED, subject=lambda data: data.lead_id)
class ActionReceivedV1(Struct, frozen=True, omit_defaults=True):
    """`to` names a rep or queue (reassign, handoff), `until` ends a snooze, `notes` go with a handoff.

    `actor` is set by the gateway alone: whose key it was.
    """

    lead_id: Word
    type: Literal["accept", "reject", "reassign", "snooze", "handoff"]
    rep: Word | None = None
    reason: Text | None = None
    to: Word | None = None
    until: Time | None = None
    notes: Details = {}
    actor: Actor | None = None
