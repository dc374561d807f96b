"""`baton.lead.handed_off.v1`: the owner passed the lead on."""

from __future__ import annotations

from typing import Any

from msgspec import field

from shared.lead.events.event_type import event
from shared.lead.events.ownership_change import OwnershipChange
from shared.messaging.manifest import LEADS_ROUTED


@event("baton.lead.handed_off.v1", LEADS_ROUTED)
class LeadHandedOffV1(OwnershipChange, frozen=True, kw_only=True):
    """`notes` holds what the owner learnt, by qualification element."""

    notes: dict[str, Any] = field(default_factory=dict)
