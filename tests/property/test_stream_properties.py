"""The pure and the sequential parts of the stream adapters, against models."""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import Mapping
from pathlib import Path
from tempfile import TemporaryDirectory

from aiokafka.record.default_records import DefaultRecordBatch, DefaultRecordBatchBuilder
from aiokafka.structs import TopicPartition
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from shared.messaging.embedded import log
from shared.messaging.embedded.group import Group, assign_ranges
from shared.messaging.kafka.raw_batch_decoder import decode_batch
from shared.messaging.kafka.stuck_detector import StuckDetector
from shared.messaging.partitioner import stored_bytes
from shared.messaging.port import Outgoing, Partition, Record

PARTITIONS = 5

blobs = st.none() | st.binary(max_size=40)
headers = st.lists(st.tuples(st.text(max_size=10), blobs), max_size=4)
outgoing = st.builds(Outgoing, st.just("t"), blobs, blobs, headers)


@given(outgoing)
def test_stored_bytes_is_an_upper_bound_of_the_size_in_kafka(record: Outgoing) -> None:
    batch = DefaultRecordBatchBuilder(
        2, 0, is_transactional=0, producer_id=-1, producer_epoch=-1, base_sequence=0, batch_size=1
    )
    batch.append(0, None, record.key, record.value, list(record.headers))
    assert batch.size() <= stored_bytes(record)


members = st.dictionaries(st.integers(0, 50), st.sets(st.sampled_from("abc"), min_size=1), max_size=8)


@given(members, st.integers(1, 20))
def test_ranges_share_out_every_partition_once_and_evenly(
    topics: Mapping[int, set[str]], partitions: int
) -> None:
    shares = assign_ranges(topics, partitions)
    for topic in "abc":
        readers = [number for number, of_member in topics.items() if topic in of_member]
        sizes = [sum(p.topic == topic for p in shares[number]) for number in readers]
        assert sum(sizes) == (partitions if readers else 0)
        assert not readers or max(sizes) - min(sizes) <= 1
    assert sum(map(len, shares.values())) == len(frozenset().union(*shares.values()))
    assert all(p.topic in topics[number] for number, share in shares.items() for p in share)


@given(st.integers(1, 8), st.integers(1, 20))
def test_members_of_the_same_topics_hold_the_same_partition_numbers_of_each(
    count: int, partitions: int
) -> None:
    shares = assign_ranges({number: {"a", "b"} for number in range(count)}, partitions)
    for share in shares.values():
        assert {p.number for p in share if p.topic == "a"} == {p.number for p in share if p.topic == "b"}


class _Member:
    """A reader that takes its time to let go."""

    def __init__(self, number: int, holders: dict[Partition, int], slowness: int) -> None:
        self.number = number
        self.topics = frozenset({"a", "b"})
        self.held: set[Partition] = set()
        self._holders = holders
        self._slowness = slowness

    async def revoke(self, lost: frozenset[Partition]) -> None:
        for _ in range(self._slowness):
            await asyncio.sleep(0)
        self.drop(lost & self.held)

    def drop(self, lost: frozenset[Partition]) -> None:
        self.held -= lost
        for partition in lost:
            assert self._holders.pop(partition) == self.number

    def assign(self, gained: frozenset[Partition]) -> None:
        self.held |= gained
        for partition in gained:
            assert self._holders.setdefault(partition, self.number) == self.number


@given(st.lists(st.tuples(st.integers(0, 4), st.integers(0, 3), st.integers(0, 6)), max_size=25))
def test_a_partition_is_never_with_two_members_and_in_the_end_with_one(
    steps: list[tuple[int, int, int]],
) -> None:
    async def run() -> None:
        group = Group("g", PARTITIONS)
        holders: dict[Partition, int] = {}
        present: dict[int, _Member] = {}
        for number, slowness, pause in steps:
            member = present.pop(number, None)
            if member is None:
                present[number] = _Member(number, holders, slowness)
                group.join(present[number])
            else:
                member.drop(frozenset(member.held))
                group.leave(member)
            for _ in range(pause):
                await asyncio.sleep(0)
        await group.close()
        assert len(holders) == (2 * PARTITIONS if present else 0)

    asyncio.run(run())


class LogMachine(RuleBasedStateMachine):
    """The file against lists in memory: append, read from anywhere, commit, prune, open again."""

    @initialize(retention_ms=st.integers(100, 2_000))
    def make(self, retention_ms: int) -> None:
        self.retention_ms = retention_ms
        self.folder = TemporaryDirectory()
        self.file = Path(self.folder.name) / "stream.db"
        self.at_ms = 1_000
        self.logs: dict[Partition, list[tuple[Outgoing, int]]] = {Partition("t", n): [] for n in range(2)}
        self.committed: dict[str, dict[Partition, int]] = {}
        self.open()

    def open(self) -> None:
        self.connection: sqlite3.Connection = log.connect(self.file)
        self.ids = log.declare(self.connection, {"p.t": "t"}, 2)

    @rule()
    def reopen(self) -> None:
        self.connection.close()
        self.open()

    @rule(number=st.integers(0, 1), records=st.lists(outgoing, min_size=1, max_size=300))
    def append(self, number: int, records: list[Outgoing]) -> None:
        partition = Partition("t", number)
        chunks = {self.ids[partition]: list(log.pack(records))}
        end = log.append(self.connection, chunks, self.at_ms)[self.ids[partition]]
        self.logs[partition] += [(record, self.at_ms) for record in records]
        assert end == len(self.logs[partition])

    @rule(by_ms=st.integers(1, 500))
    def wait(self, by_ms: int) -> None:
        self.at_ms += by_ms

    @rule(group=st.sampled_from("xy"))
    def register(self, group: str) -> None:
        offsets = log.register(self.connection, group, list(self.ids.values()))
        known = self.committed.setdefault(group, {p: offsets[self.ids[p]] for p in self.ids})
        assert {p: offsets[self.ids[p]] for p in self.ids} == known

    @rule(group=st.sampled_from("xy"), number=st.integers(0, 1), share=st.floats(0, 1))
    def commit(self, group: str, number: int, share: float) -> None:
        partition = Partition("t", number)
        if group in self.committed:
            offset = int(len(self.logs[partition]) * share)
            log.commit(self.connection, group, {self.ids[partition]: offset})
            self.committed[group][partition] = offset

    @rule()
    def prune(self) -> None:
        while log.prune(self.connection, self.at_ms, self.retention_ms, 3):
            pass
        for partition, records in self.logs.items():
            unread = min((c[partition] for c in self.committed.values()), default=len(records))
            present = {r.offset for r in self._read(partition, 0, 10**9)}
            for offset, (_, appended_ms) in enumerate(records):
                age_ms = self.at_ms - appended_ms
                if age_ms <= self.retention_ms or (offset >= unread and age_ms <= 2 * self.retention_ms):
                    assert offset in present

    @rule(number=st.integers(0, 1), share=st.floats(0, 1), limit=st.integers(1, 400))
    def read(self, number: int, share: float, limit: int) -> None:
        partition = Partition("t", number)
        start = int(len(self.logs[partition]) * share)
        read = self._read(partition, start, limit)
        assert len(read) <= limit
        assert all(record.offset >= start for record in read)
        offsets = [record.offset for record in read]
        assert not offsets or offsets == list(range(offsets[0], offsets[0] + len(offsets)))
        for record in read:
            sent, appended_ms = self.logs[partition][record.offset]
            assert (record.key, record.value, tuple(record.headers)) == (
                sent.key,
                sent.value,
                tuple(sent.headers),
            )
            assert record.timestamp_ms == appended_ms

    def _read(self, partition: Partition, start: int, limit: int) -> list[Record]:
        end = len(self.logs[partition])
        if start >= end:
            return []
        span = log.Span(partition, self.ids[partition], start, end)
        reading = log.read(self.connection, [span], limit, 1 << 30)
        expected = reading.records[-1].offset + 1 if reading.records else end
        assert reading.next_offsets == {partition: expected}
        return reading.records

    @invariant()
    def ends_only_grow(self) -> None:
        if hasattr(self, "logs"):
            ends = log.ends(self.connection)
            assert {p: ends[self.ids[p]] for p in self.ids} == {p: len(of) for p, of in self.logs.items()}

    def teardown(self) -> None:
        if hasattr(self, "folder"):
            self.connection.close()
            self.folder.cleanup()


TestLog = LogMachine.TestCase
TestLog.settings = settings(max_examples=40, stateful_step_count=25)

P = TopicPartition("t", 0)


@given(st.lists(st.tuples(st.integers(0, 3), st.integers(0, 3), st.booleans()), max_size=30))
def test_starvation_is_only_where_a_partition_stood_still_behind_for_the_whole_patience(
    looks: list[tuple[int, int, bool]],
) -> None:
    watch = StuckDetector(patience_s=3)
    stood: list[int] = []
    for at_s, (position, behind, fed) in enumerate(looks):
        if fed:
            watch.forget()
            stood.clear()
            continue
        if behind == 0 or (stood and stood[-1] != position):
            stood.clear()
        if behind:
            stood.append(position)
        stuck = watch.observe(at_s, {P: position}, {P: position + behind})
        assert stuck == (len(stood) > 3)


kafka_headers = st.lists(st.tuples(st.text(max_size=10), blobs), max_size=4)


@given(
    st.lists(st.tuples(blobs, blobs, kafka_headers), min_size=1, max_size=20),
    st.sampled_from([0, 1, 2, 3, 4]),
)
def test_the_raw_decoder_reads_what_aiokafka_reads(
    written: list[tuple[bytes | None, bytes | None, list[tuple[str, bytes | None]]]], codec: int
) -> None:
    builder = DefaultRecordBatchBuilder(
        2, codec, is_transactional=0, producer_id=-1, producer_epoch=-1, base_sequence=0, batch_size=1 << 20
    )
    for offset, (key, value, of_record) in enumerate(written):
        builder.append(offset, 1_000 + offset, key, value, of_record)
    body = bytes(builder.build())
    theirs = [
        Record("t", 1, r.offset, r.key, r.value, tuple(r.headers), r.timestamp)
        for r in DefaultRecordBatch(body)
    ]
    assert decode_batch(body, "t", 1) == theirs
