"""Many rows in one `executemany` of asyncpg, on PostgreSQL.

SQLAlchemy compiles the statement and provides the conversions of values, once per table. Repeating that for
every row takes most of the time of a written row.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
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


class PreparedStatement(NamedTuple):
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

    Its parameters are named for the columns; those of the key in a WHERE clause begin with `_`.
    Raises the errors of `DatabaseErrorTranslation`.
    """
    prepared = prepare(statement, table)
    driver = (await connection.get_raw_connection()).driver_connection
    assert isinstance(driver, asyncpg.Connection)  # noqa: S101 - for the type checker
    if not driver.is_in_transaction():
        await connection.execute(text("select 1"))  # SQLAlchemy begins with the first statement that it sees
    try:
        await driver.executemany(prepared.text, [prepared.values(row) for row in rows])
    except PostgresError as error:
        state = getattr(error, "sqlstate", None) or ""
        raise error_for(state, str(error), transient=driver.is_closed()) from error
    except InterfaceError as error:
        raise error_for("", str(error), transient=True) from error


@cache
def prepare(statement: Executable, table: Table) -> PreparedStatement:
    """Compile the statement for asyncpg, once: compiling costs more than running it."""
    takes_keys = isinstance(statement, Delete)
    assert isinstance(statement, ClauseElement)  # noqa: S101 - for the type checker
    dialect = PGDialect_asyncpg()  # type: ignore[no-untyped-call]
    compiled = statement.compile(dialect=dialect)
    assert isinstance(compiled, SQLCompiler)  # noqa: S101 - for the type checker
    names = [name.removeprefix("_") for name in compiled.positiontup or ()]
    keys = [column.name for column in table.primary_key]
    # A delete gets keys (tuples in the order of the primary key), every other statement gets rows.
    of_names: Callable[[Any], Any] = (
        itemgetter(*(keys.index(name) for name in names)) if takes_keys else attrgetter(*names)
    )
    impls = [table.c[name].type.dialect_impl(dialect) for name in names]
    converters = [(index, impl.bind_processor(dialect)) for index, impl in enumerate(impls)]
    return PreparedStatement(
        compiled.string,
        of_names if len(names) > 1 else lambda row: (of_names(row),),
        [(index, convert) for index, convert in converters if convert is not None],
    )
