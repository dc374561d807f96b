"""What a seller needs of a lead besides what decided its queue: when it is bought. Pure.

It is bought once somebody works the lead. Most events about owned leads say nothing new to the enricher, so
of each only the few fields are decoded that tell.
"""

from __future__ import annotations

from datetime import datetime
from typing import Final

import msgspec
from msgspec import Struct

from services.enricher.domain.waterfall import WaterfallPolicy, is_missing
from shared.lead.events.parts import Company, Person, Provenance
from shared.lead.fields import FactKeys

ENRICH_FOR_SELLER: Final = "enrich-for-seller"
"""The kind of the timer by which a lead is looked up for its seller."""
OWNED_TYPES: Final = frozenset(
    {b"baton.lead.routed.v1", b"baton.lead.reassigned.v1", b"baton.lead.handed_off.v1"}
)
"""The types of events by which a lead may get its first owner."""


class _Decision(Struct, frozen=True):
    motion: str = ""
    owner: str | None = None


class _OwnedLead(Struct, frozen=True):
    """Of an event about an owned lead, what tells whether its seller needs more."""

    decision: _Decision = _Decision()
    person: Person = Person()
    company: Company = Company()
    provenance: Provenance | None = None


class _KnownLead(Struct, frozen=True):
    person: Person
    company: Company
    provenance: Provenance


_decode = msgspec.json.Decoder(_OwnedLead).decode


def seller_needs_more(event: bytes, waterfall: WaterfallPolicy, at: datetime) -> bool:
    """Return whether an event gives a lead to somebody who works it and lacks what can be bought for them.

    Also of an event that does not carry the lead. Raises `msgspec.MsgspecError` when it cannot be decoded.
    """
    if not waterfall.for_sellers:
        return False
    owned = _decode(event)
    if owned.decision.motion != "work" or owned.decision.owner is None:
        return False
    if owned.provenance is None:
        return True
    fields = waterfall.fields
    if owned.person.email is None and FactKeys.EMAIL not in fields:
        return False
    known = _KnownLead(owned.person, owned.company, owned.provenance)
    return any(name in fields and is_missing(known, name, fields[name], at) for name in waterfall.for_sellers)
