"""`baton.account.enriched.v1`: who works at an account, as data providers say; they are no leads."""

from __future__ import annotations

from typing import Annotated, Final

from msgspec import Meta, Struct

from shared.lead.buying_roles import BuyingRole
from shared.lead.events.event_type import event
from shared.lead.events.lead_enriched import Enrichment
from shared.lead.events.parts import Count, EventPart, Text, Time, Word
from shared.messaging.manifest import LEADS_ENRICHED

CONTACTS_MAX: Final = 10
"""How many found people of an account are kept, at most."""


class FoundContact(EventPart, frozen=True, omit_defaults=True):
    """Somebody at an account who never wrote: no lead, and nobody whom Baton writes to.

    `known_from` is the provider that named the person at `found_at`, for `cost` cents; `role` is the buying
    role that the title suggests.
    """

    name: Word
    title: Word
    role: BuyingRole
    known_from: Word
    confidence: Annotated[float, Meta(ge=0, le=1)]
    cost: Count
    found_at: Time
    email: Word | None = None
    email_status: Word | None = None
    linkedin_url: Text | None = None


FoundContacts = Annotated[list[FoundContact], Meta(max_length=CONTACTS_MAX)]


@event("baton.account.enriched.v1", LEADS_ENRICHED)
class AccountEnrichedV1(Struct, frozen=True):
    """All people who were found at an account and are no leads, and what was asked for them.

    `sequence` counts this account's enriched events from 1. In `enrichment.steps` the fields are buying
    roles.
    """

    account: Word
    sequence: int
    contacts: FoundContacts
    enrichment: Enrichment
    occurred_at: Time
