"""The embedded stream: opens the file, keeps the groups, prunes records past their retention."""

from __future__ import annotations

import asyncio
import fcntl
import os
from collections.abc import Mapping, Sequence
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import TextIO

import structlog

from shared.clock import Clock
from shared.errors import Crash, Retry
from shared.messaging.embedded import log
from shared.messaging.embedded.group import Group
from shared.messaging.embedded.sink import EmbeddedSink
from shared.messaging.embedded.source import EmbeddedSource
from shared.messaging.embedded.tail import EmbeddedTail
from shared.messaging.embedded.writer import FileThread, Writer
from shared.messaging.manifest import TOPICS, Topic
from shared.messaging.partitioner import Partitioner
from shared.messaging.port import Gap, OnRevoke, Partition, Sink, Source, Tail
from shared.private_files import FILE_MODE, make_private_folder

REVOKING_S_MAX = 10.0
PRUNE_EVERY_S = 60.0

_PRUNE_CHUNKS_MAX = 200
_PRUNE_PAUSE_S = 0.05
_DAY_MS = 86_400_000
_log = structlog.get_logger(__name__)


class EmbeddedStream:
    """One data directory's stream; see `port.Stream`. One process at a time, or `Crash`.

    Records are kept for `retention_days`, and a second time as long where a known group has not read them.
    """

    def __init__(
        self,
        data_dir: Path,
        *,
        prefix: str,
        partitions: int,
        retention_days: float,
        clock: Clock,
        topics: Sequence[Topic] = TOPICS,
        revoking_s_max: float = REVOKING_S_MAX,
        prune_every_s: float = PRUNE_EVERY_S,
    ) -> None:
        self.ids: dict[Partition, int] = {}
        self.ends: dict[Partition, int] = {}
        self._data_dir = data_dir
        self._prefix = prefix
        self._partitions = partitions
        self._retention_ms = int(retention_days * _DAY_MS)
        self._clock = clock
        self._topics = topics
        self._partitioner = Partitioner(topics, partitions)
        self._revoking_s_max = revoking_s_max
        self._prune_every_s = prune_every_s
        self._by_id: dict[int, Partition] = {}
        self._groups: dict[str, Group] = {}
        self._readers: list[EmbeddedSource | EmbeddedTail] = []
        self._lock: TextIO | None = None
        self._opened: tuple[FileThread, Writer, asyncio.Task[None]] | None = None

    async def open(self) -> None:
        make_private_folder(self._data_dir)
        self._lock = _lock(self._data_dir)
        file = self._data_dir / "stream.db"
        writer = Writer(file)
        reader = FileThread(file, "stream-read")
        names = {f"{self._prefix}.{topic.name}": topic.name for topic in self._topics}
        try:
            # On the reader's connection: creating the tables needs a transaction of its own.
            self.ids = await reader.run(partial(log.declare, topics=names, partitions=self._partitions))
            by_log = await reader.run(log.ends)
        except (Crash, Retry):
            await reader.close()
            await writer.close()
            self._lock.close()
            raise
        self._by_id = {log_id: partition for partition, log_id in self.ids.items()}
        self.ends = {partition: by_log[log_id] for partition, log_id in self.ids.items()}
        self._opened = (reader, writer, asyncio.create_task(self._prune_periodically()))

    async def source(self, group: str, topics: Sequence[str], on_revoke: OnRevoke) -> Source:
        reader, writer, _ = self._require_open()
        joined = self._groups.get(group)
        if joined is None:
            joined = self._groups[group] = Group(f"{self._prefix}.{group}", self._partitions)
        logs = [self.ids[Partition(topic, number)] for topic in topics for number in range(self._partitions)]
        offsets = await writer.run(partial(log.register, group=joined.name, logs=logs))
        for log_id, offset in offsets.items():
            joined.committed.setdefault(self._by_id[log_id], offset)
        source = EmbeddedSource(
            joined,
            topics,
            on_revoke,
            logs=self,
            reader=reader,
            writer=writer,
            revoking_s_max=self._revoking_s_max,
        )
        self._readers.append(source)
        joined.join(source)
        return source

    async def tail(self, topics: Sequence[str], start: Mapping[Partition, int] | None = None) -> Tail:
        reader, _, _ = self._require_open()
        partitions = [Partition(topic, number) for topic in topics for number in range(self._partitions)]
        positions = {partition: self.ends[partition] for partition in partitions}
        gaps: list[Gap] = []
        if start is not None:
            firsts = await reader.run(partial(log.firsts, logs=[self.ids[one] for one in partitions]))
            for partition in partitions:
                first = firsts[self.ids[partition]]
                position = positions[partition] = start.get(partition, first)
                if position > self.ends[partition]:
                    gaps.append(Gap(partition, position, first))
                    positions[partition] = first
        tail = EmbeddedTail(positions, gaps, logs=self, reader=reader)
        self._readers.append(tail)
        return tail

    async def sink(self) -> Sink:
        _, writer, _ = self._require_open()
        return EmbeddedSink(
            self._partitioner, ids=self.ids, writer=writer, clock=self._clock, appended=self._appended
        )

    async def ping(self) -> None:
        reader, _, _ = self._require_open()
        await reader.run(lambda connection: connection.execute("SELECT 1").fetchone())

    async def close(self) -> None:
        if self._opened is None:
            return
        reader, writer, pruning = self._opened
        self._opened = None
        pruning.cancel()
        with suppress(asyncio.CancelledError):
            await pruning
        for group in self._groups.values():
            await group.close()
        await writer.close()
        await reader.close()
        if self._lock is not None:
            self._lock.close()

    async def prune(self) -> None:
        """Delete the records past their retention, in small steps so that no append waits long behind one."""
        _, writer, _ = self._require_open()
        gone = _PRUNE_CHUNKS_MAX
        while gone == _PRUNE_CHUNKS_MAX:
            now_ms = int(self._clock.now().timestamp() * 1000)
            step = partial(
                log.prune, now_ms=now_ms, retention_ms=self._retention_ms, chunks_max=_PRUNE_CHUNKS_MAX
            )
            gone = await writer.run(step)
            if gone:
                await writer.run(log.shrink)
            await asyncio.sleep(_PRUNE_PAUSE_S)

    def _require_open(self) -> tuple[FileThread, Writer, asyncio.Task[None]]:
        if self._opened is None:
            raise Crash("the stream is not open")
        return self._opened

    def _appended(self, new_ends: dict[int, int]) -> None:
        ends = {self._by_id[log_id]: end for log_id, end in new_ends.items()}
        self.ends.update(ends)
        touched = frozenset(ends)
        self._readers = [reader for reader in self._readers if not reader.closed]
        for reader in self._readers:
            reader.appended(touched)

    async def _prune_periodically(self) -> None:
        while True:
            await asyncio.sleep(self._prune_every_s)
            try:
                await self.prune()
            except Retry as error:
                _log.warning("pruning the stream failed; it is retried", error=str(error))


def _lock(data_dir: Path) -> TextIO:
    """Lock the data directory for this process; the operating system releases the lock when it ends."""
    lock = (data_dir / "stream.lock").open("a+", encoding="utf-8")
    os.fchmod(lock.fileno(), FILE_MODE)
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        lock.seek(0)
        owner = lock.read().strip() or "unknown"
        lock.close()
        message = f"{data_dir} is in use by process {owner}: stop it, or set BATON_DATA_DIR to another folder"
        raise Crash(message) from error
    lock.truncate(0)
    lock.write(f"{os.getpid()}\n")
    lock.flush()
    return lock
