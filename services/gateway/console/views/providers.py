"""The data providers: state, what was asked and found, and what it cost. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Final

from msgspec import Struct

from services.gateway.api.providers import ProviderView
from services.gateway.console import words
from services.gateway.queries.bounded_counts import COUNTED_MAX

_GOOD: Final = frozenset({"active"})
_NEUTRAL: Final = frozenset({"unknown", "no_key"})


class FieldCost(Struct, frozen=True):
    """What one field cost from one provider."""

    name: str
    cost: str


class ProviderRow(Struct, frozen=True):
    """One provider. Shares are in words, empty where there is no answer yet."""

    name: str
    integration: str
    state: str
    look: str
    reason: str
    since: datetime | None
    fields: Sequence[str]
    price: str
    calls: int
    answers: int
    matches: int
    hit_rate: str
    unchanged: str
    cost: str
    cost_today: str
    kept: str
    by_field: Sequence[FieldCost]


class ProvidersView(Struct, frozen=True):
    """The page, for the last `days` days."""

    days: int
    total: str
    today: str
    rows: Sequence[ProviderRow]


def providers_view(providers: Sequence[ProviderView], days: int) -> ProvidersView:
    """Return the view; money comes in cents."""
    return ProvidersView(
        days=days,
        total=words.money(sum(one.cost for one in providers)),
        today=words.money(sum(one.cost_today for one in providers)),
        rows=[_row(one) for one in providers],
    )


def _row(one: ProviderView) -> ProviderRow:
    look = "ok" if one.state in _GOOD else "" if one.state in _NEUTRAL else "bad"
    costs = one.cost_by_field.items()
    price = "" if one.price is None else f"{words.money(one.price)} a {one.charged or 'match'}"
    return ProviderRow(
        name=one.name,
        integration=one.integration,
        state=words.plain(one.state),
        look=look,
        reason="" if one.state in _GOOD else one.reason,
        since=one.since if one.state not in _GOOD else None,
        fields=[words.field(field) for field in one.fields],
        price=price,
        calls=one.calls,
        answers=one.answers,
        matches=one.matches,
        hit_rate="" if one.hit_rate is None else words.percent(one.hit_rate),
        unchanged="" if one.unchanged_share is None else words.percent(one.unchanged_share),
        cost=words.money(one.cost),
        cost_today=words.money(one.cost_today),
        kept=f"{one.answers_kept:,}{'+' if one.answers_kept >= COUNTED_MAX else ''}",
        by_field=[FieldCost(words.field(name), words.money(cost)) for name, cost in costs],
    )
