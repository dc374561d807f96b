"""`baton.lead.closed.v1`: the lead was won, lost or disqualified, and has no owner any more."""

from __future__ import annotations

from typing import Literal

from shared.lead.events.event_type import event
from shared.lead.events.outcome_received import Amount
from shared.lead.events.ownership_change import OwnershipChange
from shared.messaging.manifest import LEADS_ROUTED


@event("baton.lead.closed.v1", LEADS_ROUTED)
class LeadClosedV1(OwnershipChange, frozen=True, kw_only=True):
    """`previous_owner` had the lead; `reason` is that of the outcome or of the reject."""

    status: Literal["won", "lost", "disqualified"]
    amount: Amount | None = None
