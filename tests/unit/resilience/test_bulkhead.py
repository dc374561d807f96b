from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta

import pytest

from shared.resilience.bulkhead import Bulkhead, Bulkheads
from tests.support.fixed_clock import FixedClock

AT = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)
PAUSE = timedelta(seconds=5)


@pytest.fixture
def clock() -> FixedClock:
    return FixedClock(AT)


@pytest.fixture
def bulkhead(clock: FixedClock) -> Bulkhead:
    return Bulkhead(clock, slots=2, timeouts_max=3, pause=PAUSE)


async def time_out(bulkhead: Bulkhead, times: int) -> None:
    for _ in range(times):
        assert await bulkhead.acquire(0)
        bulkhead.release(answered=False)


async def test_no_more_calls_run_than_there_are_slots(bulkhead):
    assert await bulkhead.acquire(0)
    assert await bulkhead.acquire(0)
    assert bulkhead.free_slots == 0
    assert not await bulkhead.acquire(0)
    bulkhead.release(answered=True)
    assert bulkhead.free_slots == 1
    assert await bulkhead.acquire(0)


async def test_a_waiting_call_gets_the_slot_that_is_released(bulkhead):
    assert await bulkhead.acquire(0)
    assert await bulkhead.acquire(0)
    waiting = asyncio.create_task(bulkhead.acquire(60))
    await asyncio.sleep(0)
    bulkhead.release(answered=True)
    assert await asyncio.wait_for(waiting, 60)
    assert bulkhead.free_slots == 0


async def test_consecutive_timeouts_pause_the_calls_until_the_pause_is_over(bulkhead, clock):
    await time_out(bulkhead, 3)
    assert bulkhead.free_slots == 0
    assert not await bulkhead.acquire(60)
    clock.advance(PAUSE - timedelta(seconds=1))
    assert not await bulkhead.acquire(60)
    clock.advance(timedelta(seconds=1))
    assert bulkhead.free_slots == 1
    assert await bulkhead.acquire(0)


async def test_after_a_pause_one_call_at_a_time_runs_until_one_is_answered(bulkhead, clock):
    await time_out(bulkhead, 3)
    clock.advance(PAUSE)
    assert await bulkhead.acquire(0)
    assert bulkhead.free_slots == 0
    assert not await bulkhead.acquire(0)
    bulkhead.release(answered=False)
    assert bulkhead.free_slots == 0
    clock.advance(PAUSE)
    assert await bulkhead.acquire(0)
    bulkhead.release(answered=True)
    assert bulkhead.free_slots == 2


async def test_an_answer_resets_the_count_of_timeouts(bulkhead):
    await time_out(bulkhead, 2)
    assert await bulkhead.acquire(0)
    bulkhead.release(answered=True)
    await time_out(bulkhead, 2)
    assert bulkhead.free_slots == 2


async def test_each_key_has_its_own_bulkhead(clock):
    bulkheads = Bulkheads(clock, slots=1)
    assert await bulkheads.get("a").acquire(0)
    assert not await bulkheads.get("a").acquire(0)
    assert await bulkheads.get("b").acquire(0)
    assert bulkheads.get("a") is bulkheads.get("a")
