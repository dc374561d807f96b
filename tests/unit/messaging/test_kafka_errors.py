from __future__ import annotations

import asyncio

import pytest

from shared.errors import Retry
from shared.messaging.kafka.errors import KafkaErrorTranslation


async def test_a_stray_cancellation_is_a_retry():
    given_up = asyncio.get_running_loop().create_future()
    given_up.cancel()
    with pytest.raises(Retry), KafkaErrorTranslation("leaving a group"):
        await given_up


async def test_a_requested_cancellation_stays_a_cancellation():
    async def waiting() -> None:
        with KafkaErrorTranslation("leaving a group"):
            await asyncio.Event().wait()

    task = asyncio.create_task(waiting())
    await asyncio.sleep(0)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task


async def test_a_time_out_is_a_retry():
    with pytest.raises(Retry), KafkaErrorTranslation("leaving a group"):
        async with asyncio.timeout(0.01):
            await asyncio.Event().wait()
