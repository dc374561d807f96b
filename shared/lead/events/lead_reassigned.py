"""`baton.lead.reassigned.v1`: the lead has another owner."""

from __future__ import annotations

from shared.lead.events.event_type import event
from shared.lead.events.ownership_change import OwnershipChange
from shared.messaging.manifest import LEADS_ROUTED


@event("baton.lead.reassigned.v1", LEADS_ROUTED)
class LeadReassignedV1(OwnershipChange, frozen=True):
    """The lead moved from `previous_owner` to `decision.owner`."""
