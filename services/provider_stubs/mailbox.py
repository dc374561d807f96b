"""Whether an address takes mail, as far as a verifier can tell from outside. Pure."""

from __future__ import annotations

from typing import Literal

from services.provider_stubs import golden
from services.provider_stubs.world import World
from shared.lead.normalise.emails import Email

Verdict = Literal["exists", "absent", "accept_all", "no_answer", "free", "disposable"]


def probe(world: World, address: Email) -> Verdict:
    """Return what the mail server of an address says of it. Nobody answers outside of the world."""
    if address.kind in {"free", "disposable"}:
        return "free" if address.kind == "free" else "disposable"
    company = world.find(address.domain)
    if company is None or company.mail == "silent":
        return "no_answer"
    if company.domain in golden.DOMAINS:
        return "exists"  # whoever writes from there for a golden lead works there
    if company.mail == "catch_all":
        return "accept_all"
    return "exists" if world.person(address.address) else "absent"
