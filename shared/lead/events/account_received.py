"""`baton.account.received.v1`: what the company knows of an account."""

from __future__ import annotations

from typing import Annotated, Literal

from msgspec import Meta, Struct

from shared.lead.events.parts import Word

Relation = Literal["target", "customer", "competitor", "partner", "none"]


class AccountReceivedV1(Struct, frozen=True, omit_defaults=True):
    """The whole of what is known; it replaces what was known before."""

    domain: Word
    name: Word | None = None
    relation: Relation = "none"
    owner: Word | None = None
    open_opportunity: bool = False
    segment: Word | None = None
    aliases: Annotated[list[Word], Meta(max_length=50)] = []
