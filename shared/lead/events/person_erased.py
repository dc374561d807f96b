"""`baton.person.erased.v1`: forget this person, and drop what still arrives."""

from __future__ import annotations

from typing import Annotated

from msgspec import Meta, Struct

from shared.lead.events.event_type import event
from shared.lead.events.parts import Time, Word
from shared.messaging.manifest import PEOPLE_ERASED


@event("baton.person.erased.v1", PEOPLE_ERASED)
class PersonErasedV1(Struct, frozen=True, omit_defaults=True):
    """`email_hash` is keyed (HMAC-SHA-256, hex), so that the record itself holds no personal data.

    `mentions` are keyed hashes of all that names the person in texts (`shared.lead.mentions`), and `accounts`
    the keys of the accounts at which such texts may be.
    """

    lead_ids: Annotated[list[Word], Meta(max_length=1_000)]
    email_hash: Word
    at: Time
    accounts: Annotated[list[Word], Meta(max_length=1_000)] = []
    mentions: Annotated[list[Word], Meta(max_length=1_000)] = []
