"""The database: one way to begin a transaction, on PostgreSQL and on SQLite.

SQLite has one writer: its write pool has one connection and begins with BEGIN IMMEDIATE, so transactions
queue instead of failing; readers have connections of their own (WAL). PostgreSQL runs READ COMMITTED, and
what must not change under a decision is locked by `Tx.load`.
"""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import AsyncIterator, Callable, Iterable, Mapping, Sequence
from contextlib import asynccontextmanager, suppress
from functools import cache, cached_property, partial
from typing import Any, TypeVar

import msgspec
from msgspec.structs import asdict
from sqlalchemy import (
    Column,
    CursorResult,
    Delete,
    Executable,
    Insert,
    Select,
    String,
    Table,
    Update,
    bindparam,
    delete,
    event,
    func,
    select,
    text,
    update,
)
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.exc import DBAPIError, InterfaceError, OperationalError
from sqlalchemy.exc import TimeoutError as PoolTimeoutError
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine, create_async_engine
from sqlalchemy.sql import ColumnElement

from shared.errors import BatonError, DataError, Retry
from shared.storage.errors import error_for
from shared.storage.metadata import metadata
from shared.storage.rows import IdentityMap, Key, PendingWrites, Row

R = TypeVar("R", bound=Row)


class Tx:
    """An open transaction."""

    def __init__(self, connection: AsyncConnection) -> None:
        self._connection = connection
        self.dialect = connection.dialect.name

    async def execute(
        self, statement: Executable, values: Mapping[str, Any] | Sequence[Mapping[str, Any]] | None = None
    ) -> CursorResult[Any]:
        """Run a SQLAlchemy Core statement; a sequence of values runs it as one `executemany`."""
        return await self._connection.execute(statement, values)

    async def load(
        self, kind: type[R], field: str, values: Iterable[str], *, lock: bool = False, **equal: str
    ) -> list[R]:
        """Return the rows whose `field` is one of `values`, in key order, with `lock` locked.

        `equal` narrows them further, by column.
        """
        unique = sorted(set(values))
        if not unique:
            return []
        statement = _select(metadata.tables[kind.table], self.dialect, field, tuple(equal), lock=lock)
        result = await self._connection.execute(
            statement, {"members": members(self.dialect, unique), **equal}
        )
        return [kind(*row) for row in result]

    async def write(self, rows: IdentityMap) -> None:
        """Write the pending changes of a unit of work, one `executemany` per table and kind of change."""
        pending = rows.pending_writes()
        for kind in sorted(pending, key=lambda kind: kind.table):
            await self._write(kind, pending[kind])

    async def _write(self, kind: type[Row], writes: PendingWrites) -> None:
        table = metadata.tables[kind.table]
        if writes.removed:
            await self._for_each(_delete(table), table, writes.removed, partial(_key_values, table))
        put_blind = kind.upsert or kind.once
        if writes.updated and not put_blind:
            await self._for_each(_update(table), table, writes.updated, _update_values)
        fresh = [*writes.inserted, *writes.updated] if put_blind else writes.inserted
        if fresh:
            statement = _upsert(table, self.dialect, once=kind.once) if put_blind else _insert(table)
            await self._for_each(statement, table, fresh, asdict)

    async def _for_each(
        self,
        statement: Executable,
        table: Table,
        rows: Sequence[Any],
        values_of: Callable[[Any], dict[str, Any]],
    ) -> None:
        if self.dialect != "postgresql":
            await self._connection.execute(statement, [values_of(row) for row in rows])
            return
        from shared.storage.bulk_write import execute_many  # imports asyncpg, which SQLite does not need

        await execute_many(self._connection, statement, table, rows)


def member_of(dialect: str, column: Column[Any]) -> ColumnElement[bool]:
    """Return the condition that the column is one of `:members`; its text does not depend on their number."""
    if dialect == "postgresql":
        return column == func.any(bindparam("members", type_=ARRAY(String)))
    elements = func.json_each(bindparam("members", type_=String)).table_valued("value")
    return column.in_(select(elements.c.value))


def members(dialect: str, values: Sequence[str]) -> Any:
    """Return the value to bind for `member_of`."""
    return list(values) if dialect == "postgresql" else msgspec.json.encode(list(values)).decode()


def _update_values(row: Row) -> dict[str, Any]:
    """Return the parameters of an update; those of the key in the WHERE clause begin with `_`."""
    values = asdict(row)
    for name in row.key_fields:
        values[f"_{name}"] = values.pop(name)
    return values


def _key_values(table: Table, key: Key) -> dict[str, Any]:
    return {f"_{column.name}": value for column, value in zip(table.primary_key, key, strict=True)}


# Building a statement costs more than running it, so each is built once.


@cache
def _select(
    table: Table, dialect: str, field: str, equal: tuple[str, ...], *, lock: bool
) -> Select[tuple[Any, ...]]:
    statement = (
        select(table)
        .where(member_of(dialect, table.c[field]))
        .where(*(table.c[name] == bindparam(name) for name in equal))
        .order_by(*table.primary_key)
    )
    return statement.with_for_update() if lock else statement


@cache
def _update(table: Table) -> Update:
    keys = {column.name for column in table.primary_key}
    return (
        update(table)
        .where(*(column == bindparam(f"_{column.name}") for column in table.primary_key))
        .values({column.name: bindparam(column.name) for column in table.c if column.name not in keys})
    )


@cache
def _delete(table: Table) -> Delete:
    return delete(table).where(*(column == bindparam(f"_{column.name}") for column in table.primary_key))


@cache
def _insert(table: Table) -> Insert:
    return table.insert().inline()


@cache
def _upsert(table: Table, dialect: str, *, once: bool) -> Executable:
    insert: postgresql.Insert | sqlite.Insert = (
        postgresql.insert(table) if dialect == "postgresql" else sqlite.insert(table)
    )
    keys = [column.name for column in table.primary_key]
    rest = {column.name: insert.excluded[column.name] for column in table.c if column.name not in keys}
    if rest and not once:
        return insert.on_conflict_do_update(index_elements=keys, set_=rest)
    return insert.on_conflict_do_nothing(index_elements=keys)


class Database:
    """The tables of every role, at one URL. Make one per process."""

    def __init__(self, url: str, *, connections_max: int = 10) -> None:
        self.dialect = "sqlite" if url.startswith("sqlite") else "postgresql"
        self._url = url
        self._connections_max = connections_max

    @asynccontextmanager
    async def begin(self) -> AsyncIterator[Tx]:
        """Yield a transaction that commits at the end, or rolls back on any error.

        Raises `Retry` when the database is away or busy, or another transaction came first; `DataError`
        for a value that it cannot store; `Crash` for a statement that is wrong.
        """
        with translated():
            async with self._writers.begin() as connection:
                yield Tx(connection)

    @asynccontextmanager
    async def read(self) -> AsyncIterator[Tx]:
        """Yield a transaction for reading."""
        with translated():
            async with self._readers.connect() as connection:
                yield Tx(connection)

    async def ping(self) -> None:
        """Raise `Retry` when the database does not answer."""
        async with self.read() as tx:
            await tx.execute(text("select 1"))

    async def close(self) -> None:
        for name in ("_writers", "_readers"):
            engine: AsyncEngine | None = self.__dict__.pop(name, None)
            if engine is not None:
                await engine.dispose()

    @cached_property
    def _writers(self) -> AsyncEngine:
        if self.dialect == "sqlite":
            return _sqlite(self._url, begin="BEGIN IMMEDIATE", connections_max=1)
        return create_async_engine(
            self._url, pool_size=self._connections_max, max_overflow=0, pool_pre_ping=False, pool_timeout=30
        )

    @cached_property
    def _readers(self) -> AsyncEngine:
        if self.dialect == "sqlite":
            return _sqlite(self._url, begin="BEGIN", connections_max=4)
        return self._writers


def _sqlite(url: str, *, begin: str, connections_max: int) -> AsyncEngine:
    engine = create_async_engine(url, pool_size=connections_max, max_overflow=0, pool_timeout=60)

    @event.listens_for(engine.sync_engine, "connect")
    def _connect(dbapi_connection: Any, _record: Any) -> None:
        dbapi_connection.isolation_level = None  # transactions begin as said below, not by the driver
        cursor = dbapi_connection.cursor()
        for pragma in ("journal_mode=WAL", "synchronous=FULL", "foreign_keys=ON", "busy_timeout=30000"):
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
        dbapi_connection.run_async(lambda connection: asyncio.shield(_rolled_back(connection)))

    return engine


async def _rolled_back(connection: Any) -> None:
    with suppress(ValueError, sqlite3.Error):  # closed already
        await connection.rollback()


class translated:  # noqa: N801 - a context manager, used as `with translated():`
    """Raise Baton's errors in place of the driver's."""

    def __enter__(self) -> None:
        return None

    def __exit__(self, _kind: object, error: BaseException | None, _trace: object) -> None:
        if isinstance(error, PoolTimeoutError | OSError):  # name resolution and time-outs are OSErrors too
            raise Retry(f"the database is not reachable: {error}") from error
        if isinstance(error, OverflowError | UnicodeEncodeError):  # SQLite's driver lets them through bare
            raise DataError(str(error), kind="database") from error
        if isinstance(error, DBAPIError):
            raise _error_for(error) from error


def _error_for(error: DBAPIError) -> BatonError:
    state = getattr(error.orig, "sqlstate", None) or getattr(error.orig, "sqlite_errorname", None) or ""
    transient = error.connection_invalidated or isinstance(error, OperationalError | InterfaceError)
    return error_for(str(state), str(error.orig or error), transient=transient)
