"""Publishing: durable when it returns, and never waiting for long."""

from __future__ import annotations

import asyncio

import pytest

from services.gateway.intake.publisher import StreamPublisher
from shared.errors import BackOff, Retry
from shared.messaging.port import Outgoing
from tests.unit.gateway.recording import RecordingSink

OUT = (Outgoing("leads.received.v1", b"k", b"0123456789"),)


async def test_it_returns_when_the_records_are_durable():
    sink = RecordingSink()
    await StreamPublisher(sink).publish(OUT)
    assert sink.records == list(OUT)


async def test_a_stream_that_is_away_or_silent_is_a_retry_and_takes_no_room_for_good():
    sink = RecordingSink()
    publisher = StreamPublisher(sink, wait_s=0.05, waiting_bytes_max=10)
    for sink.away, sink.silent in ((True, False), (False, True), (False, True)):
        async with asyncio.timeout(5):
            with pytest.raises(Retry):
                await publisher.publish(OUT)
    sink.silent = False
    await publisher.publish(OUT)
    assert len(sink.records) == 1


async def test_what_waits_is_bounded():
    sink = RecordingSink()
    sink.silent = True
    publisher = StreamPublisher(sink, wait_s=5, waiting_bytes_max=10)
    first = asyncio.create_task(publisher.publish(OUT))
    await asyncio.sleep(0)
    with pytest.raises(BackOff):
        await publisher.publish(OUT)
    first.cancel()
    with pytest.raises(asyncio.CancelledError):
        await first
