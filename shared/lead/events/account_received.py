"""`baton.account.received.v1`: what the company knows of an account."""

from __future__ import annotations

from typing import Annotated, Literal

from msgspec import Meta, Struct

from shared.lead.events.event_type import event
from shared.lead.events.parts import Word
from shared.lead.events.subjects import account_key
from shared.messaging.manifest import ACCOUNTS_RECEIVED

Relation = Literal["target", "customer", "competitor", "partner", "none"]


@event(
    "baton.account.received.v1",
    ACCOUNTS_RECEIVED,
    subject=lambda data: account_key(data.domain),
    default=True,
)
class AccountReceivedV1(Struct, frozen=True, omit_defaults=True):
    """The whole of what is known; it replaces what was known before.

    `country`, `city`, `postcode` and `phone` are where the company is. A lead without a domain of this
    account is matched to it by a close name when one of them agrees.
    """

    domain: Word
    name: Word | None = None
    relation: Relation = "none"
    owner: Word | None = None
    open_opportunity: bool = False
    segment: Word | None = None
    aliases: Annotated[list[Word], Meta(max_length=50)] = []
    country: Word | None = None
    city: Word | None = None
    postcode: Word | None = None
    phone: Word | None = None
