"""What only Kafka can do to a stream: brokers that die, topics that differ, members killed from outside."""

from __future__ import annotations

import asyncio
import struct
import sys
import textwrap
import time
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, suppress
from typing import Any
from uuid import uuid4

import pytest
from aiokafka import AIOKafkaProducer
from aiokafka.admin import AIOKafkaAdminClient, NewPartitions, NewTopic
from aiokafka.admin.config_resource import ConfigResource, ConfigResourceType
from aiokafka.producer.message_accumulator import BatchBuilder
from aiokafka.record._crecords.cutil import crc32c_cython

from shared.errors import Crash, DataError, Retry
from shared.messaging.kafka import KafkaStream
from shared.messaging.kafka.source import KafkaSource
from shared.messaging.kafka.tail import KafkaTail
from shared.messaging.manifest import LEADS_SCORED, MIB, TOPICS
from shared.messaging.port import Outgoing, Partition, Record, Sink, Source, Tail, publish
from tests.support.services.kafka import Kafka, KafkaBroker
from tests.support.services.ports import free_port

pytestmark = pytest.mark.kafka

SCORED = LEADS_SCORED.name
PARTITIONS = 3

Streams = Callable[..., KafkaStream]


@pytest.fixture
def prefix() -> str:
    return f"t{uuid4().hex[:12]}"


@pytest.fixture
async def closing() -> AsyncIterator[AsyncExitStack]:
    async with AsyncExitStack() as stack:
        yield stack


def stream_on(
    bootstrap: str,
    prefix: str,
    *,
    create_topics: bool = True,
    stuck_s: float = 20.0,
    metadata_s: float = 30.0,
) -> KafkaStream:
    return KafkaStream(
        [bootstrap],
        prefix=prefix,
        partitions=PARTITIONS,
        retention_days=1,
        create_topics=create_topics,
        topics=(LEADS_SCORED,),
        session_s=6,
        heartbeat_s=0.5,
        revoking_s_max=2.0,
        stuck_s=stuck_s,
        metadata_s=metadata_s,
    )


async def let_go(lost: frozenset[Partition]) -> None:
    """A member with nothing in hand."""


async def joined(stream: KafkaStream, closing: AsyncExitStack) -> tuple[Source, Sink]:
    await stream.open()
    closing.push_async_callback(stream.close)
    source, sink = await stream.source("reader", [SCORED], let_go), await stream.sink()
    closing.push_async_callback(sink.close)
    closing.push_async_callback(source.close)
    return source, sink


def numbered(numbers: range) -> list[Outgoing]:
    return [Outgoing(SCORED, b"key-%d" % (n % 10), b"%d" % n) for n in numbers]


async def tail_until(tail: Tail, wanted: set[int], within_s: float) -> list[int]:
    """Poll through failures until these values are there; return the values in the order in which they came."""
    read: list[int] = []
    async with asyncio.timeout(within_s):
        while not wanted <= set(read):
            with suppress(Retry):
                read.extend(int(record.value or b"") for record in (await tail.poll(7, 0.5)).records)
    return read


async def read_until(source: Source, wanted: set[int], within_s: float) -> list[Record]:
    read: list[Record] = []
    async with asyncio.timeout(within_s):
        while not wanted <= {int(record.value or b"") for record in read}:
            read.extend((await source.poll(500, 0.5)).records)
    return read


async def test_missing_topics_are_listed_and_not_made_unless_allowed(kafka: Kafka, prefix: str) -> None:
    with pytest.raises(Crash, match=rf"{prefix}\.leads\.scored\.v1"):
        await stream_on(kafka.bootstrap, prefix, create_topics=False).open()
    made = stream_on(kafka.bootstrap, prefix)
    await made.open()
    await made.close()
    found = stream_on(kafka.bootstrap, prefix, create_topics=False)
    await found.open()
    await found.close()


async def test_a_topic_with_another_size_is_refused_with_the_difference(kafka: Kafka, prefix: str) -> None:
    admin = AIOKafkaAdminClient(bootstrap_servers=kafka.bootstrap)
    await admin.start()
    try:
        sizes = {"max.message.bytes": "4096"}
        await admin.create_topics([NewTopic(f"{prefix}.{SCORED}", PARTITIONS, 1, topic_configs=sizes)])
    finally:
        await admin.close()
    with pytest.raises(Crash, match=rf"{SCORED}: expected {MIB} as max.message.bytes, found 4096"):
        await stream_on(kafka.bootstrap, prefix).open()


async def test_two_processes_may_make_the_topics_at_once(kafka: Kafka, prefix: str) -> None:
    streams = [stream_on(kafka.bootstrap, prefix) for _ in range(3)]
    await asyncio.gather(*(stream.open() for stream in streams))
    for stream in streams:
        await stream.close()


async def test_without_a_broker_everything_says_retry() -> None:
    with pytest.raises(Retry):
        await stream_on(f"127.0.0.1:{free_port()}", "nobody").open()


async def test_a_wrong_clock_of_an_outside_producer_has_no_say(
    kafka: Kafka, prefix: str, closing: AsyncExitStack
) -> None:
    source, _ = await joined(stream_on(kafka.bootstrap, prefix), closing)
    outside = AIOKafkaProducer(bootstrap_servers=kafka.bootstrap)
    await outside.start()
    await outside.send_and_wait(f"{prefix}.{SCORED}", b"1", timestamp_ms=0)
    await outside.stop()
    (record,) = await read_until(source, {1}, 15)
    assert abs(record.timestamp_ms / 1000 - time.time()) < 60


async def test_a_consumer_that_stops_fetching_is_built_anew(
    kafka: Kafka, prefix: str, closing: AsyncExitStack
) -> None:
    """As in aio-libs/aiokafka#1154: no error, no records, only silence."""
    source, sink = await joined(stream_on(kafka.bootstrap, prefix, stuck_s=2.0), closing)
    await publish(sink, numbered(range(10)))
    read = await read_until(source, set(range(10)), 15)
    await source.commit({Partition(record.topic, record.partition): record.offset + 1 for record in read})
    assert isinstance(source, KafkaSource)
    stuck: Any = source._consumer
    stuck._fetcher._fetch_task.cancel()
    await publish(sink, numbered(range(10, 20)))
    again = await read_until(source, set(range(10, 20)), 30)
    assert {int(record.value or b"") for record in again} == set(range(10, 20))
    assert source._consumer is not stuck


async def test_an_idle_consumer_is_left_alone(kafka: Kafka, prefix: str, closing: AsyncExitStack) -> None:
    source, sink = await joined(stream_on(kafka.bootstrap, prefix, stuck_s=1.0), closing)
    await publish(sink, numbered(range(10)))
    await read_until(source, set(range(10)), 15)
    assert isinstance(source, KafkaSource)
    before = source._consumer
    for _ in range(10):
        await source.poll(10, 0.3)
    await publish(sink, numbered(range(10, 20)))
    await read_until(source, set(range(10, 20)), 5)
    assert source._consumer is before


async def test_after_a_batch_that_the_broker_refused_the_sink_goes_on(
    kafka: Kafka, prefix: str, closing: AsyncExitStack
) -> None:
    source, sink = await joined(stream_on(kafka.bootstrap, prefix), closing)
    await publish(sink, numbered(range(10)))
    admin = AIOKafkaAdminClient(bootstrap_servers=kafka.bootstrap)
    await admin.start()
    less = {"max.message.bytes": "5000"}
    await admin.alter_configs([ConfigResource(ConfigResourceType.TOPIC, f"{prefix}.{SCORED}", less)])
    await admin.close()

    async def publish_until_refused() -> None:
        """Publish until the broker holds the new limit against the record."""
        async with asyncio.timeout(30):
            while True:
                await publish(sink, [Outgoing(SCORED, b"key-1", b"0", [("filler", b"x" * 6000)])])

    with pytest.raises(DataError):
        await publish_until_refused()
    await publish(sink, numbered(range(10, 40)))
    await read_until(source, set(range(40)), 15)


MEMBER = """
    import asyncio, sys
    from shared.messaging.kafka import KafkaStream
    from shared.messaging.manifest import LEADS_SCORED

    async def let_go(lost):
        pass

    async def main(bootstrap, prefix):
        stream = KafkaStream([bootstrap], prefix=prefix, partitions=3, retention_days=1, create_topics=False,
                             topics=(LEADS_SCORED,), session_s=6, heartbeat_s=0.5)
        await stream.open()
        source = await stream.source("reader", [LEADS_SCORED.name], let_go)
        while True:
            for record in (await source.poll(100, 1.0)).records:
                print(record.value.decode(), flush=True)

    asyncio.run(main(*sys.argv[1:]))
"""


async def test_what_a_killed_member_did_not_commit_is_read_again(
    kafka: Kafka, prefix: str, closing: AsyncExitStack
) -> None:
    stream = stream_on(kafka.bootstrap, prefix)
    await stream.open()
    closing.push_async_callback(stream.close)
    sink = await stream.sink()
    closing.push_async_callback(sink.close)
    await publish(sink, numbered(range(30)))
    member = await asyncio.create_subprocess_exec(
        sys.executable, "-c", textwrap.dedent(MEMBER), kafka.bootstrap, prefix, stdout=asyncio.subprocess.PIPE
    )
    assert member.stdout is not None
    try:
        async with asyncio.timeout(30):
            seen = {int(await member.stdout.readline()) for _ in range(30)}
    finally:
        member.kill()
        await member.wait()
    assert seen == set(range(30))
    heir = await stream.source("reader", [SCORED], let_go)
    closing.push_async_callback(heir.close)
    read = await read_until(heir, set(range(30)), 40)
    assert len(read) == 30


def _with_a_header_name_that_is_not_utf_8(batch: BatchBuilder) -> BatchBuilder:
    """Put two bytes that are no UTF-8 in place of `QQ`, as clients of other languages can write them."""
    body = bytearray(batch._builder.build().replace(b"QQ", b"\xff\xfe"))
    struct.pack_into(">I", body, _CRC_AT, crc32c_cython(bytes(body[_CRC_AT + 4 :])))
    batch._buffer = body
    batch.close()
    return batch


_CRC_AT = 17


@pytest.mark.parametrize("codec", ["gzip", "snappy", "lz4", "zstd"])
async def test_outside_producers_may_compress(
    kafka: Kafka, prefix: str, closing: AsyncExitStack, codec: str
) -> None:
    source, _ = await joined(stream_on(kafka.bootstrap, prefix), closing)
    outside = AIOKafkaProducer(bootstrap_servers=kafka.bootstrap, compression_type=codec)
    await outside.start()
    await asyncio.gather(*[await outside.send(f"{prefix}.{SCORED}", b"%d" % n) for n in range(20)])
    await outside.stop()
    await read_until(source, set(range(20)), 15)


async def test_a_record_that_cannot_be_decoded_stops_nothing(
    kafka: Kafka, prefix: str, closing: AsyncExitStack
) -> None:
    stream = stream_on(kafka.bootstrap, prefix)
    source, sink = await joined(stream, closing)
    outside = AIOKafkaProducer(bootstrap_servers=kafka.bootstrap, max_batch_size=MIB)
    await outside.start()
    closing.push_async_callback(outside.stop)
    await publish(sink, numbered(range(30)))
    batch = outside.create_batch()
    for number in range(30, 60):
        name = "aQQb" if number == 45 else "name"
        batch.append(timestamp=None, key=b"key-1", value=b"%d" % number, headers=[(name, b"v")])
    poisoned = _with_a_header_name_that_is_not_utf_8(batch)
    await (await outside.send_batch(poisoned, f"{prefix}.{SCORED}", partition=1))
    await publish(sink, numbered(range(60, 90)))

    tail = await stream.tail([SCORED], {})
    closing.push_async_callback(tail.close)
    assert sorted(await tail_until(tail, set(range(90)), 30)) == list(range(90))
    read: list[Record] = []
    async with asyncio.timeout(30):
        while {int(record.value or b"") for record in read} != set(range(90)):
            with suppress(Retry):
                read.extend((await source.poll(7, 0.5)).records)
    names = {int(r.value or b""): (r.key, r.headers[0]) for r in read if r.headers}
    assert names.pop(45) == (b"key-1", ("a\\xff\\xfeb", b"v"))
    assert set(names.values()) == {(b"key-1", ("name", b"v"))}


@pytest.mark.timeout(180)
async def test_a_broker_killed_and_started_again_is_survived(
    own_kafka: KafkaBroker, prefix: str, closing: AsyncExitStack
) -> None:
    """Source, tail and sink wait and go on by themselves; every acknowledged record is there, only once."""
    stream = stream_on(own_kafka.bootstrap, prefix)
    source, sink = await joined(stream, closing)
    await publish(sink, numbered(range(100)))
    tail = await stream.tail([SCORED], {})
    closing.push_async_callback(tail.close)
    tailed = await tail_until(tail, set(range(100)), 20)
    read = await read_until(source, set(range(100)), 20)
    await source.commit({Partition(record.topic, record.partition): record.offset + 1 for record in read})
    own_kafka.kill()
    with pytest.raises(Retry):
        await stream.ping()
    with pytest.raises(Retry):
        await stream.tail([SCORED])
    with suppress(Retry):
        assert not (await tail.poll(10, 1.0)).records
    in_line = [await sink.send(numbered(range(100, 200))), await sink.send(numbered(range(200, 203)))]
    assert not (await source.poll(10, 1.0)).records
    await asyncio.to_thread(own_kafka.start)
    async with asyncio.timeout(60):
        for ack in in_line:
            await ack
    await read_until(source, set(range(100, 203)), 60)
    await publish(sink, numbered(range(203, 210)))
    await read_until(source, set(range(203, 210)), 30)
    tailed += await tail_until(tail, set(range(100, 210)), 60)
    assert sorted(tailed) == list(range(210))
    await stream.ping()
    late = await stream.source("late", [SCORED], let_go)
    closing.push_async_callback(late.close)
    everything = await read_until(late, set(range(210)), 30)
    assert sorted(int(record.value or b"") for record in everything) == list(range(210))


async def test_a_tail_that_stops_fetching_is_continued_by_a_new_consumer(
    kafka: Kafka, prefix: str, closing: AsyncExitStack
) -> None:
    stream = stream_on(kafka.bootstrap, prefix, stuck_s=1.0)
    _, sink = await joined(stream, closing)
    tail = await stream.tail([SCORED])
    closing.push_async_callback(tail.close)
    assert isinstance(tail, KafkaTail)
    stopped: Any = tail._consumer
    stopped.pause(*stopped.assignment())
    await publish(sink, numbered(range(50)))
    assert sorted(await tail_until(tail, set(range(50)), 30)) == list(range(50))


async def test_a_tail_reads_partitions_that_are_added_to_its_topic(
    kafka: Kafka, prefix: str, closing: AsyncExitStack
) -> None:
    stream = stream_on(kafka.bootstrap, prefix, metadata_s=0.5)
    _, sink = await joined(stream, closing)
    tail = await stream.tail([SCORED])
    closing.push_async_callback(tail.close)
    await publish(sink, numbered(range(20)))
    read = await tail_until(tail, set(range(20)), 30)
    topic = f"{prefix}.{SCORED}"
    admin = AIOKafkaAdminClient(bootstrap_servers=kafka.bootstrap)
    await admin.start()
    await admin.create_partitions({topic: NewPartitions(PARTITIONS + 1)})
    await admin.close()
    outside = AIOKafkaProducer(bootstrap_servers=kafka.bootstrap, metadata_max_age_ms=500)
    await outside.start()
    closing.push_async_callback(outside.stop)
    async with asyncio.timeout(30):
        while PARTITIONS not in await outside.partitions_for(topic):
            await asyncio.sleep(0.1)
    for number in range(20, 25):
        await outside.send_and_wait(topic, b"%d" % number, partition=PARTITIONS)
    read += await tail_until(tail, set(range(20, 25)), 30)
    assert sorted(read) == list(range(25))
    assert tail.positions[Partition(SCORED, PARTITIONS)] == 5


def test_the_largest_topic_fits_a_request() -> None:
    """The producer's own limit must stay above what any topic takes."""
    assert max(topic.record_bytes_max for topic in TOPICS) == 17 * MIB
