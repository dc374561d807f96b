"""What only the embedded stream has: a file that must outlive kill -9, its lock, and pruning."""

from __future__ import annotations

import asyncio
import os
import signal
import sqlite3
import sys
import textwrap
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from shared.clock import Clock, SystemClock
from shared.errors import Crash, DataError
from shared.messaging.connect import connect
from shared.messaging.embedded import EmbeddedStream
from shared.messaging.manifest import LEADS_ROUTED, LEADS_SCORED
from shared.messaging.port import Outgoing, Partition, Record, Source, Stream, publish
from tests.support.fixed_clock import FixedClock

SCORED = LEADS_SCORED.name


@pytest.fixture
async def closing() -> AsyncIterator[AsyncExitStack]:
    async with AsyncExitStack() as stack:
        yield stack


def stream_in(folder: Path, clock: Clock | None = None, prune_every_s: float = 60.0) -> EmbeddedStream:
    return EmbeddedStream(
        folder,
        prefix="baton",
        partitions=2,
        retention_days=1,
        clock=clock or SystemClock(),
        topics=(LEADS_SCORED, LEADS_ROUTED),
        prune_every_s=prune_every_s,
    )


async def let_go(lost: frozenset[Partition]) -> None:
    """A member with nothing in hand."""


async def read_all(source: Source) -> list[Record]:
    """Read until nothing comes any more."""
    read: list[Record] = []
    async with asyncio.timeout(30):
        while True:
            batch = await source.poll(500, 0.3)
            if not batch.records and not batch.assigned:
                return read
            read.extend(batch.records)


WRITER = """
    import asyncio, sys
    from pathlib import Path
    from shared.clock import SystemClock
    from shared.messaging.embedded import EmbeddedStream
    from shared.messaging.manifest import LEADS_SCORED
    from shared.messaging.port import Outgoing, publish

    async def main(folder):
        stream = EmbeddedStream(Path(folder), prefix="baton", partitions=2, retention_days=1,
                                clock=SystemClock(), topics=(LEADS_SCORED,))
        await stream.open()
        sink = await stream.sink()
        number = 0
        while True:
            out = [Outgoing(LEADS_SCORED.name, b"%d" % n, b"%d" % n) for n in range(number, number + 10)]
            await publish(sink, out)
            number += 10
            print(number, flush=True)

    asyncio.run(main(sys.argv[1]))
"""


async def _killed_writer(folder: Path) -> int:
    """Run a process that appends until it is killed; return how many records it had acknowledged."""
    writer = await asyncio.create_subprocess_exec(
        sys.executable, "-c", textwrap.dedent(WRITER), str(folder), stdout=asyncio.subprocess.PIPE
    )
    assert writer.stdout is not None
    async with asyncio.timeout(30):
        for _ in range(50):
            await writer.stdout.readline()
        writer.send_signal(signal.SIGKILL)
        acknowledged = [int(line) async for line in writer.stdout if line.endswith(b"\n")]
        await writer.wait()
    return max([500, *acknowledged])


async def test_kill_minus_nine_loses_nothing_that_was_acknowledged(
    tmp_path: Path, closing: AsyncExitStack
) -> None:
    acknowledged = [await _killed_writer(tmp_path) for _ in range(2)]
    stream = stream_in(tmp_path)
    await stream.open()
    closing.push_async_callback(stream.close)
    source = await stream.source("reader", [SCORED], let_go)
    closing.push_async_callback(source.close)
    read = await read_all(source)
    counts = dict.fromkeys(range(max(acknowledged)), 0)
    for record in read:
        counts[int(record.value or b"")] = counts.get(int(record.value or b""), 0) + 1
    assert all(counts[n] == 2 for n in range(min(acknowledged)))
    assert all(counts[n] >= 1 for n in range(max(acknowledged)))


async def test_a_data_directory_is_for_one_process(tmp_path: Path, closing: AsyncExitStack) -> None:
    first = stream_in(tmp_path)
    await first.open()
    closing.push_async_callback(first.close)
    with pytest.raises(Crash, match=rf"process {os.getpid()}.*BATON_DATA_DIR"):
        await stream_in(tmp_path).open()


async def test_a_closed_stream_frees_its_directory(tmp_path: Path) -> None:
    for _ in range(2):
        stream = stream_in(tmp_path)
        await stream.open()
        await stream.close()


async def _append(stream: Stream, numbers: range, topic: str = SCORED) -> None:
    sink = await stream.sink()
    for number in numbers:
        await publish(sink, [Outgoing(topic, b"%d" % number, b"personal data %d" % number)])
    await sink.close()


async def _chunks(folder: Path) -> int:
    with sqlite3.connect(folder / "stream.db") as connection:
        count: int = connection.execute("SELECT count(*) FROM chunk").fetchone()[0]
    connection.close()
    return count


async def test_records_past_their_retention_are_pruned_and_the_rest_is_read_without_gap(
    tmp_path: Path, closing: AsyncExitStack
) -> None:
    clock = FixedClock(datetime(2026, 3, 1, tzinfo=UTC))
    stream = stream_in(tmp_path, clock)
    await stream.open()
    closing.push_async_callback(stream.close)
    await _append(stream, range(300))
    clock.advance(timedelta(hours=20))
    await _append(stream, range(300, 310))
    clock.advance(timedelta(hours=5))
    await stream.prune()
    assert await _chunks(tmp_path) == 10
    source = await stream.source("late", [SCORED], let_go)
    closing.push_async_callback(source.close)
    assert {record.value for record in await read_all(source)} == {
        b"personal data %d" % n for n in range(300, 310)
    }
    assert set((await source.lag()).values()) == {0}


async def test_records_that_a_known_group_has_not_read_are_kept_twice_as_long(
    tmp_path: Path, closing: AsyncExitStack
) -> None:
    clock = FixedClock(datetime(2026, 3, 1, tzinfo=UTC))
    stream = stream_in(tmp_path, clock)
    await stream.open()
    closing.push_async_callback(stream.close)
    source = await stream.source("slow", [SCORED], let_go)
    closing.push_async_callback(source.close)
    await _append(stream, range(20))
    await _append(stream, range(1), topic=LEADS_ROUTED.name)
    clock.advance(timedelta(hours=30))
    await stream.prune()
    assert await _chunks(tmp_path) == 20  # of the topic that no group reads, nothing is left
    clock.advance(timedelta(hours=20))
    await stream.prune()
    assert await _chunks(tmp_path) == 0
    assert await read_all(source) == []
    await _append(stream, range(20, 25))
    assert len(await read_all(source)) == 5


async def test_records_are_pruned_periodically_without_a_call(
    tmp_path: Path, closing: AsyncExitStack
) -> None:
    clock = FixedClock(datetime(2026, 3, 1, tzinfo=UTC))
    stream = stream_in(tmp_path, clock, prune_every_s=0.01)
    await stream.open()
    closing.push_async_callback(stream.close)
    await _append(stream, range(20))
    clock.advance(timedelta(hours=25))
    async with asyncio.timeout(600):
        while await _chunks(tmp_path):
            await asyncio.sleep(0.01)


async def test_pruned_records_leave_no_trace_in_the_file(tmp_path: Path) -> None:
    clock = FixedClock(datetime(2026, 3, 1, tzinfo=UTC))
    stream = stream_in(tmp_path, clock)
    await stream.open()
    await _append(stream, range(20))
    clock.advance(timedelta(hours=25))
    await stream.prune()
    assert await _chunks(tmp_path) == 0
    await stream.close()
    for file in tmp_path.iterdir():
        assert b"personal data" not in file.read_bytes()


async def test_offsets_continue_after_everything_was_pruned(tmp_path: Path) -> None:
    clock = FixedClock(datetime(2026, 3, 1, tzinfo=UTC))
    stream = stream_in(tmp_path, clock)
    await stream.open()
    await _append(stream, range(20))
    clock.advance(timedelta(hours=25))
    await stream.prune()
    assert await _chunks(tmp_path) == 0
    await stream.close()
    again = stream_in(tmp_path, clock)
    await again.open()
    assert sum(again.ends.values()) == 20
    await again.close()


async def test_an_unawaited_ack_logs_no_warning(tmp_path: Path, closing: AsyncExitStack) -> None:
    stream = stream_in(tmp_path)
    await stream.open()
    closing.push_async_callback(stream.close)
    sink = await stream.sink()
    closing.push_async_callback(sink.close)
    refused = await sink.send([Outgoing(SCORED, b"k", b"x" * (2 * LEADS_SCORED.record_bytes_max))])
    del refused
    with pytest.raises(DataError):
        await (await sink.send([Outgoing(SCORED, b"k", b"x" * (2 * LEADS_SCORED.record_bytes_max))]))


@pytest.mark.parametrize("url", ["", "embedded", "kafka://", "kafka://host", "redis://host:1"])
def test_a_url_that_names_no_stream_is_refused_by_the_name_of_its_setting(url: str, tmp_path: Path) -> None:
    with pytest.raises(Crash, match="BATON_STREAM_URL"):
        connect(
            url,
            data_dir=tmp_path,
            prefix="baton",
            partitions=1,
            retention_days=1,
            clock=SystemClock(),
            create_topics=False,
        )
