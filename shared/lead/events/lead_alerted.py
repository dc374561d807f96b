"""`baton.lead.alerted.v1`: the owner of a lead should look at it now."""

from __future__ import annotations

from shared.lead.events.event_type import event
from shared.lead.events.ownership_change import OwnershipChange
from shared.messaging.manifest import LEADS_ROUTED


@event("baton.lead.alerted.v1", LEADS_ROUTED)
class LeadAlertedV1(OwnershipChange, frozen=True):
    """The lead stays with its owner."""
