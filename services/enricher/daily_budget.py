"""The day's budget of all processes: each reserves a portion and spends it without asking the database."""

from __future__ import annotations

import asyncio
from datetime import datetime, timedelta
from typing import Final

from sqlalchemy import Update, bindparam, update
from sqlalchemy.dialects import postgresql, sqlite

from services.enricher.domain.providers import budget_day
from services.enricher.tables import provider_budget
from shared.clock import Clock
from shared.storage.database import Database, Tx

PORTIONS: Final = 100
"""A process reserves a hundredth of the budget at a time: few statements for many calls."""
_RECHECK_AFTER: Final = timedelta(seconds=30)
"""How long a spent budget is not looked at again; other processes may return what they have left."""


class DailyBudget:
    """Cents that may be spent today (UTC). What all processes reserve never exceeds the budget.

    A budget with a name of its own (one letter) is counted apart.
    """

    def __init__(self, database: Database, clock: Clock, name: str = "") -> None:
        self._database = database
        self._clock = clock
        self._name = name
        self._lock = asyncio.Lock()
        self._day = ""
        self._left_cents = 0
        self._spent_until: datetime | None = None

    async def reserve(self, cents: int, budget_cents: int) -> bool:
        """Reserve the price of a call. Returns False when less than that is left of the day's budget."""
        if cents == 0:
            return True
        async with self._lock:
            today = self._today()
            if self._day != today:
                self._day, self._left_cents, self._spent_until = today, 0, None
            if self._left_cents < cents and not await self._reserve_portion(cents, budget_cents):
                return False
            self._left_cents -= cents
            return True

    def release(self, cents: int) -> None:
        """Give back what a call did not cost."""
        self._left_cents += cents

    async def close(self) -> None:
        """Return to the database what this process has not spent."""
        async with self._lock:
            left_cents, self._left_cents = self._left_cents, 0
            if left_cents and self._day == self._today():
                async with self._database.begin() as tx:
                    await tx.execute(_add_reserved(-left_cents), {"of_day": self._day})

    def _today(self) -> str:
        """Return the key of today's row: the day, or `p20260301` for the budget named `p`."""
        day = budget_day(self._clock.now())
        return self._name + day.replace("-", "") if self._name else day

    async def _reserve_portion(self, cents: int, budget_cents: int) -> bool:
        now = self._clock.now()
        if self._spent_until is not None and now < self._spent_until:
            return False
        missing = cents - self._left_cents
        async with self._database.begin() as tx:
            # Near the end of the budget no whole portion is left, but perhaps enough for this call.
            for portion in (max(missing, budget_cents // PORTIONS), missing):
                if await _try_reserve(tx, self._day, portion, budget_cents):
                    self._left_cents += portion
                    return True
        self._spent_until = now + _RECHECK_AFTER
        return False


async def _try_reserve(tx: Tx, day: str, cents: int, budget_cents: int) -> bool:
    insert = (postgresql if tx.dialect == "postgresql" else sqlite).insert(provider_budget)
    await tx.execute(insert.values(day=day, reserved_cents=0).on_conflict_do_nothing())
    # One conditional update, so that processes reserving at the same time cannot exceed the budget.
    fits = provider_budget.c.reserved_cents + cents <= budget_cents
    result = await tx.execute(_add_reserved(cents).where(fits), {"of_day": day})
    return result.rowcount == 1


def _add_reserved(cents: int) -> Update:
    reserved = provider_budget.c.reserved_cents + cents
    return (
        update(provider_budget)
        .where(provider_budget.c.day == bindparam("of_day"))
        .values(reserved_cents=reserved)
    )
