"""The file of the embedded stream: what is appended is read back, in order, without gaps."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.errors import Crash
from shared.messaging.embedded import log
from shared.messaging.embedded.log import CHUNK_BYTES_MAX, CHUNK_RECORDS_MAX, Span
from shared.messaging.port import Outgoing, Partition, Record

LEADS, SIGNALS = Partition("leads", 0), Partition("signals", 0)
NAMES = {"baton.leads": "leads", "baton.signals": "signals"}
DAY_MS = 86_400_000
MANY = 1 << 30

headers = st.lists(st.tuples(st.text(max_size=3), st.none() | st.binary(max_size=3)), max_size=2).map(tuple)
outgoing = st.builds(
    Outgoing, st.just("leads"), st.none() | st.binary(max_size=3), st.none() | st.binary(max_size=3), headers
)


@pytest.fixture
def connection(tmp_path: Path) -> Iterator[sqlite3.Connection]:
    connection = log.connect(tmp_path / "stream.db")
    yield connection
    connection.close()


@pytest.fixture
def ids(connection: sqlite3.Connection) -> dict[Partition, int]:
    """The ids of the logs of two topics with one partition each."""
    return log.declare(connection, NAMES, 1)


def numbered(*numbers: int) -> list[Outgoing]:
    return [Outgoing("leads", b"%d" % number, b"value %d" % number) for number in numbers]


def append(
    connection: sqlite3.Connection, log_id: int, records: Sequence[Outgoing], at_ms: int = 0
) -> dict[int, int]:
    return log.append(connection, {log_id: list(log.pack(records))}, at_ms)


def read_offsets(
    connection: sqlite3.Connection, log_id: int, start: int, *, limit: int = 10_000, bytes_max: int = MANY
) -> list[int]:
    end = log.ends(connection)[log_id]
    reading = log.read(connection, [Span(LEADS, log_id, start, end)], limit, bytes_max)
    return [record.offset for record in reading.records]


@given(st.lists(outgoing, max_size=300))
def test_packing_loses_nothing_and_keeps_the_order(records: list[Outgoing]) -> None:
    unpacked: list[Record] = []
    for chunk in log.pack(records):
        of_chunk = log.unpack(Span(LEADS, 1, 0, len(records)), len(unpacked), 5, chunk.body)
        assert len(of_chunk) == chunk.records <= CHUNK_RECORDS_MAX
        unpacked += of_chunk
    assert unpacked == [
        Record("leads", 0, offset, record.key, record.value, record.headers, 5)
        for offset, record in enumerate(records)
    ]


def test_nothing_is_packed_into_no_chunk() -> None:
    assert list(log.pack([])) == []


def test_large_records_make_small_chunks_so_that_a_part_can_be_read() -> None:
    large = Outgoing("leads", None, b"x" * (CHUNK_BYTES_MAX // 2))
    huge = Outgoing("leads", None, b"x" * (CHUNK_BYTES_MAX * 2))
    assert [chunk.records for chunk in log.pack([large] * 5)] == [2, 2, 1]
    assert [chunk.records for chunk in log.pack([huge, huge])] == [1, 1]


@given(st.integers(0, 12), st.integers(0, 12))
def test_unpacking_starts_at_the_offset_of_the_span(first: int, start: int) -> None:
    (chunk,) = log.pack(numbered(*range(6)))
    offsets = [record.offset for record in log.unpack(Span(LEADS, 1, start, 20), first, 0, chunk.body)]
    assert offsets == [offset for offset in range(first, first + 6) if offset >= start]


def test_appends_are_numbered_without_gap_per_log(
    connection: sqlite3.Connection, ids: dict[Partition, int]
) -> None:
    leads, signals = ids[LEADS], ids[SIGNALS]
    assert append(connection, leads, numbered(*range(300))) == {leads: 300}
    assert append(connection, signals, numbered(1)) == {signals: 1}
    assert append(connection, leads, numbered(1, 2)) == {leads: 302}
    assert log.ends(connection) == {leads: 302, signals: 1}
    assert read_offsets(connection, leads, 0) == list(range(302))


@pytest.mark.parametrize("start", [0, 1, 127, 128, 129, 255, 299])
def test_reading_starts_in_the_middle_of_a_chunk(
    connection: sqlite3.Connection, ids: dict[Partition, int], start: int
) -> None:
    append(connection, ids[LEADS], numbered(*range(300)))
    assert read_offsets(connection, ids[LEADS], start) == list(range(start, 300))


@pytest.mark.parametrize("limit", [1, 127, 128, 129, 200])
def test_reading_returns_at_most_the_limit_and_continues_behind_it(
    connection: sqlite3.Connection, ids: dict[Partition, int], limit: int
) -> None:
    append(connection, ids[LEADS], numbered(*range(300)))
    span, found = Span(LEADS, ids[LEADS], 0, 300), list[int]()
    while span.start < 300:
        reading = log.read(connection, [span], limit, MANY)
        assert len(reading.records) <= limit
        found += [record.offset for record in reading.records]
        span = span._replace(start=reading.next_offsets[LEADS])
    assert found == list(range(300))


def test_a_reading_stops_after_the_chunk_that_crosses_the_limit_of_bytes(
    connection: sqlite3.Connection, ids: dict[Partition, int]
) -> None:
    append(connection, ids[LEADS], numbered(*range(300)))
    assert read_offsets(connection, ids[LEADS], 0, bytes_max=1) == list(range(CHUNK_RECORDS_MAX))


def test_a_reading_goes_span_by_span_and_says_where_each_continues(
    connection: sqlite3.Connection, ids: dict[Partition, int]
) -> None:
    append(connection, ids[LEADS], numbered(*range(3)))
    append(connection, ids[SIGNALS], numbered(*range(4)))
    spans = [Span(SIGNALS, ids[SIGNALS], 1, 4), Span(LEADS, ids[LEADS], 0, 3)]
    reading = log.read(connection, spans, 5, MANY)
    assert [(record.topic, record.offset) for record in reading.records] == [
        ("signals", 1),
        ("signals", 2),
        ("signals", 3),
        ("leads", 0),
        ("leads", 1),
    ]
    assert reading.next_offsets == {SIGNALS: 4, LEADS: 2}


def test_a_pruned_range_is_skipped_to_the_end_of_the_span(
    connection: sqlite3.Connection, ids: dict[Partition, int]
) -> None:
    append(connection, ids[LEADS], numbered(*range(200)))
    assert log.prune(connection, 2 * DAY_MS, DAY_MS, 100) == 2
    reading = log.read(connection, [Span(LEADS, ids[LEADS], 0, 200)], 10, MANY)
    assert reading.records == []
    assert reading.next_offsets == {LEADS: 200}


def test_the_start_of_a_log_is_pruned_and_the_rest_is_read(
    connection: sqlite3.Connection, ids: dict[Partition, int]
) -> None:
    append(connection, ids[LEADS], numbered(*range(10)), at_ms=0)
    append(connection, ids[LEADS], numbered(*range(5)), at_ms=DAY_MS)
    assert log.prune(connection, DAY_MS + 1, DAY_MS, 100) == 1
    assert read_offsets(connection, ids[LEADS], 0) == list(range(10, 15))


def test_a_record_of_exactly_the_retention_is_kept(
    connection: sqlite3.Connection, ids: dict[Partition, int]
) -> None:
    append(connection, ids[LEADS], numbered(1), at_ms=0)
    assert log.prune(connection, DAY_MS, DAY_MS, 100) == 0
    assert log.prune(connection, DAY_MS + 1, DAY_MS, 100) == 1


def test_what_a_group_has_not_read_is_kept_for_a_second_retention(
    connection: sqlite3.Connection, ids: dict[Partition, int]
) -> None:
    log.register(connection, "slow", [ids[LEADS]])
    log.register(connection, "fast", [ids[LEADS]])
    append(connection, ids[LEADS], numbered(*range(10)))
    log.commit(connection, "fast", {ids[LEADS]: 10})
    assert log.prune(connection, 2 * DAY_MS, DAY_MS, 100) == 0
    log.commit(connection, "slow", {ids[LEADS]: 9})
    assert log.prune(connection, 2 * DAY_MS, DAY_MS, 100) == 0
    log.commit(connection, "slow", {ids[LEADS]: 10})
    assert log.prune(connection, 2 * DAY_MS, DAY_MS, 100) == 1


def test_a_group_that_never_reads_does_not_keep_personal_data_for_ever(
    connection: sqlite3.Connection, ids: dict[Partition, int]
) -> None:
    log.register(connection, "gone", [ids[LEADS]])
    append(connection, ids[LEADS], numbered(1))
    assert log.prune(connection, 2 * DAY_MS + 1, DAY_MS, 100) == 1


def test_a_prune_deletes_at_most_as_many_chunks_as_it_may(
    connection: sqlite3.Connection, ids: dict[Partition, int]
) -> None:
    for partition in (LEADS, SIGNALS):
        append(connection, ids[partition], numbered(*range(3 * CHUNK_RECORDS_MAX)))
    assert [log.prune(connection, 2 * DAY_MS, DAY_MS, 4) for _ in range(3)] == [4, 2, 0]


def test_pruned_data_is_not_left_in_the_file(tmp_path: Path) -> None:
    """Records hold personal data, and SQLite keeps deleted rows in free pages unless it is told otherwise."""
    file = tmp_path / "private.db"
    connection = log.connect(file)
    ids = log.declare(connection, NAMES, 1)
    append(connection, ids[LEADS], [Outgoing("leads", None, b"a secret address " * 50)])
    log.prune(connection, 2 * DAY_MS, DAY_MS, 100)
    log.shrink(connection)
    connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    connection.close()
    assert b"a secret address" not in file.read_bytes()


def test_a_new_group_starts_at_the_first_record_that_is_left(
    connection: sqlite3.Connection, ids: dict[Partition, int]
) -> None:
    append(connection, ids[LEADS], numbered(*range(10)), at_ms=0)
    append(connection, ids[LEADS], numbered(*range(5)), at_ms=2 * DAY_MS)
    log.prune(connection, 2 * DAY_MS, DAY_MS, 100)
    assert log.register(connection, "late", [ids[LEADS], ids[SIGNALS]]) == {ids[LEADS]: 10, ids[SIGNALS]: 0}


def test_a_known_group_keeps_its_offsets(connection: sqlite3.Connection, ids: dict[Partition, int]) -> None:
    append(connection, ids[LEADS], numbered(*range(10)))
    log.register(connection, "reader", [ids[LEADS]])
    log.commit(connection, "reader", {ids[LEADS]: 7})
    assert log.register(connection, "reader", [ids[LEADS]]) == {ids[LEADS]: 7}
    assert log.register(connection, "other", [ids[LEADS]]) == {ids[LEADS]: 0}


def test_declaring_twice_returns_the_same_logs_and_new_topics_are_added(
    connection: sqlite3.Connection, ids: dict[Partition, int]
) -> None:
    assert log.declare(connection, NAMES, 1) == ids
    more = log.declare(connection, NAMES | {"baton.scores": "scores"}, 1)
    assert more.items() > ids.items()
    assert more.keys() - ids.keys() == {Partition("scores", 0)}


def test_another_number_of_partitions_is_a_crash_that_says_both(
    connection: sqlite3.Connection, ids: dict[Partition, int]
) -> None:
    assert ids
    with pytest.raises(Crash, match=r"baton\.leads: expected 2 partitions, found 1"):
        log.declare(connection, NAMES, 2)


def test_a_file_of_another_format_is_refused(connection: sqlite3.Connection) -> None:
    connection.execute("PRAGMA user_version = 99")
    with pytest.raises(Crash, match="format 99"):
        log.declare(connection, NAMES, 1)
