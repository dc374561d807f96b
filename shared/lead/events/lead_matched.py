"""`baton.lead.matched.v1`: a person says which account a lead is of."""

from __future__ import annotations

from msgspec import Struct

from shared.lead.events.event_type import event
from shared.lead.events.parts import Actor, Text, Word
from shared.messaging.manifest import ACCOUNTS_RECEIVED


@event("baton.lead.matched.v1", ACCOUNTS_RECEIVED, subject=lambda data: data.lead_id)
class LeadMatchedV1(Struct, frozen=True, omit_defaults=True):
    """`account` is a domain of the account; without it the lead is split from the account that it is in.

    It holds until the next one. `actor` is whose key it was.
    """

    lead_id: Word
    account: Word | None = None
    reason: Text | None = None
    actor: Actor | None = None
