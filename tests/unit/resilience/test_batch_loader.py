"""The batch loader, in virtual time: which keys are read together, and who gets which result."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

import pytest

from shared.errors import Retry
from shared.resilience.batch_loader import BatchLoader
from tests.support.virtual_time import run_in_virtual_time

READ_S = 1.0


def test_keys_asked_for_during_a_read_are_one_batch_of_the_next_read():
    batches: list[list[int]] = []

    async def read_many(keys: Sequence[int]) -> int:
        batches.append(list(keys))
        await asyncio.sleep(READ_S)
        return sum(keys)

    async def main() -> None:
        loader = BatchLoader(read_many)
        first = [asyncio.create_task(loader.load(key)) for key in (1, 2, 3)]
        await asyncio.sleep(READ_S / 2)
        second = [asyncio.create_task(loader.load(key)) for key in (4, 5)]
        assert await asyncio.gather(*first, *second) == [6, 6, 6, 9, 9]

    run_in_virtual_time(main(), at_most_s=4 * READ_S)
    assert batches == [[1, 2, 3], [4, 5]]


def test_an_error_goes_to_every_caller_of_the_batch_and_the_next_batch_is_read():
    async def read_many(keys: Sequence[int]) -> int:
        await asyncio.sleep(READ_S)
        if 1 in keys:
            raise Retry("the database is away")
        return len(keys)

    async def main() -> None:
        loader = BatchLoader(read_many)
        results = await asyncio.gather(loader.load(1), loader.load(2), return_exceptions=True)
        assert [type(result) for result in results] == [Retry, Retry]
        assert await loader.load(3) == 1

    run_in_virtual_time(main(), at_most_s=4 * READ_S)


def test_a_caller_that_is_cancelled_leaves_the_read_to_the_others():
    async def read_many(keys: Sequence[int]) -> int:
        await asyncio.sleep(READ_S)
        return len(keys)

    async def main() -> None:
        loader = BatchLoader(read_many)
        cancelled, other = (asyncio.create_task(loader.load(key)) for key in (1, 2))
        await asyncio.sleep(READ_S / 2)
        cancelled.cancel()
        assert await other == 2
        with pytest.raises(asyncio.CancelledError):
            await cancelled

    run_in_virtual_time(main(), at_most_s=4 * READ_S)
