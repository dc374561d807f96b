"""Publishing: durable when it returns, bounded in time and in bytes. All waiting is in virtual time."""

from __future__ import annotations

import asyncio

import pytest

from services.gateway.intake.publisher import WAIT_S, StreamPublisher
from shared.errors import BackOff, Retry
from shared.messaging.port import Outgoing
from tests.support.virtual_time import run_in_virtual_time
from tests.unit.gateway.recording import RecordingSink

OUT = (Outgoing("leads.received.v1", b"k", b"0123456789"),)


async def test_it_returns_when_the_records_are_durable():
    sink = RecordingSink()
    await StreamPublisher(sink).publish(OUT)
    assert sink.records == list(OUT)


async def test_a_stream_that_is_away_is_a_retry_at_once():
    sink = RecordingSink()
    sink.away = True
    with pytest.raises(Retry, match="the broker is away"):
        await StreamPublisher(sink).publish(OUT)


def test_a_stream_that_does_not_acknowledge_is_a_retry_within_a_second_of_the_time_limit():
    async def publish() -> float:
        sink = RecordingSink()
        sink.silent = True
        loop = asyncio.get_running_loop()
        began = loop.time()
        with pytest.raises(Retry, match="within 10 s"):
            await StreamPublisher(sink).publish(OUT)
        return loop.time() - began

    assert WAIT_S <= run_in_virtual_time(publish(), at_most_s=60) <= WAIT_S + 1


def test_each_of_many_requests_has_the_time_limit_for_itself():
    async def publish_every_three_seconds() -> list[float]:
        sink = RecordingSink()
        sink.silent = True
        publisher = StreamPublisher(sink)
        loop = asyncio.get_running_loop()

        async def waited() -> float:
            began = loop.time()
            with pytest.raises(Retry):
                await publisher.publish(OUT)
            return loop.time() - began

        requests = []
        for _ in range(5):
            requests.append(asyncio.create_task(waited()))
            await asyncio.sleep(3)
        return await asyncio.gather(*requests)

    for waited_s in run_in_virtual_time(publish_every_three_seconds(), at_most_s=60):
        assert WAIT_S <= waited_s <= WAIT_S + 1


def test_an_acknowledgement_just_before_the_time_limit_counts():
    async def publish() -> None:
        sink = RecordingSink()
        sink.silent = True
        request = asyncio.create_task(StreamPublisher(sink).publish(OUT))
        await asyncio.sleep(WAIT_S - 0.1)
        sink.acknowledge()
        await request

    run_in_virtual_time(publish(), at_most_s=60)


def test_failures_and_time_outs_leave_no_bytes_counted_as_waiting():
    async def publish() -> int:
        sink = RecordingSink()
        publisher = StreamPublisher(sink, wait_s=5, waiting_bytes_max=10)
        for sink.away, sink.silent in ((True, False), (False, True), (False, True)):
            with pytest.raises(Retry):
                await publisher.publish(OUT)
        sink.silent = False
        await publisher.publish(OUT)
        return len(sink.records)

    assert run_in_virtual_time(publish(), at_most_s=60) == 1


@pytest.mark.parametrize(("bound", "fits"), [(9, 0), (10, 1), (19, 1), (20, 2), (30, 3)])
async def test_as_many_records_wait_as_the_bound_on_bytes_allows(bound, fits):
    sink = RecordingSink()
    sink.silent = True
    publisher = StreamPublisher(sink, waiting_bytes_max=bound)
    requests = [asyncio.create_task(publisher.publish(OUT)) for _ in range(4)]
    for _ in range(3):
        await asyncio.sleep(0)
    refused = [request for request in requests if request.done()]
    assert len(refused) == 4 - fits
    assert all(isinstance(request.exception(), BackOff) for request in refused)
    sink.acknowledge()
    await asyncio.gather(*requests, return_exceptions=True)
    assert len(sink.records) == fits


async def test_a_refusal_for_want_of_space_says_when_to_come_again():
    with pytest.raises(BackOff) as refused:
        await StreamPublisher(RecordingSink(), wait_s=7, waiting_bytes_max=1).publish(OUT)
    assert refused.value.after_s == 7


async def test_a_request_that_is_cancelled_is_not_told_to_retry():
    sink = RecordingSink()
    sink.silent = True
    publisher = StreamPublisher(sink, waiting_bytes_max=10)
    request = asyncio.create_task(publisher.publish(OUT))
    await asyncio.sleep(0)
    request.cancel()
    with pytest.raises(asyncio.CancelledError):
        await request
    sink.silent = False
    await publisher.publish(OUT)


async def test_a_record_without_a_value_takes_no_bytes():
    sink = RecordingSink()
    await StreamPublisher(sink, waiting_bytes_max=0).publish([Outgoing("t", b"k", None)])
    assert len(sink.records) == 1
