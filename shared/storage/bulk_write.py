"""Many rows in one statement, on PostgreSQL: each column is one array, and `unnest` makes rows of them again.

The statement is planned and run once for all rows, where `executemany` runs one for each. SQLAlchemy provides
the conversions of values; its own way of binding them, row by row, takes most of the time of a written row.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from enum import Enum
from functools import cache
from operator import attrgetter, itemgetter
from typing import Any, Final, NamedTuple

import asyncpg
from asyncpg.exceptions import InterfaceError, PostgresError
from sqlalchemy import Table, text
from sqlalchemy.dialects.postgresql.asyncpg import PGDialect_asyncpg
from sqlalchemy.ext.asyncio import AsyncConnection

from shared.storage.errors import error_for

# Of a text the statement does not say how long it may be: a cast would cut it, while the column refuses it.
_LENGTH_OR_COLLATION: Final = re.compile(r"\(\d+\)| COLLATE \S+")


class Operation(Enum):
    """What is done with the rows. `UPSERT` replaces a stored row of the same key, `ONCE` keeps it."""

    INSERT = "insert"
    UPSERT = "upsert"
    ONCE = "once"
    UPDATE = "update"
    DELETE = "delete"


class BulkStatement(NamedTuple):
    """The text of a statement, and what reads its parameters from a row: a value and a conversion of each."""

    text: str
    read: Callable[[Any], tuple[Any, ...]]
    converters: Sequence[Callable[[Any], Any] | None]

    def arrays(self, rows: Sequence[Any]) -> list[Sequence[Any]]:
        """Return the parameters: for each column the values of all rows."""
        columns = zip(*map(self.read, rows), strict=True)
        return [
            [convert(value) for value in column] if convert is not None else column
            for column, convert in zip(columns, self.converters, strict=True)
        ]


async def execute_bulk(
    connection: AsyncConnection, operation: Operation, table: Table, rows: Sequence[Any]
) -> None:
    """Do `operation` with all rows, in their order; a delete takes keys instead.

    Raises the errors of `DatabaseErrorTranslation`.
    """
    statement = bulk_statement(operation, table)
    driver = (await connection.get_raw_connection()).driver_connection
    assert isinstance(driver, asyncpg.Connection)  # noqa: S101 - for the type checker
    if not driver.is_in_transaction():
        await connection.execute(text("select 1"))  # SQLAlchemy begins with the first statement that it sees
    try:
        await driver.execute(statement.text, *statement.arrays(rows))
    except PostgresError as error:
        state = getattr(error, "sqlstate", None) or ""
        raise error_for(state, str(error), transient=driver.is_closed()) from error
    except InterfaceError as error:
        raise error_for("", str(error), transient=True) from error


@cache
def bulk_statement(operation: Operation, table: Table) -> BulkStatement:
    """Return the statement, made once for each table."""
    dialect = PGDialect_asyncpg()  # type: ignore[no-untyped-call]
    quote = dialect.identifier_preparer.quote
    keys = [column.name for column in table.primary_key]
    names = keys if operation is Operation.DELETE else [column.name for column in table.c]
    impls = [table.c[name].type.dialect_impl(dialect) for name in names]
    types = [_LENGTH_OR_COLLATION.sub("", table.c[name].type.compile(dialect=dialect)) for name in names]
    arrays = ", ".join(f"${number}::{type_}[]" for number, type_ in enumerate(types, 1))
    columns = ", ".join(map(quote, names))
    into, given = quote(table.name), f"unnest({arrays}) AS given({columns})"
    rest = [quote(name) for name in names if name not in keys]
    same_key = " AND ".join(f"{into}.{quote(key)} = given.{quote(key)}" for key in keys)
    insert = f"INSERT INTO {into} ({columns}) SELECT * FROM {given}"
    conflict = f"{insert} ON CONFLICT ({', '.join(map(quote, keys))}) DO"
    statements = {
        Operation.INSERT: insert,
        Operation.ONCE: f"{conflict} NOTHING",
        Operation.UPSERT: f"{conflict} UPDATE SET {', '.join(f'{name} = excluded.{name}' for name in rest)}"
        if rest
        else f"{conflict} NOTHING",
        Operation.UPDATE: f"UPDATE {into} SET {', '.join(f'{name} = given.{name}' for name in rest)}"
        f" FROM {given} WHERE {same_key}",
        Operation.DELETE: f"DELETE FROM {into} USING {given} WHERE {same_key}",
    }
    # A delete gets keys (tuples in the order of the primary key), every other statement gets rows.
    is_delete = operation is Operation.DELETE
    read: Callable[[Any], Any] = itemgetter(*range(len(keys))) if is_delete else attrgetter(*names)
    return BulkStatement(
        statements[operation],
        read if len(names) > 1 else lambda row: (read(row),),
        [impl.bind_processor(dialect) for impl in impls],
    )
