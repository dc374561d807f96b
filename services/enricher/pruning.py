"""Lets go of what is kept of providers when it is too old to be of use."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Final

from sqlalchemy import delete

from services.enricher.domain.providers import day_of
from services.enricher.tables import provider_answers, provider_budget
from shared.storage.database import Database

_BUDGETS_KEPT: Final = timedelta(days=7)


async def prune_answers(database: Database, at: datetime) -> None:
    """Delete the answers that are too old by `at`, and what was reserved on days long past."""
    async with database.begin() as tx:
        await tx.execute(delete(provider_answers).where(provider_answers.c.expires_at <= at))
        await tx.execute(delete(provider_budget).where(provider_budget.c.day < day_of(at - _BUDGETS_KEPT)))
