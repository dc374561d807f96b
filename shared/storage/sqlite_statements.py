"""Statements on SQLite that are compiled once, with their conversions of values.

What SQLAlchemy does for each execution, to find the compiled text again and to wrap the result, takes several
times what SQLite takes for a row that it finds by its key.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import cache
from operator import attrgetter, itemgetter
from typing import Any, NamedTuple

from sqlalchemy import Delete, Executable, Insert, Select, Table
from sqlalchemy.dialects.sqlite.aiosqlite import SQLiteDialect_aiosqlite
from sqlalchemy.sql.compiler import SQLCompiler
from sqlalchemy.sql.expression import ClauseElement

_Conversions = Sequence[tuple[int, Callable[[Any], Any]]]


class SqliteStatement(NamedTuple):
    """The text of a statement, the names of its parameters, and conversions of these and of its results.

    `defaults` are the values of parameters that the statement has itself.
    """

    text: str
    names: Sequence[str]
    defaults: Mapping[str, Any]
    bound: _Conversions
    found: _Conversions

    def parameters(self, values: Mapping[str, Any]) -> Sequence[Any]:
        """Return the parameters in their order."""
        given = {**self.defaults, **values} if self.defaults else values
        return converted([given[name] for name in self.names], self.bound)

    def results(self, rows: Sequence[tuple[Any, ...]]) -> Sequence[Sequence[Any]]:
        """Return rows with their values converted."""
        return [converted(list(row), self.found) for row in rows] if self.found else rows


class RowStatement(NamedTuple):
    """The text of a statement that writes one row, and what reads its parameters from that row."""

    text: str
    read: Callable[[Any], Any]
    bound: _Conversions

    def parameters(self, row: Any) -> Sequence[Any]:
        """Return the parameters in their order."""
        return converted(list(self.read(row)), self.bound)


def converted(values: list[Any], conversions: _Conversions) -> Sequence[Any]:
    """Convert values in place, and return them."""
    for index, convert in conversions:
        values[index] = convert(values[index])
    return values


@cache
def compiled_for_sqlite(statement: Executable) -> SqliteStatement:
    """Compile a statement, without `in_` of a list: its text would depend on the number of values.

    It is kept as long as the process runs: pass statements that were built once.
    """
    dialect, compiled = _compiled(statement)
    names = compiled.positiontup or ()
    types = [compiled.binds[name].type.dialect_impl(dialect) for name in names]
    columns = statement.exported_columns if isinstance(statement, Select | Insert) else ()
    results = [column.type.dialect_impl(dialect).result_processor(dialect, None) for column in columns]
    given = {name: value for name, value in compiled.params.items() if value is not None}
    return SqliteStatement(
        compiled.string,
        names,
        given,
        _those([type_.bind_processor(dialect) for type_ in types]),
        _those(results),
    )


@cache
def row_statement(statement: Executable, table: Table) -> RowStatement:
    """Compile a statement whose parameters are named for columns; those of a WHERE clause begin with `_`.

    A delete takes keys, tuples in the order of the primary key, every other statement rows.
    """
    dialect, compiled = _compiled(statement)
    names = [name.removeprefix("_") for name in compiled.positiontup or ()]
    keys = [column.name for column in table.primary_key]
    takes_keys = isinstance(statement, Delete)
    places = [keys.index(name) for name in names] if takes_keys else []
    of_names: Callable[[Any], Any] = itemgetter(*places) if takes_keys else attrgetter(*names)
    types = [table.c[name].type.dialect_impl(dialect) for name in names]
    return RowStatement(
        compiled.string,
        of_names if len(names) > 1 else lambda row: (of_names(row),),
        _those([type_.bind_processor(dialect) for type_ in types]),
    )


def _compiled(statement: Executable) -> tuple[SQLiteDialect_aiosqlite, SQLCompiler]:
    dialect = SQLiteDialect_aiosqlite(paramstyle="qmark")
    assert isinstance(statement, ClauseElement)  # noqa: S101 - for the type checker
    compiled = statement.compile(dialect=dialect)
    assert isinstance(compiled, SQLCompiler)  # noqa: S101 - for the type checker
    return dialect, compiled


def _those(conversions: Sequence[Callable[[Any], Any] | None]) -> _Conversions:
    """Return those conversions that there are, each with its place."""
    return [(index, convert) for index, convert in enumerate(conversions) if convert is not None]
