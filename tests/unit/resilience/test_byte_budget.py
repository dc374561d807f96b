"""Bytes in flight, in virtual time."""

from __future__ import annotations

import asyncio
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.resilience.byte_budget import ByteBudget
from tests.support.virtual_time import run_in_virtual_time


@given(st.lists(st.integers(0, 30), max_size=40), st.randoms(use_true_random=False))
def test_all_are_served_in_order_and_never_more_than_the_budget_is_in_use(sizes: list[int], random: Random):
    async def main() -> list[int]:
        budget, in_use, served = ByteBudget(20), 0, []

        async def use(number: int, size: int) -> None:
            nonlocal in_use
            await budget.acquire(size)
            served.append(number)
            assert in_use == 0 or in_use + size <= 20
            in_use += size
            await asyncio.sleep(random.random())
            in_use -= size
            budget.release(size)

        await asyncio.gather(*(use(number, size) for number, size in enumerate(sizes)))
        return served

    assert run_in_virtual_time(main(), at_most_s=1_000) == list(range(len(sizes)))


@pytest.mark.parametrize("is_granted", [False, True])
async def test_who_is_cancelled_while_waiting_takes_nothing(is_granted: bool):
    budget = ByteBudget(10)
    await budget.acquire(10)
    waiting = asyncio.create_task(budget.acquire(5))
    await asyncio.sleep(0)
    if is_granted:
        budget.release(10)
    waiting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await waiting
    if not is_granted:
        budget.release(10)
    async with asyncio.timeout(10):
        await budget.acquire(10)
