"""`baton.lead.updated.v1`: what the owner should know of the lead has changed, its owner has not."""

from __future__ import annotations

from shared.lead.events.event_type import event
from shared.lead.events.lead_routed import LeadRoutedV1
from shared.messaging.manifest import LEADS_ROUTED


@event("baton.lead.updated.v1", LEADS_ROUTED)
class LeadUpdatedV1(LeadRoutedV1, frozen=True, kw_only=True):
    """The lead with a new brief. `reason` says why: late answers of providers, a new grade, or news."""

    reason: str
