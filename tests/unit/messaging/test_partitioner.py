"""The partition of a record, and the size that a topic accepts."""

from __future__ import annotations

from collections import Counter
from zlib import crc32

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.errors import Crash, DataError
from shared.lead.ids import partition_of
from shared.messaging.manifest import LEADS_SCORED, SIGNALS_RECEIVED, Topic
from shared.messaging.partitioner import Partitioner, refuse_oversized, stored_bytes
from shared.messaging.port import Outgoing, Partition

TOPICS = (LEADS_SCORED, SIGNALS_RECEIVED)
SMALL = Topic("small", ("gateway",), ("ledger",), record_bytes_max=200)

keys = st.none() | st.binary(max_size=8)
records = st.builds(Outgoing, st.sampled_from([topic.name for topic in TOPICS]), keys, st.binary(max_size=8))


def test_a_key_belongs_to_the_partition_of_its_crc32() -> None:
    """The partition of a key is part of the contract: a change would break the order of its events."""
    partitioner = Partitioner(TOPICS, 6)
    assert partitioner.partition_for(Outgoing(LEADS_SCORED.name, b"acme.com", b"")) == Partition(
        LEADS_SCORED.name, crc32(b"acme.com") % 6
    )
    golden = {b"": 0, b"acme.com": 1, b"example.org": 5, b"\xff\x00": 0}
    numbers = {key: partitioner.partition_for(Outgoing(LEADS_SCORED.name, key, b"")).number for key in golden}
    assert numbers == {key: crc32(key) % 6 for key in golden}


@given(st.binary(min_size=1, max_size=20), st.integers(1, 64))
def test_the_outbox_and_the_stream_agree_on_the_partition_of_a_key(key: bytes, partitions: int) -> None:
    """The outbox publishes what a crash left by partition number, so both must compute the same number."""
    partition = Partitioner(TOPICS, partitions).partition_for(Outgoing(LEADS_SCORED.name, key, b""))
    assert partition.number == partition_of(key, partitions)


@given(st.lists(records, max_size=40), st.integers(1, 7))
def test_grouping_loses_no_record_and_keeps_their_order(out: list[Outgoing], partitions: int) -> None:
    groups = Partitioner(TOPICS, partitions).by_partition(out)
    for partition, group in groups.items():
        assert 0 <= partition.number < partitions
        assert {record.topic for record in group} == {partition.topic}
        positions = [next(i for i, record in enumerate(out) if record is member) for member in group]
        assert positions == sorted(positions)
    assert Counter(map(id, out)) == Counter(id(record) for group in groups.values() for record in group)


@given(st.lists(records.filter(lambda record: record.key is not None), max_size=20), st.integers(1, 7))
def test_one_record_alone_goes_where_it_goes_among_others(out: list[Outgoing], partitions: int) -> None:
    partitioner = Partitioner(TOPICS, partitions)
    for partition, group in partitioner.by_partition(out).items():
        assert {partitioner.partition_for(record) for record in group} == {partition}


def test_records_without_a_key_go_round_robin() -> None:
    partitioner = Partitioner(TOPICS, 3)
    keyless = Outgoing(LEADS_SCORED.name, None, b"x")
    assert [partitioner.partition_for(keyless).number for _ in range(5)] == [0, 1, 2, 0, 1]
    grouped = partitioner.by_partition([keyless] * 6)
    assert {partition.number: len(group) for partition, group in grouped.items()} == {0: 2, 1: 2, 2: 2}


def test_an_empty_key_is_a_key() -> None:
    partitioner = Partitioner(TOPICS, 3)
    assert {partitioner.partition_for(Outgoing(LEADS_SCORED.name, b"", b"")).number for _ in range(5)} == {0}


def test_a_topic_outside_the_manifest_is_a_crash() -> None:
    partitioner = Partitioner(TOPICS, 3)
    stray = Outgoing("leads.lost.v1", b"k", b"v")
    with pytest.raises(Crash, match=r"leads\.lost\.v1"):
        partitioner.partition_for(stray)
    with pytest.raises(Crash, match=r"leads\.lost\.v1"):
        partitioner.by_partition([Outgoing(LEADS_SCORED.name, b"k", b"v"), stray])


@pytest.mark.parametrize(
    ("record", "size"),
    [
        (Outgoing("small", None, None), 96),
        (Outgoing("small", b"key", b"value"), 96 + 3 + 5),
        (Outgoing("small", None, b"", (("n", None),)), 96 + 10 + 1),
        (Outgoing("small", None, None, (("é", b"abc"), ("n", b""))), 96 + (10 + 2 + 3) + (10 + 1)),
    ],
)
def test_the_size_of_a_record_counts_its_framing_and_its_headers(record: Outgoing, size: int) -> None:
    assert stored_bytes(record) == size


def test_a_record_of_exactly_the_limit_is_accepted_and_one_byte_more_is_not() -> None:
    refuse_oversized(Outgoing("small", None, b"x" * 104), SMALL)
    with pytest.raises(DataError, match="small takes records of 200 bytes, this one has 201") as refused:
        refuse_oversized(Outgoing("small", None, b"x" * 105), SMALL)
    assert refused.value.kind == "oversized"
