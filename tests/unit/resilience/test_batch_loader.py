from __future__ import annotations

import asyncio

import pytest

from shared.errors import Retry
from shared.resilience.batch_loader import BatchLoader


async def test_questions_of_one_moment_are_one_read():
    reads: list[list[int]] = []

    async def read(questions):
        reads.append(list(questions))
        await asyncio.sleep(0.01)
        return sum(questions)

    together = BatchLoader(read)
    first = [asyncio.create_task(together.ask(n)) for n in (1, 2, 3)]
    await asyncio.sleep(0.005)  # the first read is under way
    second = [asyncio.create_task(together.ask(n)) for n in (4, 5)]
    async with asyncio.timeout(5):
        assert await asyncio.gather(*first, *second) == [6, 6, 6, 9, 9]
    assert reads == [[1, 2, 3], [4, 5]]


async def test_an_error_is_everybodys_and_the_next_read_is_tried():
    failing = True

    async def read(questions):
        if failing:
            raise Retry("the database is away")
        return len(questions)

    together = BatchLoader(read)
    async with asyncio.timeout(5):
        results = await asyncio.gather(together.ask(1), together.ask(2), return_exceptions=True)
        assert [type(result) for result in results] == [Retry, Retry]
        failing = False
        assert await together.ask(3) == 1


async def test_one_who_stops_waiting_leaves_the_others_alone():
    async def read(questions):
        await asyncio.sleep(0.02)
        return len(questions)

    together = BatchLoader(read)
    gone, stays = (asyncio.create_task(together.ask(n)) for n in (1, 2))
    await asyncio.sleep(0.005)
    gone.cancel()
    async with asyncio.timeout(5):
        assert await stays == 2
    with pytest.raises(asyncio.CancelledError):
        await gone
