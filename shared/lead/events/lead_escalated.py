"""`baton.lead.escalated.v1`: nobody accepted the lead in time."""

from __future__ import annotations

from typing import Literal

from shared.lead.events.event_type import event
from shared.lead.events.ownership_change import OwnershipChange
from shared.lead.events.parts import Word
from shared.messaging.manifest import LEADS_ROUTED


@event("baton.lead.escalated.v1", LEADS_ROUTED)
class LeadEscalatedV1(OwnershipChange, frozen=True):
    """`decision` has the owner who did not accept the lead.

    `step` is that of the queue's ladder, None for a queue that has only a deadline. `to` is the id of the
    manager who is told by `escalate`, None where the owner has no manager.
    """

    step: Literal["remind", "reassign", "escalate", "fallback"] | None = None
    to: Word | None = None
