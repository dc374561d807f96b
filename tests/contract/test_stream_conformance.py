"""What `shared/messaging/port.py` promises, held against every adapter. Roles are written against this alone."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Sequence
from contextlib import AsyncExitStack
from datetime import UTC, datetime, timedelta
from pathlib import Path
from uuid import uuid4
from zlib import crc32

import pytest
from aiokafka.admin import AIOKafkaAdminClient, RecordsToDelete
from aiokafka.structs import TopicPartition

from shared.errors import Crash, DataError, Fenced
from shared.messaging.embedded import EmbeddedStream
from shared.messaging.kafka import KafkaStream
from shared.messaging.manifest import LEADS_RECEIVED, LEADS_SCORED, MIB, SIGNALS_RECEIVED, TOPICS, Topic
from shared.messaging.partitioner import stored_bytes
from shared.messaging.port import (
    Batch,
    Gap,
    OnRevoke,
    Outgoing,
    Partition,
    Record,
    Sink,
    Source,
    Stream,
    Tail,
    publish,
)
from tests.support.fixed_clock import FixedClock
from tests.support.services.kafka import Kafka

PARTITIONS = 4
REVOKING_S_MAX = 2.0
LEADS = LEADS_RECEIVED.name
SIGNALS = SIGNALS_RECEIVED.name
SCORED = LEADS_SCORED.name
USED = (LEADS_RECEIVED, SIGNALS_RECEIVED, LEADS_SCORED)
PATIENCE_S = 30.0

Open = Callable[..., Awaitable[Stream]]


async def let_go(lost: frozenset[Partition]) -> None:
    """A member with nothing in hand."""


@pytest.fixture
def clock() -> FixedClock:
    return FixedClock(datetime.now(UTC))


@pytest.fixture
def prefix() -> str:
    return f"t{uuid4().hex[:12]}"


@pytest.fixture(params=["embedded", pytest.param("kafka", marks=pytest.mark.kafka)])
def kafka_or_none(request: pytest.FixtureRequest) -> Kafka | None:
    kafka: Kafka | None = request.getfixturevalue("kafka") if request.param == "kafka" else None
    return kafka


@pytest.fixture
def opened(kafka_or_none: Kafka | None, tmp_path: Path, prefix: str, clock: FixedClock) -> Open:
    """Opens the same stream again and again; what one test writes no other test sees."""
    kafka = kafka_or_none

    async def open_stream(
        partitions: int = PARTITIONS, topics: Sequence[Topic] = USED, session_s: float = 6
    ) -> Stream:
        stream: Stream
        if kafka is None:
            stream = EmbeddedStream(
                tmp_path,
                prefix=prefix,
                partitions=partitions,
                retention_days=1,
                clock=clock,
                topics=topics,
                revoking_s_max=REVOKING_S_MAX,
            )
        else:
            stream = KafkaStream(
                [kafka.bootstrap],
                prefix=prefix,
                partitions=partitions,
                retention_days=1,
                create_topics=True,
                topics=topics,
                revoking_s_max=REVOKING_S_MAX,
                session_s=session_s,
                heartbeat_s=0.3,
            )
        await stream.open()
        return stream

    return open_stream


Truncate = Callable[[Stream], Awaitable[None]]


@pytest.fixture
def truncate(kafka_or_none: Kafka | None, prefix: str, clock: FixedClock) -> Truncate:
    """Deletes all records of `SCORED`, as the end of their retention does."""

    async def truncate_log(stream: Stream) -> None:
        if isinstance(stream, EmbeddedStream):
            clock.advance(timedelta(days=3))
            await stream.prune()
            return
        assert kafka_or_none is not None
        admin = AIOKafkaAdminClient(bootstrap_servers=kafka_or_none.bootstrap)
        await admin.start()
        try:
            partitions = [TopicPartition(f"{prefix}.{SCORED}", number) for number in range(PARTITIONS)]
            await admin.delete_records({partition: RecordsToDelete(-1) for partition in partitions})
        finally:
            await admin.close()

    return truncate_log


@pytest.fixture
async def stream(opened: Open) -> AsyncIterator[Stream]:
    stream = await opened()
    yield stream
    await stream.close()


@pytest.fixture
async def closing() -> AsyncIterator[AsyncExitStack]:
    async with AsyncExitStack() as stack:
        yield stack


@pytest.fixture
async def sink(stream: Stream, closing: AsyncExitStack) -> Sink:
    sink = await stream.sink()
    closing.push_async_callback(sink.close)
    return sink


Join = Callable[..., Awaitable[Source]]


@pytest.fixture
async def join(stream: Stream, closing: AsyncExitStack) -> Join:
    async def join_group(
        group: str = "reader", topics: Sequence[str] = (SCORED,), on_revoke: OnRevoke = let_go
    ) -> Source:
        source = await stream.source(group, topics, on_revoke)
        closing.push_async_callback(source.close)
        return source

    return join_group


def records(count: int, *, topic: str = SCORED, keys: int = 7) -> list[Outgoing]:
    return [Outgoing(topic, b"key-%d" % (n % keys), b"%d" % n) for n in range(count)]


class Reading:
    """What a member was given so far."""

    def __init__(self, source: Source) -> None:
        self.source = source
        self.records: list[Record] = []
        self.assigned: list[frozenset[Partition]] = []

    async def step(self, limit: int = 500, wait_s: float = 0.2) -> Batch:
        batch = await self.source.poll(limit, wait_s)
        assert not (batch.assigned and batch.records)
        assert len(batch.records) <= limit
        self.records.extend(batch.records)
        if batch.assigned:
            self.assigned.append(batch.assigned)
        return batch

    async def until(self, enough: Callable[[], bool], **step: float) -> Reading:
        async with asyncio.timeout(PATIENCE_S):
            while not enough():
                await self.step(**step)  # type: ignore[arg-type]
        return self

    async def count(self, wanted: int, **step: float) -> list[Record]:
        await self.until(lambda: len(self.records) >= wanted, **step)
        assert len(self.records) == wanted
        return self.records

    async def settled(self) -> frozenset[Partition]:
        await self.until(lambda: bool(self.assigned))
        return self.assigned[-1]


def after(of: Iterable[Record]) -> dict[Partition, int]:
    """The offsets to commit when these records are done."""
    return {Partition(record.topic, record.partition): record.offset + 1 for record in of}


def values(of: Iterable[Record]) -> list[int]:
    return sorted(int(record.value or b"") for record in of)


async def test_records_of_a_key_arrive_in_the_order_in_which_they_were_sent(sink: Sink, join: Join) -> None:
    # Sends of every size in turn, none awaited before the next: adapters may send them in different ways.
    sent = records(3000)
    acks, at = [], 0
    for size in [1, 500, 2, 3, 40, 1, 1, 200] * 10:
        acks.append(await sink.send(sent[at : at + size]))
        at += size
    for ack in acks:
        await ack
    read = await Reading(await join()).count(3000)
    for key in {record.key for record in read}:
        of_key = [int(record.value or b"") for record in read if record.key == key]
        assert of_key == sorted(of_key)
    for partition in {record.partition for record in read}:
        offsets = [record.offset for record in read if record.partition == partition]
        assert offsets == list(range(len(offsets)))


async def test_partition_is_crc32_of_the_key(sink: Sink, join: Join) -> None:
    await publish(sink, records(200, keys=50))
    for record in await Reading(await join()).count(200):
        assert record.key is not None
        assert record.partition == crc32(record.key) % PARTITIONS


async def test_records_without_key_are_spread(sink: Sink, join: Join) -> None:
    await publish(sink, [Outgoing(SCORED, None, b"%d" % n) for n in range(40)])
    read = await Reading(await join()).count(40)
    assert {record.partition for record in read} == set(range(PARTITIONS))


POISON = [
    Outgoing(SCORED, None, None),
    Outgoing(SCORED, b"k", None),
    Outgoing(SCORED, None, b""),
    Outgoing(SCORED, b"", b""),
    Outgoing(SCORED, b"\xff\xfe\x00", bytes(range(256))),
    Outgoing(SCORED, b"k", b"{", (("ce_id", b"\xff\xfe"), ("", b""), ("ce_id", b"again"))),
    Outgoing(SCORED, b"k", b"v", [("\u00e9\U0001f3c3", b"\x00"), ("none", None)]),
]


@pytest.mark.parametrize("times", [1, 40], ids=["few", "many"])
async def test_any_bytes_come_through_unchanged(sink: Sink, join: Join, times: int) -> None:
    sent = POISON * times
    await publish(sink, sent)
    read = await Reading(await join()).count(len(sent))
    shape = lambda r: (r.key is None, r.key or b"", r.value is None, r.value or b"", str(tuple(r.headers)))  # noqa: E731
    assert sorted(map(shape, read)) == sorted(map(shape, sent))


async def test_what_was_not_committed_is_read_again_by_the_next_member(sink: Sink, join: Join) -> None:
    await publish(sink, records(100))
    first = Reading(await join())
    read = await first.count(100)
    done = [record for record in read if record.partition in {0, 1}]
    await first.source.commit(after(done))
    await first.source.close()
    again = await Reading(await join()).count(100 - len(done))
    assert values(again) == values(record for record in read if record.partition not in {0, 1})


async def test_a_commit_is_durable(opened: Open) -> None:
    for expected in (range(50), range(50, 100)):
        stream = await opened()
        sink = await stream.sink()
        source = await stream.source("reader", [SCORED], let_go)
        await publish(sink, records(100)[expected.start : expected.stop])
        read = await Reading(source).count(50)
        assert values(read) == list(expected)
        await source.commit(after(read))
        await source.close()
        await sink.close()
        await stream.close()


async def test_seek_replays_and_leaves_committed_offsets_alone(sink: Sink, join: Join) -> None:
    sent = records(101, keys=1)
    await publish(sink, sent[:100])
    reading = Reading(await join())
    read = await reading.count(100)
    await reading.source.commit(after(read))
    await reading.source.seek({Partition(SCORED, read[0].partition): 90})
    assert values(await Reading(reading.source).count(10)) == list(range(90, 100))
    await reading.source.close()
    await publish(sink, sent[100:])
    assert values(await Reading(await join()).count(1)) == [100]


async def test_seek_refuses_partitions_of_others(join: Join) -> None:
    source = await join(topics=[SCORED])
    await Reading(source).settled()
    with pytest.raises(Fenced):
        await source.seek({Partition(LEADS, 0): 0})


async def test_a_paused_partition_is_not_read_until_the_pause_ends_and_loses_nothing(
    sink: Sink, join: Join
) -> None:
    await publish(sink, records(300))
    reading = Reading(await join())
    await reading.until(lambda: len(reading.records) >= 10, limit=10)
    paused = Partition(SCORED, reading.records[-1].partition)
    reading.source.pause({paused})
    before = sum(record.partition == paused.number for record in reading.records)
    rest = 300 - _count_of(paused.number)
    await reading.until(lambda: sum(record.partition != paused.number for record in reading.records) >= rest)
    await reading.step()
    assert sum(record.partition == paused.number for record in reading.records) == before
    assert (await reading.source.lag())[paused] == _count_of(paused.number) - before
    reading.source.pause(())
    assert values(await reading.count(300)) == list(range(300))


async def test_a_partition_can_be_paused_before_it_is_assigned(sink: Sink, join: Join) -> None:
    await publish(sink, records(50))
    source = await join()
    source.pause({Partition(SCORED, number) for number in range(PARTITIONS)})
    reading = Reading(source)
    await reading.settled()
    await reading.step()
    assert reading.records == []
    source.pause({Partition(LEADS, 0)})
    assert values(await reading.count(50)) == list(range(50))


def _count_of(partition: int) -> int:
    """Return how many of 300 records go to a partition."""
    return sum(crc32(record.key or b"") % PARTITIONS == partition for record in records(300))


async def test_a_limit_drops_nothing(sink: Sink, join: Join) -> None:
    await publish(sink, records(1000))
    read = await Reading(await join()).count(1000, limit=7)
    assert values(read) == list(range(1000))


async def test_a_large_batch_comes_through_whole(sink: Sink, join: Join) -> None:
    await publish(sink, records(10_000, keys=100))
    assert values(await Reading(await join()).count(10_000)) == list(range(10_000))


async def test_poll_waits_for_records_at_most_for_wait_s(sink: Sink, join: Join) -> None:
    source = await join()
    await Reading(source).settled()
    before = asyncio.get_running_loop().time()
    async with asyncio.timeout(PATIENCE_S):
        batch = await source.poll(10, 0.3)
    assert not batch.records
    assert not batch.assigned
    assert asyncio.get_running_loop().time() - before > 0.2
    waiting = asyncio.create_task(source.poll(10, 10 * PATIENCE_S))
    for _ in range(10):  # the poll begins to wait
        await asyncio.sleep(0)
    await publish(sink, records(1))
    async with asyncio.timeout(PATIENCE_S):
        assert values((await waiting).records) == [0]


async def test_lag_counts_what_was_not_read(sink: Sink, join: Join) -> None:
    reading = Reading(await join())
    await reading.settled()
    await publish(sink, records(30))
    assert sum((await reading.source.lag()).values()) == 30
    await reading.count(30)
    lag = await reading.source.lag()
    assert lag == {Partition(SCORED, number): 0 for number in range(PARTITIONS)}


async def test_groups_are_independent(sink: Sink, join: Join) -> None:
    await publish(sink, records(50))
    one, other = Reading(await join("one")), Reading(await join("other"))
    await one.source.commit(after(await one.count(50)))
    assert values(await other.count(50)) == list(range(50))


async def test_a_group_reads_what_was_there_before_it(sink: Sink, join: Join) -> None:
    await publish(sink, records(10))
    assert values(await Reading(await join("late")).count(10)) == list(range(10))


async def test_partition_n_of_every_topic_is_with_one_member(join: Join) -> None:
    one, other = [Reading(await join(topics=[LEADS, SIGNALS])) for _ in range(2)]
    held = await _shared_out(one, other, partitions=2 * PARTITIONS)
    for of_member in held:
        by_topic = {topic: {p.number for p in of_member if p.topic == topic} for topic in (LEADS, SIGNALS)}
        assert by_topic[LEADS] == by_topic[SIGNALS]
        assert len(by_topic[LEADS]) == PARTITIONS // 2


async def _shared_out(*readings: Reading, partitions: int = PARTITIONS) -> list[frozenset[Partition]]:
    """Poll all members until each of the partitions is with exactly one and everybody has some."""
    async with asyncio.timeout(PATIENCE_S):
        while True:
            await asyncio.gather(*(reading.step() for reading in readings))
            held = [frozenset(await reading.source.lag()) for reading in readings]
            if all(held) and sum(map(len, held)) == partitions == len(frozenset().union(*held)):
                return held


async def test_a_new_member_takes_over_without_loss_and_never_at_the_same_time(
    sink: Sink, join: Join
) -> None:
    holders: dict[Partition, str] = {}
    done: list[Record] = []

    async def work(name: str, stop: asyncio.Event) -> None:
        in_hand: list[Record] = []

        async def revoking(lost: frozenset[Partition]) -> None:
            await source.commit(after(in_hand))
            done.extend(in_hand)
            in_hand.clear()
            for partition in lost:
                assert holders.pop(partition) == name

        source = await join(on_revoke=revoking)
        while not stop.is_set():
            batch = await source.poll(20, 0.1)
            for partition in batch.assigned:
                assert partition not in holders, "two members hold a partition"
                holders[partition] = name
            in_hand.extend(batch.records)
            if len(in_hand) > 50:
                taken, in_hand[:] = list(in_hand), []
                await source.commit(after(taken))
                done.extend(taken)
        await source.commit(after(in_hand))
        done.extend(in_hand)
        await source.close()
        for partition in [p for p, holder in holders.items() if holder == name]:
            del holders[partition]

    stops = {name: asyncio.Event() for name in "abc"}
    async with asyncio.timeout(600), asyncio.TaskGroup() as group:
        for turn, name in enumerate(stops):
            group.create_task(work(name, stops[name]))
            await publish(sink, records(1500)[turn * 500 : turn * 500 + 500])
            # The member has partitions, and records of this turn are done before the next one joins.
            while name not in holders.values() or len(done) < turn * 500 + 100:
                await asyncio.sleep(0.01)
        stops["a"].set()
        while len(done) < 1500 - 60:
            await asyncio.sleep(0.01)
        for stop in stops.values():
            stop.set()
    assert values(done) == list(range(1500))


async def test_a_member_that_leaves_hands_over_without_waiting_for_its_session_to_expire(
    opened: Open, closing: AsyncExitStack
) -> None:
    stream = await opened(session_s=10 * PATIENCE_S)
    closing.push_async_callback(stream.close)
    sink = await stream.sink()
    closing.push_async_callback(sink.close)
    one = Reading(await stream.source("reader", (SCORED,), let_go))
    other = Reading(await stream.source("reader", (SCORED,), let_go))
    closing.push_async_callback(other.source.close)
    await _shared_out(one, other)
    await one.source.close()
    await publish(sink, records(40))
    await other.until(lambda: set(values(other.records)) == set(range(40)))


async def test_a_member_that_does_not_finish_its_revocation_is_fenced(sink: Sink, join: Join) -> None:
    async def never(lost: frozenset[Partition]) -> None:
        await asyncio.sleep(3600)

    await publish(sink, records(40))
    zombie = Reading(await join(on_revoke=never))
    in_hand = list(await zombie.count(40))
    heir = Reading(await join())
    lost = await heir.settled()
    late = after(record for record in in_hand if Partition(record.topic, record.partition) in lost)
    assert late
    with pytest.raises(Fenced):
        await zombie.source.commit(late)
    await heir.until(lambda: len(heir.records) >= sum(late.values()))
    await heir.source.commit(after(heir.records))


async def test_while_letting_go_a_member_can_still_commit(sink: Sink, join: Join) -> None:
    await publish(sink, records(40))
    committed = asyncio.Event()

    async def finish(lost: frozenset[Partition]) -> None:
        await reading.source.commit({partition: after(reading.records)[partition] for partition in lost})
        committed.set()

    reading = Reading(await join(on_revoke=finish))
    await reading.count(40)
    heir = Reading(await join())
    await heir.settled()
    assert committed.is_set()
    assert not (await heir.source.poll(10, 0.3)).records


async def test_after_leaving_nothing_is_committed(sink: Sink, join: Join) -> None:
    await publish(sink, records(10))
    reading = Reading(await join())
    read = await reading.count(10)
    await reading.source.close()
    with pytest.raises(Fenced):
        await reading.source.commit(after(read))


@pytest.mark.parametrize("topic", USED, ids=lambda topic: topic.name)
@pytest.mark.parametrize("others", [0, 30], ids=["alone", "among others"])
async def test_the_largest_record_passes_and_a_larger_one_never(
    sink: Sink, join: Join, topic: Topic, others: int
) -> None:
    frame = stored_bytes(Outgoing(topic.name, b"k", b""))
    fits = Outgoing(topic.name, b"k", b"x" * (topic.record_bytes_max - frame))
    too_large = Outgoing(topic.name, b"k", b"x" * (topic.record_bytes_max - frame + 1))
    around = records(others, topic=topic.name, keys=1)
    ack = await sink.send([*around, too_large])
    with pytest.raises(DataError) as refused:
        await ack
    assert refused.value.kind == "oversized"
    await publish(sink, [*around, fits])
    read = await Reading(await join(topics=[topic.name])).count(others + 1)
    assert fits.value in {record.value for record in read}


async def test_a_record_of_ten_mebibytes_passes_on_leads_received(sink: Sink, join: Join) -> None:
    await publish(sink, [Outgoing(LEADS, b"k", b"x" * (10 * MIB)), Outgoing(LEADS, b"k", b"next")])
    large, small = await Reading(await join(topics=[LEADS])).count(2)
    assert (len(large.value or b""), small.value) == (10 * MIB, b"next")


async def test_a_full_line_makes_send_wait_and_loses_nothing(sink: Sink, join: Join) -> None:
    sends, records_each, record_bytes = 40, 20, 100_000
    acks: list[asyncio.Future[None]] = []
    most_in_line = 0
    async with asyncio.timeout(60):
        for _ in range(sends):
            body = b"x" * record_bytes
            out = [Outgoing(LEADS, b"%d" % n, body) for n in range(records_each)]
            acks.append(asyncio.ensure_future(await sink.send(out)))
            most_in_line = max(most_in_line, sum(not ack.done() for ack in acks))
        await asyncio.gather(*acks)
    assert most_in_line * records_each * record_bytes < 48 * MIB
    source = await join(topics=[LEADS])
    seen = 0
    async with asyncio.timeout(PATIENCE_S):
        while seen < sends * records_each:
            seen += len((await source.poll(100, 1.0)).records)
    assert seen == sends * records_each


async def test_closing_a_sink_sends_what_is_in_line(stream: Stream, join: Join) -> None:
    sink = await stream.sink()
    await sink.send(records(300))
    await sink.close()
    assert values(await Reading(await join()).count(300)) == list(range(300))


async def test_a_send_that_nobody_waits_for_any_more_is_still_appended(sink: Sink, join: Join) -> None:
    waiting = asyncio.ensure_future(await sink.send(records(10)))
    waiting.cancel()
    await publish(sink, records(20)[10:])
    assert values(await Reading(await join()).count(20)) == list(range(20))


async def test_an_unknown_topic_is_a_bug(sink: Sink) -> None:
    with pytest.raises(Crash):
        await sink.send([Outgoing("leads.recieved.v1", b"k", b"v")])


async def test_another_number_of_partitions_is_refused_with_the_difference(opened: Open) -> None:
    await (await opened()).close()
    with pytest.raises(Crash) as refused:
        await opened(partitions=PARTITIONS + 1)
    for word in (SCORED, f"expected {PARTITIONS + 1}", f"found {PARTITIONS}"):
        assert word in str(refused.value)


async def test_every_topic_of_the_manifest_is_made(opened: Open) -> None:
    stream = await opened(partitions=1, topics=TOPICS)
    await stream.ping()
    source = await stream.source("reader", [topic.name for topic in TOPICS], let_go)
    gained = await Reading(source).settled()
    assert gained == {Partition(topic.name, 0) for topic in TOPICS}
    await source.close()
    await stream.close()


Follow = Callable[..., Awaitable[Tail]]


@pytest.fixture
async def follow(stream: Stream, closing: AsyncExitStack) -> Follow:
    async def open_tail(start: dict[Partition, int] | None = None, topics: Sequence[str] = (SCORED,)) -> Tail:
        tail = await stream.tail(topics, start)
        closing.push_async_callback(tail.close)
        return tail

    return open_tail


class Following:
    """What a tail returned so far."""

    def __init__(self, tail: Tail) -> None:
        self.tail = tail
        self.records: list[Record] = []
        self.gaps: list[Gap] = []

    async def count(self, wanted: int, *, limit: int = 500) -> list[Record]:
        async with asyncio.timeout(PATIENCE_S):
            while len(self.records) < wanted:
                batch = await self.tail.poll(limit, 0.2)
                assert not (batch.gaps and batch.records)
                assert len(batch.records) <= limit
                self.records.extend(batch.records)
                self.gaps.extend(batch.gaps)
        assert len(self.records) == wanted
        return self.records


def beginnings(topic: str = SCORED) -> dict[Partition, int]:
    return {Partition(topic, number): 0 for number in range(PARTITIONS)}


async def test_a_tail_begins_at_the_end_of_all_partitions(sink: Sink, follow: Follow) -> None:
    await publish(sink, records(40))
    tail = await follow()
    assert sum(tail.positions.values()) == 40
    await publish(sink, records(80)[40:])
    assert values(await Following(tail).count(40)) == list(range(40, 80))
    assert sum(tail.positions.values()) == 80


async def test_a_tail_reads_each_partition_in_order_from_given_offsets(sink: Sink, follow: Follow) -> None:
    await publish(sink, records(300))
    tail = await follow(beginnings() | {Partition(SCORED, 1): 5})
    skipped = 5
    read = await Following(tail).count(300 - skipped, limit=7)
    for number in range(PARTITIONS):
        offsets = [record.offset for record in read if record.partition == number]
        assert offsets == list(range(5 if number == 1 else 0, _count_of(number)))
    assert tail.positions == after(read)


async def test_a_tail_continues_where_another_one_stopped(opened: Open) -> None:
    read: list[Record] = []
    positions = beginnings()
    for turn in range(3):
        stream = await opened()
        sink, tail = await stream.sink(), await stream.tail([SCORED], positions)
        await publish(sink, records(150)[turn * 50 : turn * 50 + 50])
        read += await Following(tail).count(50, limit=13)
        positions = dict(tail.positions)
        await tail.close()
        await sink.close()
        await stream.close()
    assert values(read) == list(range(150))


async def test_a_tail_starts_with_the_first_record_of_a_partition_that_has_no_start(
    sink: Sink, follow: Follow
) -> None:
    await publish(sink, records(300))
    ends = {Partition(SCORED, number): _count_of(number) for number in (0, 1)}
    read = await Following(await follow({**ends, Partition(SCORED, 99): 7})).count(300 - sum(ends.values()))
    assert {record.partition for record in read} == {2, 3}


async def test_tails_and_groups_do_not_disturb_each_other(sink: Sink, join: Join, follow: Follow) -> None:
    reading = Reading(await join())
    held = await reading.settled()
    tails = [Following(await follow()) for _ in range(2)]
    await publish(sink, records(100))
    for tail in tails:
        assert values(await tail.count(100)) == list(range(100))
    assert values(await reading.count(100)) == list(range(100))
    assert frozenset(await reading.source.lag()) == held


async def test_a_tail_reads_several_topics(sink: Sink, follow: Follow) -> None:
    tail = await follow(topics=[SCORED, LEADS])
    await publish(sink, [*records(20), *records(30, topic=LEADS)])
    read = await Following(tail).count(50)
    assert [sum(record.topic == topic for record in read) for topic in (SCORED, LEADS)] == [20, 30]


@pytest.mark.parametrize("times", [1, 40], ids=["few", "many"])
async def test_any_bytes_come_through_a_tail_unchanged(sink: Sink, follow: Follow, times: int) -> None:
    tail = await follow()
    await publish(sink, POISON * times)
    read = await Following(tail).count(len(POISON) * times)
    assert sorted(str(record.value) for record in read) == sorted(str(out.value) for out in POISON * times)


async def test_a_poll_of_a_tail_waits_at_most_for_wait_s_and_ends_with_a_record(
    sink: Sink, follow: Follow
) -> None:
    tail = await follow()
    async with asyncio.timeout(PATIENCE_S):
        assert not (await tail.poll(10, 0.3)).records
        waiting = asyncio.create_task(tail.poll(10, PATIENCE_S / 2))
        for _ in range(10):  # the poll begins to wait
            await asyncio.sleep(0)
        await publish(sink, records(1))
        assert values((await waiting).records) == [0]


async def test_a_cancelled_poll_of_a_tail_loses_nothing(sink: Sink, follow: Follow) -> None:
    tail = Following(await follow())
    for turn in range(10):
        waiting = asyncio.create_task(tail.tail.poll(500, PATIENCE_S))
        await publish(sink, records(10)[turn : turn + 1])
        waiting.cancel()
        done = (await asyncio.gather(waiting, return_exceptions=True))[0]
        if not isinstance(done, BaseException):
            tail.records.extend(done.records)
    assert values(await tail.count(10)) == list(range(10))


async def test_a_tail_says_which_offsets_are_no_longer_kept(
    stream: Stream, sink: Sink, follow: Follow, truncate: Truncate
) -> None:
    await publish(sink, records(300))
    await truncate(stream)
    following = Following(await follow(beginnings()))
    await publish(sink, records(330)[300:])
    assert values(await following.count(30)) == list(range(300, 330))
    assert sorted(following.gaps) == [
        Gap(partition, 0, _count_of(partition.number)) for partition in sorted(beginnings())
    ]


async def test_an_open_tail_says_which_records_were_deleted_before_it_read_them(
    stream: Stream, sink: Sink, follow: Follow, truncate: Truncate
) -> None:
    # More than a consumer fetches ahead.
    await publish(sink, [Outgoing(SCORED, b"k", b"%d" % n + b" " * 50_000) for n in range(100)])
    following = Following(await follow(beginnings()))
    await truncate(stream)
    await publish(sink, [Outgoing(SCORED, b"k", b"100")])
    async with asyncio.timeout(PATIENCE_S):
        while not following.records or following.records[-1].offset < 100:
            batch = await following.tail.poll(500, 0.2)
            following.records.extend(batch.records)
            following.gaps.extend(batch.gaps)
    *before, last = [record.offset for record in following.records]
    assert before == list(range(len(before)))
    assert following.gaps == [Gap(Partition(SCORED, following.records[0].partition), len(before), last)]


async def test_a_tail_whose_start_is_of_another_log_reads_all_of_this_one(sink: Sink, follow: Follow) -> None:
    await publish(sink, records(300))
    following = Following(await follow(dict.fromkeys(beginnings(), 10_000)))
    assert values(await following.count(300)) == list(range(300))
    assert sorted(following.gaps) == [Gap(partition, 10_000, 0) for partition in sorted(beginnings())]
