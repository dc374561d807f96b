"""The day's budget, taken from by several processes at once."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta

from services.enricher.daily_budget import DailyBudget
from tests.support.fixed_clock import FixedClock

NOW = datetime(2026, 3, 1, 9, 0, tzinfo=UTC)


async def test_processes_never_spend_more_than_the_day_has(database):
    clock = FixedClock(NOW)
    budgets = [DailyBudget(database, clock) for _ in range(3)]
    granted = await asyncio.gather(*(budgets[turn % 3].reserve(7, 500) for turn in range(120)))
    assert 500 - 3 * 7 < 7 * sum(granted) <= 500
    clock.advance(timedelta(days=1))
    assert await budgets[0].reserve(7, 500)


async def test_what_was_not_spent_can_be_spent_by_another(database):
    clock = FixedClock(NOW)
    one, other = DailyBudget(database, clock), DailyBudget(database, clock)
    assert await one.reserve(10, 10)
    assert not await other.reserve(10, 10)
    one.release(10)
    await one.close()
    clock.advance(timedelta(minutes=1))
    assert await other.reserve(10, 10)
