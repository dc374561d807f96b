"""Calls, matches and cost of the providers, from the enricher's tables."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date

from msgspec import Struct
from sqlalchemy import func, select

from services.enricher.tables import provider_answers, provider_spend
from shared.storage.database import Tx


class ProviderUsage(Struct, frozen=True):
    """Calls, those among them that found a match, and their cost in cents."""

    calls: int = 0
    matches: int = 0
    cost: int = 0


async def usage_by_provider(tx: Tx, since: date) -> Mapping[str, ProviderUsage]:
    """Return the usage of each provider from the day `since` (UTC) on."""
    statement = (
        select(
            provider_spend.c.provider,
            func.sum(provider_spend.c.calls).label("calls"),
            func.sum(provider_spend.c.matches).label("matches"),
            func.sum(provider_spend.c.cents).label("cents"),
        )
        .where(provider_spend.c.day >= since.isoformat())
        .group_by(provider_spend.c.provider)
    )
    rows = (await tx.execute(statement)).mappings()
    return {
        row["provider"]: ProviderUsage(int(row["calls"]), int(row["matches"]), int(row["cents"]))
        for row in rows
    }


async def stored_answers_by_provider(tx: Tx) -> Mapping[str, int]:
    """Return how many stored answers of each provider save a paid call."""
    counted = select(provider_answers.c.provider, func.count().label("number"))
    rows = (await tx.execute(counted.group_by(provider_answers.c.provider))).mappings()
    return {row["provider"]: int(row["number"]) for row in rows}
