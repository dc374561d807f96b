"""The single writer of the file: all waiting jobs run in one transaction and share its fsync."""

from __future__ import annotations

import asyncio
import sqlite3
from collections import deque
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple, TypeVar

from shared.errors import Retry
from shared.messaging.embedded import log

QUEUE_BYTES_MAX = 32 * 1024 * 1024
"""The most bytes that may be queued before `enqueue` waits."""

_TRANSACTION_BYTES_MAX = 8 * 1024 * 1024
_JOB_BYTES = 256

T = TypeVar("T")
Job = Callable[[sqlite3.Connection], T]


class _Waiting(NamedTuple):
    job: Job[Any]
    size: int
    done: asyncio.Future[Any]


class FileThread:
    """A thread with a connection of its own."""

    def __init__(self, file: Path, name: str) -> None:
        self._thread = ThreadPoolExecutor(1, thread_name_prefix=name)
        self._connection = self._thread.submit(log.connect, file).result()

    async def run(self, job: Job[T]) -> T:
        """Run the job in the thread. Raises `Retry` when SQLite cannot use the file."""
        try:
            return await asyncio.get_running_loop().run_in_executor(self._thread, job, self._connection)
        except sqlite3.Error as error:
            raise Retry(f"the stream's file cannot be used: {error}") from error

    async def close(self) -> None:
        await asyncio.get_running_loop().run_in_executor(self._thread, self._connection.close)
        self._thread.shutdown()


class Writer:
    """Runs jobs on the writing connection in the order of `enqueue`."""

    def __init__(self, file: Path) -> None:
        self._file = FileThread(file, "stream-write")
        self._queue: deque[_Waiting] = deque()
        self._queued_bytes = 0
        self._has_space = asyncio.Event()
        self._writing: asyncio.Task[None] | None = None

    async def enqueue(self, job: Job[T], size: int = 0) -> asyncio.Future[T]:
        """Queue a job of about `size` bytes; the future completes when its effect is on disk."""
        while self._queued_bytes >= QUEUE_BYTES_MAX:
            self._has_space.clear()
            await self._has_space.wait()
        done: asyncio.Future[T] = asyncio.get_running_loop().create_future()
        size += _JOB_BYTES
        self._queue.append(_Waiting(job, size, done))
        self._queued_bytes += size
        if self._writing is None:
            self._writing = asyncio.create_task(self._write())
        return done

    async def run(self, job: Job[T]) -> T:
        """Run a job and wait until it is on disk."""
        return await (await self.enqueue(job))

    async def close(self) -> None:
        """Write what is queued, then close the file."""
        if self._writing is not None:
            await self._writing
        await self._file.close()

    async def _write(self) -> None:
        while self._queue:
            batch = [self._queue.popleft()]
            size = batch[0].size
            while self._queue and size + self._queue[0].size <= _TRANSACTION_BYTES_MAX:
                batch.append(self._queue.popleft())
                size += batch[-1].size
            try:
                results = await self._file.run(
                    partial(run_in_transaction, jobs=[waiting.job for waiting in batch])
                )
            except Retry as error:
                for waiting in batch:
                    if not waiting.done.done():
                        waiting.done.set_exception(error)
                        # Mark the error as seen: asyncio shall not warn when the caller has gone.
                        waiting.done.exception()
            else:
                for waiting, result in zip(batch, results, strict=True):
                    if not waiting.done.done():
                        waiting.done.set_result(result)
            self._queued_bytes -= size
            self._has_space.set()
        self._writing = None


def run_in_transaction(connection: sqlite3.Connection, jobs: Sequence[Job[Any]]) -> list[Any]:
    """Run the jobs in one transaction and return their results; after an error none has an effect."""
    connection.execute("BEGIN IMMEDIATE")
    try:
        results = [job(connection) for job in jobs]
        connection.execute("COMMIT")
    except BaseException:
        if connection.in_transaction:
            connection.execute("ROLLBACK")
        raise
    return results
