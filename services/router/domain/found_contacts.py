"""People whom providers named at the account: what is new of them, in words. Pure."""

from __future__ import annotations

from collections.abc import Sequence

from shared.lead.events.account_enriched import FoundContact


def found_in_words(before: Sequence[FoundContact], now: Sequence[FoundContact]) -> str:
    """Return what changed between two lists: who was found, by buying role and without names."""
    known = {contact.name for contact in before}
    new = [contact for contact in now if contact.name not in known]
    if not new:
        return "who is known at the account has changed"
    roles = dict.fromkeys(contact.role.replace("_", " ") for contact in new)
    people = "1 person" if len(new) == 1 else f"{len(new)} people"
    return f"{people} found at the account: {', '.join(roles)}"
