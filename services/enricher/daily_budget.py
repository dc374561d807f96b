"""The day's budget of all processes: each takes a portion from it and spends that without asking again."""

from __future__ import annotations

import asyncio
from datetime import datetime, timedelta
from typing import Final

from sqlalchemy import Update, bindparam, update
from sqlalchemy.dialects import postgresql, sqlite

from services.enricher.tables import provider_budget
from shared.clock import Clock
from shared.storage.database import Database, Tx

PORTIONS: Final = 100
"""A process takes a hundredth of the budget at a time: few statements for many questions."""
_EMPTY_FOR: Final = timedelta(seconds=30)


class DayBudget:
    """Cents that may be spent today (UTC). What all processes reserve is never more than the budget."""

    def __init__(self, database: Database, clock: Clock) -> None:
        self._database = database
        self._clock = clock
        self._turn = asyncio.Lock()
        self._day = ""
        self._left = 0
        self._empty_until: datetime | None = None

    async def reserve(self, cents: int, budget_cents: int) -> bool:
        """Set cents aside for a question; False when the day's budget has none left."""
        if cents == 0:
            return True
        async with self._turn:
            self._turn_the_page()
            if self._left < cents and not await self._take_portion(cents, budget_cents):
                return False
            self._left -= cents
            return True

    def release(self, cents: int) -> None:
        """Give back what a question did not cost."""
        self._left += cents

    async def close(self) -> None:
        """Return what this process has not spent."""
        async with self._turn:
            left, self._left = self._left, 0
            if left and self._day == self._today():
                async with self._database.begin() as tx:
                    await tx.execute(_added(-left), {"of_day": self._day})

    def _turn_the_page(self) -> None:
        if self._day != self._today():
            self._day, self._left, self._empty_until = self._today(), 0, None

    def _today(self) -> str:
        return self._clock.now().date().isoformat()

    async def _take_portion(self, cents: int, budget_cents: int) -> bool:
        now = self._clock.now()
        if self._empty_until is not None and now < self._empty_until:
            return False
        needed = cents - self._left
        async with self._database.begin() as tx:
            for portion in (max(needed, budget_cents // PORTIONS), needed):
                if await _taken(tx, self._day, portion, budget_cents):
                    self._left += portion
                    return True
        self._empty_until = now + _EMPTY_FOR
        return False


async def _taken(tx: Tx, day: str, portion: int, budget_cents: int) -> bool:
    insert = (postgresql if tx.dialect == "postgresql" else sqlite).insert(provider_budget)
    await tx.execute(insert.values(day=day, reserved_cents=0).on_conflict_do_nothing())
    enough = provider_budget.c.reserved_cents + portion <= budget_cents
    result = await tx.execute(_added(portion).where(enough), {"of_day": day})
    return result.rowcount == 1


def _added(cents: int) -> Update:
    more = provider_budget.c.reserved_cents + cents
    return (
        update(provider_budget)
        .where(provider_budget.c.day == bindparam("of_day"))
        .values(reserved_cents=more)
    )
