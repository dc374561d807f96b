"""Deletes cached answers that have expired and budget rows of days long past."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Final

from sqlalchemy import delete

from services.enricher.domain.providers import budget_day
from services.enricher.tables import provider_answers, provider_budget, provider_jobs
from shared.storage.database import Database

_BUDGET_ROWS_KEPT: Final = timedelta(days=7)


async def prune_answers(database: Database, at: datetime) -> None:
    """Delete the answers and the jobs that expired by `at`, and the budget rows older than a week."""
    oldest_day = budget_day(at - _BUDGET_ROWS_KEPT)
    async with database.begin() as tx:
        await tx.execute(delete(provider_answers).where(provider_answers.c.expires_at <= at))
        await tx.execute(delete(provider_jobs).where(provider_jobs.c.expires_at <= at))
        await tx.execute(delete(provider_budget).where(provider_budget.c.day < oldest_day))
