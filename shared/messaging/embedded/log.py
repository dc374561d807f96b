"""The file of the embedded stream: all statements that run on it. The functions block: call them in a thread.

Records are stored in chunks, as Kafka stores them in batches: one row per chunk costs a tenth of a row per
record. A chunk is a MessagePack array of (key, value, headers).
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

import msgspec

from shared.errors import Crash
from shared.messaging.port import Gap, Outgoing, Partition, Record
from shared.private_files import make_private_database

CHUNK_RECORDS_MAX = 128
CHUNK_BYTES_MAX = 256 * 1024

_FORMAT = 1
_OFFSETS_PER_LOG = 1 << 40

_SCHEMA = """
CREATE TABLE log (
    id INTEGER PRIMARY KEY, topic TEXT NOT NULL, partition INTEGER NOT NULL,
    next_offset INTEGER NOT NULL DEFAULT 0, UNIQUE (topic, partition)
) STRICT;
-- place = log id * 2^40 + offset of the first record: one clustered key, so that a range of offsets of one
-- log is a range of rows.
CREATE TABLE chunk (
    place INTEGER PRIMARY KEY, records INTEGER NOT NULL, appended_ms INTEGER NOT NULL, body BLOB NOT NULL
) STRICT;
CREATE TABLE committed (
    member_group TEXT NOT NULL, log INTEGER NOT NULL, next_offset INTEGER NOT NULL,
    PRIMARY KEY (member_group, log)
) STRICT, WITHOUT ROWID;
"""

_CHUNKS_FROM = """
SELECT place, appended_ms, body FROM chunk
WHERE place >= coalesce((SELECT max(place) FROM chunk WHERE place BETWEEN ?1 AND ?1 + ?2), ?1)
  AND place < ?1 + ?3
ORDER BY place LIMIT ?4
"""
"""The chunk that holds the offset ?2 of the log with the first place ?1, and those that follow."""

Packed = tuple[bytes | None, bytes | None, tuple[tuple[str, bytes | None], ...]]
_encode = msgspec.msgpack.Encoder().encode
_decode = msgspec.msgpack.Decoder(list[Packed]).decode


class Chunk(NamedTuple):
    """Records of one partition, encoded."""

    records: int
    body: bytes


class Span(NamedTuple):
    """A range of one partition to read: from `start` up to `end`, the offset after its last record."""

    partition: Partition
    log: int
    start: int
    end: int


class Reading(NamedTuple):
    """The records read, and per partition the next offset (past the records where some were pruned)."""

    records: list[Record]
    next_offsets: dict[Partition, int]


def connect(file: Path) -> sqlite3.Connection:
    """Open the file (made if absent) so that a commit is on disk when it returns."""
    make_private_database(file)
    connection = sqlite3.connect(file, isolation_level=None, check_same_thread=False, timeout=30)
    # Before the first table, or it has no effect: pruned pages go back to the file system in small steps.
    connection.execute("PRAGMA auto_vacuum = INCREMENTAL")
    connection.execute("PRAGMA journal_mode = WAL")
    connection.execute("PRAGMA synchronous = FULL")
    connection.execute("PRAGMA wal_autocheckpoint = 4000")
    # Records hold personal data; what is pruned must not stay readable in free pages.
    connection.execute("PRAGMA secure_delete = ON")
    return connection


def declare(
    connection: sqlite3.Connection, topics: Mapping[str, str], partitions: int
) -> dict[Partition, int]:
    """Create the logs that are missing, and return the ids of all.

    `topics` maps the name in the file to the name in the manifest, which the result uses.
    """
    found_format = connection.execute("PRAGMA user_version").fetchone()[0]
    if found_format == 0:
        connection.executescript(f"BEGIN;{_SCHEMA}PRAGMA user_version = {_FORMAT};COMMIT;")
    elif found_format != _FORMAT:
        raise Crash(f"the stream's file has format {found_format}, this Baton reads {_FORMAT}")
    present = dict(connection.execute("SELECT topic, count(*) FROM log GROUP BY topic"))
    wrong = [
        f"{topic}: expected {partitions} partitions, found {present[topic]}"
        for topic in topics
        if present.get(topic, partitions) != partitions
    ]
    if wrong:
        raise Crash(f"topics differ from what is declared: {'; '.join(wrong)}")
    missing = [(topic, number) for topic in topics if topic not in present for number in range(partitions)]
    connection.executemany("INSERT INTO log (topic, partition) VALUES (?, ?)", missing)
    rows = connection.execute("SELECT topic, partition, id FROM log")
    return {Partition(topics[topic], number): log for topic, number, log in rows if topic in topics}


def ends(connection: sqlite3.Connection) -> dict[int, int]:
    """Return, per log, the offset that the next record will get."""
    return dict(connection.execute("SELECT id, next_offset FROM log"))


def firsts(connection: sqlite3.Connection, logs: Sequence[int]) -> dict[int, int]:
    """Return, per log, the offset of the first record that is kept; without one, that of the next record."""
    first = """
        SELECT coalesce(
            (SELECT min(place) % ?2 FROM chunk WHERE place BETWEEN id * ?2 AND id * ?2 + ?2 - 1), next_offset)
        FROM log WHERE id = ?1"""
    return {log: connection.execute(first, (log, _OFFSETS_PER_LOG)).fetchone()[0] for log in logs}


def readable(
    ids: Mapping[Partition, int],
    ends: Mapping[Partition, int],
    positions: Mapping[Partition, int],
    partitions: Iterable[Partition],
    turn: int,
) -> list[Span]:
    """Return the ranges of these partitions that have unread records, rotated by `turn` places. Pure.

    With another turn at each read no partition is always last.
    """
    spans = [
        Span(partition, ids[partition], positions[partition], ends[partition])
        for partition in sorted(partitions)
        if positions[partition] < ends[partition]
    ]
    first = turn % len(spans) if spans else 0
    return spans[first:] + spans[:first]


def pack(records: Sequence[Outgoing]) -> Iterator[Chunk]:
    """Encode records in chunks that are cheap to read in part."""
    packed: list[Packed] = []
    size = 0
    for record in records:
        weight = len(record.value or b"")
        if packed and (len(packed) == CHUNK_RECORDS_MAX or size + weight > CHUNK_BYTES_MAX):
            yield Chunk(len(packed), _encode(packed))
            packed, size = [], 0
        packed.append((record.key, record.value, record.headers))  # type: ignore[arg-type]
        size += weight
    if packed:
        yield Chunk(len(packed), _encode(packed))


def append(
    connection: sqlite3.Connection, chunks: Mapping[int, Sequence[Chunk]], at_ms: int
) -> dict[int, int]:
    """Append to each log its chunks; return the new end of each."""
    new_ends: dict[int, int] = {}
    rows: list[tuple[int, int, int, bytes]] = []
    for log, of_log in chunks.items():
        total = sum(chunk.records for chunk in of_log)
        grown = "UPDATE log SET next_offset = next_offset + ? WHERE id = ? RETURNING next_offset"
        new_ends[log] = end = connection.execute(grown, (total, log)).fetchone()[0]
        place = log * _OFFSETS_PER_LOG + end - total
        for chunk in of_log:
            rows.append((place, chunk.records, at_ms, chunk.body))
            place += chunk.records
    connection.executemany("INSERT INTO chunk VALUES (?, ?, ?, ?)", rows)
    return new_ends


def read(connection: sqlite3.Connection, spans: Sequence[Span], limit: int, bytes_max: int) -> Reading:
    """Read at most `limit` records, span by span; a chunk that crosses `bytes_max` is the last."""
    records: list[Record] = []
    next_offsets: dict[Partition, int] = {}
    for span in spans:
        # Where everything from `start` on has been pruned there is nothing to read, and the end is next.
        next_offsets[span.partition] = span.end
        low = span.log * _OFFSETS_PER_LOG
        # One row more than there are records to read: the first chunk may hold older records only.
        parameters = (low, span.start, _OFFSETS_PER_LOG, limit - len(records) + 1)
        for place, appended_ms, body in connection.execute(_CHUNKS_FROM, parameters):
            found = unpack(span, place % _OFFSETS_PER_LOG, appended_ms, body)[: limit - len(records)]
            if found:
                records += found
                next_offsets[span.partition] = found[-1].offset + 1
            bytes_max -= len(body)
            if len(records) >= limit or bytes_max <= 0:
                return Reading(records, next_offsets)
    return Reading(records, next_offsets)


def gaps_before(reading: Reading, positions: Mapping[Partition, int]) -> list[Gap]:
    """Return where a reading does not continue at these positions, because records were pruned. Pure."""
    firsts = {
        Partition(record.topic, record.partition): record.offset for record in reversed(reading.records)
    }
    found = {partition: firsts.get(partition, end) for partition, end in reading.next_offsets.items()}
    return [
        Gap(partition, positions[partition], offset)
        for partition, offset in found.items()
        if offset != positions[partition]
    ]


def unpack(span: Span, first: int, appended_ms: int, body: bytes) -> list[Record]:
    """Return the records of a chunk from the span's start on; `first` is the offset of the chunk's first."""
    topic, number = span.partition
    skip = max(0, span.start - first)
    return [
        Record(topic, number, offset, key, value, headers, appended_ms)
        for offset, (key, value, headers) in enumerate(_decode(body)[skip:], first + skip)
    ]


def register(connection: sqlite3.Connection, group: str, logs: Sequence[int]) -> dict[int, int]:
    """Add the group, starting at the first record of each log; return its committed offsets."""
    rows = [(group, log, first) for log, first in firsts(connection, logs).items()]
    connection.executemany("INSERT OR IGNORE INTO committed VALUES (?, ?, ?)", rows)
    committed = dict(
        connection.execute("SELECT log, next_offset FROM committed WHERE member_group = ?", (group,))
    )
    return {log: committed[log] for log in logs}


def commit(connection: sqlite3.Connection, group: str, upto: Mapping[int, int]) -> None:
    """Store per log the next offset that the group reads."""
    rows = [(offset, group, log) for log, offset in upto.items()]
    connection.executemany("UPDATE committed SET next_offset = ? WHERE member_group = ? AND log = ?", rows)


def prune(connection: sqlite3.Connection, now_ms: int, retention_ms: int, chunks_max: int) -> int:
    """Delete at most `chunks_max` chunks past their retention; return how many were deleted.

    A chunk that a group has not read yet is kept for a second retention time, and no longer: a group that
    never comes back must not keep personal data for ever.
    """
    unread = dict(connection.execute("SELECT log, min(next_offset) FROM committed GROUP BY log"))
    gone: list[tuple[int]] = []
    for (log,) in connection.execute("SELECT id FROM log").fetchall():
        low = log * _OFFSETS_PER_LOG
        oldest = connection.execute(
            "SELECT place, records, appended_ms FROM chunk "
            "WHERE place BETWEEN ? AND ? ORDER BY place LIMIT ?",
            (low, low + _OFFSETS_PER_LOG - 1, chunks_max - len(gone)),
        )
        for place, records, appended_ms in oldest:
            is_read = place - low + records <= unread.get(log, _OFFSETS_PER_LOG)
            if now_ms - appended_ms <= (retention_ms if is_read else 2 * retention_ms):
                break
            gone.append((place,))
    connection.executemany("DELETE FROM chunk WHERE place = ?", gone)
    return len(gone)


def shrink(connection: sqlite3.Connection) -> None:
    """Give a few free pages back to the file system."""
    connection.execute("PRAGMA incremental_vacuum(256)").fetchall()
