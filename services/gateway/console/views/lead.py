"""The page of a lead: its card, and the facts with where each is from. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any

from msgspec import Struct

from services.gateway.console import words
from services.gateway.console.views.lead_card import LeadCard


class FactView(Struct, frozen=True):
    """One field: its name and value in words, where it is from, and what it cost."""

    name: str
    value: str
    source: str
    title: str


class LeadPage(Struct, frozen=True):
    """The page. `spent` is what the data of the lead cost, in words; `back` the list that one came from.

    `is_on_its_way`: the page asks again until the lead is routed.
    """

    card: LeadCard
    facts: Sequence[FactView]
    spent: str
    back: str
    is_on_its_way: bool


def lead_page(view: Mapping[str, Any], card: LeadCard, back: str, now: datetime) -> LeadPage:
    """Return the page of a lead."""
    enrichment = view.get("enrichment") or {}
    return LeadPage(
        card=card,
        facts=list(facts_of_view(view, now)),
        spent=words.money(enrichment.get("cost") or 0),
        back=back,
        is_on_its_way=view["status"] in ("received", "enriched", "scored"),
    )


def facts_of_view(view: Mapping[str, Any], now: datetime) -> Iterator[FactView]:
    """Yield each known field of the person and the company."""
    provenance = view.get("provenance") or {}
    for part in ("person", "company"):
        for name, value in (view.get(part) or {}).items():
            if value in (None, "", [], {}):
                continue
            path = f"{part}.{name}"
            known = provenance.get(path) or {}
            source = known.get("source") or "worked out"
            cost = f", {words.money(known['cost'])}" if known.get("cost") else ""
            notes = [f"confidence {words.percent(known['confidence'])}"] if known.get("confidence") else []
            if known.get("at"):
                notes.append(words.relative(_at(known["at"]), now))
            yield FactView(words.field(path), value_text(value), f"{source}{cost}", ", ".join(notes))


def value_text(value: Any) -> str:
    """Return the value of a field as people read it."""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, int | float):
        return words.number(value)
    if isinstance(value, Mapping):
        return ", ".join(f"{words.plain(key)} {value_text(one)}" for key, one in value.items())
    if isinstance(value, list):
        return ", ".join(map(value_text, value))
    return str(value)


def _at(value: Any) -> datetime:
    return datetime.fromisoformat(value) if isinstance(value, str) else value
