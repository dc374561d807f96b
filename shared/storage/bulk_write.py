"""Many rows in one `executemany` of asyncpg, on PostgreSQL.

SQLAlchemy compiles the statement and provides the conversions of values, once per table. Repeating that for
every row takes most of the time of a written row.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import cache
from operator import attrgetter, itemgetter
from typing import Any, NamedTuple

import asyncpg
from asyncpg.exceptions import InterfaceError, PostgresError
from sqlalchemy import Delete, Executable, Table, text
from sqlalchemy.dialects.postgresql.asyncpg import PGDialect_asyncpg
from sqlalchemy.ext.asyncio import AsyncConnection
from sqlalchemy.sql.compiler import SQLCompiler
from sqlalchemy.sql.expression import ClauseElement

from shared.storage.errors import error_for


class _Prepared(NamedTuple):
    """The text of a statement, and the functions that read and convert its parameters from a row."""

    text: str
    read: Callable[[Any], tuple[Any, ...]]
    converters: Sequence[tuple[int, Callable[[Any], Any]]]

    def values(self, row: Any) -> tuple[Any, ...]:
        if not self.converters:
            return self.read(row)
        values = list(self.read(row))
        for index, convert in self.converters:
            values[index] = convert(values[index])
        return tuple(values)


async def execute_many(
    connection: AsyncConnection, statement: Executable, table: Table, rows: Sequence[Any]
) -> None:
    """Run `statement` for each row, or for each key if it deletes.

    Its parameters are named for the columns; those that say which row begin with `_`. Raises as `translated`.
    """
    prepared = _prepare(statement, table)
    driver = (await connection.get_raw_connection()).driver_connection
    assert isinstance(driver, asyncpg.Connection)  # noqa: S101 - for the type checker
    if not driver.is_in_transaction():
        await connection.execute(text("select 1"))  # SQLAlchemy begins with the first statement that it sees
    with _translated(driver):
        await driver.executemany(prepared.text, [prepared.values(row) for row in rows])


@cache
def _prepare(statement: Executable, table: Table) -> _Prepared:
    assert isinstance(statement, ClauseElement)  # noqa: S101 - for the type checker
    dialect = PGDialect_asyncpg()  # type: ignore[no-untyped-call]
    compiled = statement.compile(dialect=dialect)
    assert isinstance(compiled, SQLCompiler)  # noqa: S101 - for the type checker
    names = [name.removeprefix("_") for name in compiled.positiontup or ()]
    impls = [table.c[name].type.dialect_impl(dialect) for name in names]
    converters = [(index, impl.bind_processor(dialect)) for index, impl in enumerate(impls)]
    return _Prepared(
        compiled.string,
        _reader(names, table, of_keys=isinstance(statement, Delete)),
        [(index, convert) for index, convert in converters if convert is not None],
    )


def _reader(names: Sequence[str], table: Table, *, of_keys: bool) -> Callable[[Any], tuple[Any, ...]]:
    keys = [column.name for column in table.primary_key]
    read: Callable[[Any], Any] = (
        itemgetter(*(keys.index(name) for name in names)) if of_keys else attrgetter(*names)
    )
    return read if len(names) > 1 else lambda row: (read(row),)


@contextmanager
def _translated(driver: asyncpg.Connection) -> Iterator[None]:
    try:
        yield
    except PostgresError as error:
        raise error_for(
            getattr(error, "sqlstate", None) or "", str(error), transient=driver.is_closed()
        ) from error
    except InterfaceError as error:
        raise error_for("", str(error), transient=True) from error
