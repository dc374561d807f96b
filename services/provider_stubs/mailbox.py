"""What a verifier finds out about a mailbox from outside. Pure."""

from __future__ import annotations

from typing import Literal

from services.provider_stubs import golden
from services.provider_stubs.world import World
from shared.lead.normalise.emails import Email

MailboxStatus = Literal["exists", "absent", "accept_all", "no_answer", "free", "disposable"]


def probe(world: World, address: Email) -> MailboxStatus:
    """Return what the mail server of an address answers; outside of the world there is none."""
    if address.kind in {"free", "disposable"}:
        return "free" if address.kind == "free" else "disposable"
    company = world.find(address.domain)
    if company is None or company.mail == "silent":
        return "no_answer"
    if company.domain in golden.DOMAINS:
        return "exists"  # a golden lead may write from any address there
    if company.mail == "catch_all":
        return "accept_all"
    return "exists" if world.person(address.address) else "absent"
