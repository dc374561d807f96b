from __future__ import annotations

import asyncio

import pytest

from shared.errors import Retry
from shared.messaging.kafka.errors import KafkaErrorTranslation


async def test_a_cancellation_that_nobody_asked_for_may_pass():
    given_up = asyncio.get_running_loop().create_future()
    given_up.cancel()
    with pytest.raises(Retry), KafkaErrorTranslation("leaving a group"):
        await given_up


async def test_who_is_told_to_end_ends():
    async def waiting() -> None:
        with KafkaErrorTranslation("leaving a group"):
            await asyncio.Event().wait()

    task = asyncio.create_task(waiting())
    await asyncio.sleep(0)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task


async def test_a_time_out_within_may_pass():
    with pytest.raises(Retry), KafkaErrorTranslation("leaving a group"):
        async with asyncio.timeout(0.01):
            await asyncio.Event().wait()
