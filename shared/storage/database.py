"""The database: one way to begin a transaction, on PostgreSQL and on SQLite.

SQLite has one writer: its write pool has one connection and begins with BEGIN IMMEDIATE, so transactions
queue instead of failing; readers have connections of their own (WAL). PostgreSQL runs READ COMMITTED, and
what must not change under a decision is locked by `Tx.load`.
"""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import AsyncIterator, Iterable, Mapping, Sequence
from contextlib import asynccontextmanager, suppress
from functools import cached_property
from pathlib import Path
from typing import Any, TypeVar

from sqlalchemy import CursorResult, Executable, Table, UpdateBase, event, func, make_url, select, text
from sqlalchemy.exc import DBAPIError, InterfaceError, OperationalError
from sqlalchemy.exc import TimeoutError as PoolTimeoutError
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine, create_async_engine

from shared.errors import DataError, Retry
from shared.private_files import make_private_database
from shared.storage.errors import error_for
from shared.storage.metadata import HOUSEKEEPING, metadata
from shared.storage.postgres_tls import create_engine_with_tls
from shared.storage.rows import IdentityMap, Key, PendingWrites, Row
from shared.storage.sqlite_connection import SqliteConnection
from shared.storage.sqlite_statements import compiled_for_sqlite, row_statement
from shared.storage.statements import (
    delete_by_key,
    insert_row,
    members,
    select_members,
    update_by_key,
    upsert_row,
)
from shared.storage.write_activity import WriteActivity

R = TypeVar("R", bound=Row)

_TRUNCATION_WAIT_MS = 250
_TRUNCATIONS = 150
"""How often the log is emptied after an erasure: outbox rows about colleagues are deleted a little later, and
what is deleted stays in the file until the log is emptied again."""
# What is deleted is overwritten, so that nothing of an erased person stays in the file.
_PRAGMAS = (
    "journal_mode=WAL",
    "synchronous=FULL",
    "foreign_keys=ON",
    "secure_delete=ON",
)


class Tx:
    """An open transaction."""

    def __init__(self, connection: AsyncConnection) -> None:
        self._connection = connection
        self.dialect = connection.dialect.name
        self.written: set[str] = set()

    async def execute(
        self, statement: Executable, values: Mapping[str, Any] | Sequence[Mapping[str, Any]] | None = None
    ) -> CursorResult[Any]:
        """Run a SQLAlchemy Core statement; a sequence of values runs it as one `executemany`."""
        result = await self._connection.execute(statement, values)
        if isinstance(statement, UpdateBase) and isinstance(statement.table, Table) and result.rowcount:
            self.written.add(statement.table.name)
        return result

    async def load(
        self, kind: type[R], field: str, values: Iterable[str], *, lock: bool = False, **equal: str
    ) -> list[R]:
        """Return the rows whose `field` is one of `values`, in key order, with `lock` locked.

        `equal` narrows them further, by column.
        """
        unique = sorted(set(values))
        if not unique:
            return []
        statement = select_members(metadata.tables[kind.table], self.dialect, field, tuple(equal), lock=lock)
        found = await self.fetch(statement, {"members": members(self.dialect, unique), **equal})
        return [kind(*row) for row in found]

    async def fetch(self, statement: Executable, values: Mapping[str, Any]) -> Sequence[Sequence[Any]]:
        """Return the rows of a statement that was built once, which SQLite then compiles once."""
        if self.dialect != "sqlite":
            return (await self.execute(statement, values)).all()
        compiled = compiled_for_sqlite(statement)
        ran = await self._sqlite.run(compiled.text, compiled.parameters(values))
        if isinstance(statement, UpdateBase) and isinstance(statement.table, Table):
            self.written.add(statement.table.name)
        return compiled.results(ran.rows)

    @property
    def _sqlite(self) -> SqliteConnection:
        driver = self._connection.sync_connection.connection.driver_connection  # type: ignore[union-attr]
        assert isinstance(driver, SqliteConnection)  # noqa: S101 - for the type checker
        return driver

    async def lock(self, name: str, *, exclusive: bool) -> None:
        """Hold the lock of that name until the end: an exclusive holder is alone, shared ones are together.

        SQLite has one writer at a time, so there is nothing to lock.
        """
        if self.dialect == "postgresql":
            acquire = func.pg_advisory_xact_lock if exclusive else func.pg_advisory_xact_lock_shared
            await self._connection.execute(select(acquire(func.hashtextextended(name, 0))))

    async def write(self, rows: IdentityMap) -> None:
        """Write the pending changes of a unit of work, one statement per table and kind of change."""
        pending = rows.pending_writes()
        self.written.update(kind.table for kind in pending)
        for kind in sorted(pending, key=lambda kind: kind.table):
            await self._write(kind, pending[kind])

    async def _write(self, kind: type[Row], writes: PendingWrites) -> None:
        table = metadata.tables[kind.table]
        put_blind = kind.upsert or kind.once
        put = [*writes.inserted, *writes.updated] if put_blind else writes.inserted
        updated = [] if put_blind else writes.updated
        if self.dialect == "postgresql":
            await self._write_bulk(kind, table, put, updated, writes.removed)
            return
        insert = upsert_row(table, self.dialect, once=kind.once) if put_blind else insert_row(table)
        changes = (
            (delete_by_key(table), writes.removed),
            (update_by_key(table), updated),
            (insert, put),
        )
        for statement, rows in changes:
            if rows:
                written = row_statement(statement, table)
                await self._sqlite.run_many(written.text, [written.parameters(row) for row in rows])

    async def _write_bulk(
        self,
        kind: type[Row],
        table: Table,
        put: Sequence[Row],
        updated: Sequence[Row],
        removed: Sequence[Key],
    ) -> None:
        from shared.storage.bulk_write import (  # imports asyncpg, which SQLite does not need
            Operation,
            execute_bulk,
        )

        blind = Operation.ONCE if kind.once else Operation.UPSERT if kind.upsert else Operation.INSERT
        operations = ((Operation.DELETE, removed), (Operation.UPDATE, updated), (blind, put))
        for operation, rows in operations:
            if rows:
                await execute_bulk(self._connection, operation, table, rows)


class Database:
    """The tables of every role, at one URL. Make one per process."""

    def __init__(self, url: str, *, connections_max: int = 10) -> None:
        self.dialect = "sqlite" if url.startswith("sqlite") else "postgresql"
        self.activity = WriteActivity()
        self._activity_in: dict[str, WriteActivity] = {}
        self._url = url
        self._connections_max = connections_max
        self._truncations_left = 0

    @asynccontextmanager
    async def begin(self) -> AsyncIterator[Tx]:
        """Yield a transaction that commits at the end, or rolls back on any error.

        Raises `Retry` when the database is away or busy, or another transaction came first; `DataError`
        for a value that it cannot store; `Crash` for a statement that is wrong.
        """
        with DatabaseErrorTranslation():
            async with self._writers.begin() as connection:
                tx = Tx(connection)
                yield tx
        for name in tx.written & self._activity_in.keys():
            self._activity_in[name].note()
        written = [metadata.tables[name] for name in tx.written & metadata.tables.keys()]
        if not all(table.info.get(HOUSEKEEPING) for table in written):
            self.activity.note()

    def activity_in(self, table: Table) -> WriteActivity:
        """Return the activity in one table; `activity` is that in all tables but those of housekeeping."""
        return self._activity_in.setdefault(table.name, WriteActivity())

    @asynccontextmanager
    async def read(self) -> AsyncIterator[Tx]:
        """Yield a transaction for reading."""
        with DatabaseErrorTranslation():
            async with self._readers.connect() as connection:
                if self.dialect == "sqlite":
                    await connection.begin()  # statements may pass SQLAlchemy by, which begins with its first
                yield Tx(connection)

    async def ping(self) -> None:
        """Raise `Retry` when the database is not reachable."""
        async with self.read() as tx:
            await tx.execute(text("select 1"))

    async def truncate_log(self) -> None:
        """Empty SQLite's write-ahead log, which holds rows as they were before they were deleted.

        While readers hold it, it cannot be: then `truncate_pending_log` does it, which also empties it
        again for a while. PostgreSQL recycles its log by itself.
        """
        if self.dialect == "sqlite":
            self._truncations_left = _TRUNCATIONS
            await self._truncate()

    async def truncate_pending_log(self) -> None:
        """Empty the write-ahead log if there was an erasure lately."""
        if self._truncations_left > 0:
            await self._truncate()

    async def _truncate(self) -> None:
        with DatabaseErrorTranslation():
            async with self._writers.connect() as connection:
                driver: Any = (await connection.get_raw_connection()).driver_connection
                truncated = await driver.truncate_log(_TRUNCATION_WAIT_MS)  # writers wait meanwhile
        if truncated:
            self._truncations_left = max(0, self._truncations_left - 1)

    async def close(self) -> None:
        for name in ("_writers", "_readers"):
            engine: AsyncEngine | None = self.__dict__.pop(name, None)
            if engine is not None:
                await engine.dispose()

    @cached_property
    def _writers(self) -> AsyncEngine:
        if self.dialect == "sqlite":
            return _sqlite(self._url, begin="BEGIN IMMEDIATE", connections_max=1)
        return create_engine_with_tls(
            self._url, pool_size=self._connections_max, max_overflow=0, pool_pre_ping=False, pool_timeout=30
        )

    @cached_property
    def _readers(self) -> AsyncEngine:
        if self.dialect == "sqlite":
            return _sqlite(self._url, begin="BEGIN", connections_max=4)
        return self._writers


def make_private(url: str) -> None:
    """Create the file of an SQLite URL for its owner alone; do nothing for another database."""
    parsed = make_url(url)
    if parsed.get_backend_name() == "sqlite" and parsed.database not in (None, "", ":memory:"):
        make_private_database(Path(parsed.database))


def _sqlite(url: str, *, begin: str, connections_max: int) -> AsyncEngine:
    make_private(url)
    file = make_url(url).database or ":memory:"
    engine = create_async_engine(
        url,
        pool_size=connections_max,
        max_overflow=0,
        pool_timeout=60,
        async_creator=lambda: SqliteConnection.open(file),
    )

    @event.listens_for(engine.sync_engine, "connect")
    def _connect(dbapi_connection: Any, _record: Any) -> None:
        cursor = dbapi_connection.cursor()
        for pragma in _PRAGMAS:
            cursor.execute(f"PRAGMA {pragma}")
        cursor.close()

    @event.listens_for(engine.sync_engine, "begin")
    def _begin(connection: Any) -> None:
        connection.exec_driver_sql(begin)

    @event.listens_for(engine.sync_engine, "invalidate")
    def _roll_back(dbapi_connection: Any, _record: Any, _error: object) -> None:
        # The connection is about to be closed, because the task was cancelled in the middle of a statement.
        # SQLite keeps a closed connection, and its lock, as long as anything holds such a statement: the
        # error of the cancelled task does. So the transaction is ended first, even if we are cancelled again.
        async def roll_back(connection: Any) -> None:
            with suppress(ValueError, sqlite3.Error):  # closed already
                await connection.rollback()

        dbapi_connection.run_async(lambda connection: asyncio.shield(roll_back(connection)))

    return engine


class DatabaseErrorTranslation:
    """A context manager that raises Baton's errors in place of the driver's."""

    def __enter__(self) -> None:
        return None

    def __exit__(self, _kind: object, error: BaseException | None, _trace: object) -> None:
        if isinstance(error, PoolTimeoutError | OSError):  # name resolution and time-outs are OSErrors too
            raise Retry(f"the database is not reachable: {error}") from error
        if isinstance(error, OverflowError | UnicodeEncodeError):  # SQLite's driver does not wrap these
            raise DataError(str(error), kind="database") from error
        if isinstance(error, sqlite3.Error):  # of a statement that passed SQLAlchemy by
            transient = isinstance(error, sqlite3.OperationalError | sqlite3.InterfaceError)
            state = getattr(error, "sqlite_errorname", None) or ""
            raise error_for(state, str(error), transient=transient) from error
        if isinstance(error, DBAPIError):
            cause = error.orig
            state = getattr(cause, "sqlstate", None) or getattr(cause, "sqlite_errorname", None) or ""
            transient = error.connection_invalidated or isinstance(error, OperationalError | InterfaceError)
            raise error_for(str(state), str(cause or error), transient=transient) from error
