"""`baton.lead.escalated.v1`: nobody accepted the lead in time."""

from __future__ import annotations

from shared.lead.events.event_type import event
from shared.lead.events.ownership_change import OwnershipChange
from shared.messaging.manifest import LEADS_ROUTED


@event("baton.lead.escalated.v1", LEADS_ROUTED)
class LeadEscalatedV1(OwnershipChange, frozen=True):
    """`decision` is the next destination of the lead."""
