"""The fields that all events about an owned lead between two routings have in common."""

from __future__ import annotations

from msgspec import Struct

from shared.lead.events.parts import Time, Word
from shared.lead.events.routing import Decision


class OwnershipChange(Struct, frozen=True):
    """Base of reassigned, escalated, alerted and handed off; no event of its own."""

    lead_id: Word
    revision: int
    sequence: int
    account: Word
    decision: Decision
    previous_owner: Word | None
    reason: str
    occurred_at: Time
