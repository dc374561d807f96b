"""The providers' states, and their calls, matches and cost, from the enricher's tables."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from datetime import date, datetime

from msgspec import Struct, field
from sqlalchemy import func, select

from services.enricher.domain.provider_status import ProviderState
from services.enricher.tables import provider_answers, provider_spend, provider_states
from services.gateway.queries.bounded_counts import counts_up_to
from shared.storage.database import Tx


class ProviderCondition(Struct, frozen=True):
    """The state of a provider, the reason for it in words, and since when it has it."""

    state: ProviderState
    reason: str
    since: datetime


class ProviderUsage(Struct):
    """Calls, the answers to them, those that found a match, those that changed nothing; cost in cents."""

    calls: int = 0
    answers: int = 0
    matches: int = 0
    unchanged: int = 0
    cost: int = 0
    cost_today: int = 0
    cost_by_field: Counter[str] = field(default_factory=Counter)


async def states_by_provider(tx: Tx) -> Mapping[str, ProviderCondition]:
    """Return the state of each provider that an enricher has reported."""
    rows = (await tx.execute(select(provider_states))).mappings()
    return {row["provider"]: ProviderCondition(row["state"], row["reason"], row["since"]) for row in rows}


async def usage_by_provider(tx: Tx, since: date, until: date, today: date) -> Mapping[str, ProviderUsage]:
    """Return the usage of each provider in days of UTC, both included. There is one row for each day."""
    days = provider_spend.c.day.between(since.isoformat(), until.isoformat())
    statement = select(provider_spend).where(days)
    usage: dict[str, ProviderUsage] = {}
    for row in (await tx.execute(statement)).mappings():
        used = usage.setdefault(row["provider"], ProviderUsage())
        used.calls += row["calls"]
        used.answers += row["answers"]
        used.matches += row["matches"]
        used.unchanged += row["unchanged"]
        used.cost += row["cents"]
        used.cost_today += row["cents"] if row["day"] == today.isoformat() else 0
        used.cost_by_field.update(row["field_cents"])
    return usage


async def first_day_of_usage(tx: Tx) -> date | None:
    """Return the first day on which a provider was asked, None before that."""
    day = (await tx.execute(select(func.min(provider_spend.c.day)))).scalar_one()
    return date.fromisoformat(day) if day is not None else None


async def stored_answers_by_provider(tx: Tx, providers: Iterable[str]) -> Mapping[str, int]:
    """Return how many stored answers of each provider save a paid call; counting stops at `COUNTED_MAX`."""
    column = provider_answers.c
    # In the order of the key: else PostgreSQL may go through the table until it has found enough.
    by_key = select(column.provider).order_by(column.subject, column.about)
    return await counts_up_to(tx, {name: by_key.where(column.provider == name) for name in providers})
