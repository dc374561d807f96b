"""A connection to SQLite that runs short statements at once, in the thread of the event loop.

A change of thread takes longer than most statements, and aiosqlite makes four of them for each; beside a busy
loop every one of them waits for the interpreter lock too. So the connection's own thread runs only what may
take long: commits, which wait for the disk, a SELECT that has run for some milliseconds, what waits for
another process, and statements that may change many rows.
"""

from __future__ import annotations

import asyncio
import sqlite3
import time
from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from functools import partial
from math import inf
from typing import Any, Final, NamedTuple, Self, TypeVar

T = TypeVar("T")

BUSY_TIMEOUT_MS: Final = 30_000
_AT_ONCE: Final = ("SELECT", "INSERT", "BEGIN")
_INTERRUPTED: Final = ("SELECT",)
"""What may be interrupted: an interrupted change would roll back the whole transaction."""
_AT_ONCE_MAX_S: Final = 0.004
_STEPS_BETWEEN_LOOKS: Final = 2_000
_AGAIN_IN_THREAD: Final = (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_INTERRUPT)
_CACHED_STATEMENTS: Final = 512


class _Ran(NamedTuple):
    """What a statement gave: its cursor, which is exhausted, and the rows."""

    cursor: sqlite3.Cursor
    rows: list[Any]


class SqliteConnection:
    """An open connection, with what SQLAlchemy's dialect for aiosqlite uses of one.

    Transactions begin and end with statements: it begins none by itself.
    """

    isolation_level = None

    def __init__(self, connection: sqlite3.Connection, thread: ThreadPoolExecutor) -> None:
        self._connection: sqlite3.Connection | None = connection
        self._thread = thread
        self._job: Future[Any] | None = None
        self._closed: Future[None] | None = None
        self._until = inf
        self._look_at_clock(connection)

    @classmethod
    async def open(cls, file: str) -> Self:
        """Open the file. Raises `sqlite3.Error`."""
        thread = ThreadPoolExecutor(1, "sqlite")
        opened = partial(
            sqlite3.connect,
            file,
            timeout=0,  # a lock is waited for in the thread
            isolation_level=None,
            check_same_thread=False,
            cached_statements=_CACHED_STATEMENTS,
        )
        return cls(await asyncio.get_running_loop().run_in_executor(thread, opened), thread)

    def cursor(self) -> SqliteCursor:
        return SqliteCursor(self)

    async def run(self, statement: str, parameters: Any) -> _Ran:
        """Run one statement and fetch all its rows."""
        connection = self._opened
        if statement.startswith(_AT_ONCE) and not self._is_at_work():
            self._until = time.perf_counter() + _AT_ONCE_MAX_S if statement.startswith(_INTERRUPTED) else inf
            try:
                return _run(connection, statement, parameters)
            except sqlite3.OperationalError as error:
                if error.sqlite_errorcode not in _AGAIN_IN_THREAD:
                    raise
            finally:
                self._until = inf
        return await self._in_thread(partial(self._run_patiently, statement, parameters, BUSY_TIMEOUT_MS))

    async def run_many(self, statement: str, parameters: Sequence[Any]) -> _Ran:
        """Run a statement that changes one row with each of these parameters."""
        work = partial(_run_many, self._opened, statement, parameters)
        return await self._in_thread(work) if self._is_at_work() else work()

    async def truncate_log(self, wait_ms: int) -> bool:
        """Empty the write-ahead log; return false if others held it for so long."""
        work = partial(self._run_patiently, "PRAGMA wal_checkpoint(TRUNCATE)", (), wait_ms)
        ((is_busy, *_pages),) = (await self._in_thread(work)).rows
        return not is_busy

    async def create_function(self, *args: Any, **options: Any) -> None:
        self._opened.create_function(*args, **options)

    async def commit(self) -> None:
        await self._in_thread(self._opened.commit)

    async def rollback(self) -> None:
        if self._is_at_work():
            await self._in_thread(self._opened.rollback)
        else:
            self._opened.rollback()

    async def close(self) -> None:
        """Close the connection after what runs on it; closing it again does nothing."""
        await asyncio.wrap_future(self.stop())

    def stop(self) -> Future[None]:
        """Close the connection after what runs on it, without waiting for that."""
        if self._closed is None:
            self._closed = self._thread.submit(self._opened.close)
            self._connection = None
            self._thread.shutdown(wait=False)
        return self._closed

    @property
    def _opened(self) -> sqlite3.Connection:
        if self._connection is None:
            raise sqlite3.OperationalError("connection closed")  # SQLAlchemy knows it by these words
        return self._connection

    def _is_at_work(self) -> bool:
        """Return whether the thread still runs a statement: whoever asked for it may have been cancelled."""
        return self._job is not None and not self._job.done()

    async def _in_thread(self, work: Callable[[], T]) -> T:
        self._job = job = self._thread.submit(work)
        return await asyncio.wrap_future(job)

    def _look_at_clock(self, connection: sqlite3.Connection) -> None:
        connection.set_progress_handler(lambda: time.perf_counter() > self._until, _STEPS_BETWEEN_LOOKS)

    def _run_patiently(self, statement: str, parameters: Any, wait_ms: int) -> _Ran:
        """Run the statement, however long it takes, and wait so long for locks. Runs in the thread."""
        connection = self._opened
        connection.set_progress_handler(None, 0)
        connection.execute(f"PRAGMA busy_timeout={wait_ms}")
        try:
            return _run(connection, statement, parameters)
        finally:
            connection.execute("PRAGMA busy_timeout=0")
            self._look_at_clock(connection)


class SqliteCursor:
    """A cursor as SQLAlchemy uses one; a statement's rows are all fetched when it has run."""

    arraysize = 1

    def __init__(self, connection: SqliteConnection) -> None:
        self._connection = connection
        self._rows: list[Any] = []
        self.description: Any = None
        self.rowcount = -1
        self.lastrowid: int | None = None

    async def __aenter__(self) -> Self:
        return self

    async def execute(self, statement: str, parameters: Any = ()) -> Self:
        return self._take(await self._connection.run(statement, parameters))

    async def executemany(self, statement: str, parameters: Sequence[Any]) -> Self:
        return self._take(await self._connection.run_many(statement, parameters))

    async def fetchall(self) -> list[Any]:
        rows, self._rows = self._rows, []
        return rows

    async def close(self) -> None:
        self._rows = []

    def _take(self, ran: _Ran) -> Self:
        self._rows = ran.rows
        self.description, self.rowcount = ran.cursor.description, ran.cursor.rowcount
        self.lastrowid = ran.cursor.lastrowid
        return self


def _run(connection: sqlite3.Connection, statement: str, parameters: Any) -> _Ran:
    cursor = connection.execute(statement, parameters)
    return _Ran(cursor, cursor.fetchall())


def _run_many(connection: sqlite3.Connection, statement: str, parameters: Sequence[Any]) -> _Ran:
    return _Ran(connection.executemany(statement, parameters), [])
