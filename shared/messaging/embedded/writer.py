"""The one writer of the file: whatever waits is run in one transaction, so that they share its fsync."""

from __future__ import annotations

import asyncio
import sqlite3
from collections import deque
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple, TypeVar

from shared.errors import Retry
from shared.messaging.embedded import log

LINE_BYTES_MAX = 32 * 1024 * 1024
"""How much may wait to be written before `enqueue` waits."""

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
        """Run the job in the thread. Raises `Retry` when the file does not answer."""
        try:
            return await asyncio.get_running_loop().run_in_executor(self._thread, job, self._connection)
        except sqlite3.Error as error:
            raise Retry(f"the stream's file cannot be used: {error}") from error

    async def close(self) -> None:
        await asyncio.get_running_loop().run_in_executor(self._thread, self._connection.close)
        self._thread.shutdown()


class Writer:
    """Runs jobs on the writing connection, in the order in which they came."""

    def __init__(self, file: Path) -> None:
        self._file = FileThread(file, "stream-write")
        self._line: deque[_Waiting] = deque()
        self._line_bytes = 0
        self._room = asyncio.Event()
        self._writing: asyncio.Task[None] | None = None

    async def enqueue(self, job: Job[T], size: int = 0) -> asyncio.Future[T]:
        """Put a job of about `size` bytes in line; the future is done when it is on disk."""
        while self._line_bytes >= LINE_BYTES_MAX:
            self._room.clear()
            await self._room.wait()
        done: asyncio.Future[T] = asyncio.get_running_loop().create_future()
        size += _JOB_BYTES
        self._line.append(_Waiting(job, size, done))
        self._line_bytes += size
        if self._writing is None:
            self._writing = asyncio.create_task(self._write())
        return done

    async def run(self, job: Job[T]) -> T:
        """Run a job and wait until it is on disk."""
        return await (await self.enqueue(job))

    async def close(self) -> None:
        """Write what is in line, then let go of the file."""
        if self._writing is not None:
            await self._writing
        await self._file.close()

    async def _write(self) -> None:
        while self._line:
            taken = self._take()
            try:
                results = await self._file.run(partial(_transaction, taken=taken))
            except Retry as error:
                _fail(taken, error)
            else:
                for waiting, result in zip(taken, results, strict=True):
                    if not waiting.done.done():
                        waiting.done.set_result(result)
            self._line_bytes -= sum(waiting.size for waiting in taken)
            self._room.set()
        self._writing = None

    def _take(self) -> list[_Waiting]:
        taken = [self._line.popleft()]
        size = taken[0].size
        while self._line and size + self._line[0].size <= _TRANSACTION_BYTES_MAX:
            taken.append(self._line.popleft())
            size += taken[-1].size
        return taken


def _transaction(connection: sqlite3.Connection, taken: list[_Waiting]) -> list[Any]:
    connection.execute("BEGIN IMMEDIATE")
    try:
        results = [waiting.job(connection) for waiting in taken]
        connection.execute("COMMIT")
    except BaseException:
        if connection.in_transaction:
            connection.execute("ROLLBACK")
        raise
    return results


def _fail(taken: list[_Waiting], error: Retry) -> None:
    for waiting in taken:
        if not waiting.done.done():
            waiting.done.set_exception(error)
            # Whoever waits gets the error; nobody waiting any more is no reason for a warning.
            waiting.done.exception()
