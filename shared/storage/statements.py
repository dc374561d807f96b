"""The statements of `Tx`: one select, insert, update, delete and upsert per table, for both dialects.

Parameters are named for the columns; those of the key in a WHERE clause begin with `_`.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from typing import Any

import msgspec
from sqlalchemy import (
    Column,
    Delete,
    Executable,
    Insert,
    Select,
    String,
    Table,
    Update,
    bindparam,
    delete,
    func,
    select,
    true,
    update,
)
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.sql import ColumnElement


def member_of(dialect: str, column: Column[Any]) -> ColumnElement[bool]:
    """Return the condition that the column is one of `:members`; its text does not depend on their number."""
    if dialect == "postgresql":
        return column == func.any(bindparam("members", type_=ARRAY(String)))
    elements = func.json_each(bindparam("members", type_=String)).table_valued("value")
    return column.in_(select(elements.c.value))


@cache
def first_of_each(table: Table, dialect: str, field: str, order: str, limit: int) -> Select[tuple[Any, ...]]:
    """Select the rows whose `field` is one of `:members`: of each the first `limit` in the order of a column.

    An index on both columns answers it: at most `limit` rows of each are read, however many there are.
    """
    if dialect == "postgresql":
        given = func.unnest(bindparam("members", type_=ARRAY(String))).table_valued("value").render_derived()
        of_one = select(table).where(table.c[field] == given.c.value).order_by(table.c[order]).limit(limit)
        first = of_one.lateral()
        return select(first).select_from(given.join(first, true()))
    given = func.json_each(bindparam("members", type_=String)).table_valued("value")
    others = table.alias()
    of_one = select(others.c[order]).where(others.c[field] == given.c.value).order_by(others.c[order])
    return (
        select(table)
        .select_from(given.join(table, table.c[field] == given.c.value))
        .where(table.c[order].in_(of_one.limit(limit).correlate(given)))
    )


def members(dialect: str, values: Sequence[str]) -> Any:
    """Return the value to bind for `member_of`."""
    return list(values) if dialect == "postgresql" else msgspec.json.encode(list(values)).decode()


# Building a statement costs more than running it, so each is built once.


@cache
def select_members(
    table: Table, dialect: str, field: str, equal: tuple[str, ...], *, lock: bool
) -> Select[tuple[Any, ...]]:
    """Select the rows whose `field` is one of `:members` and whose columns `equal` have the bound values."""
    statement = (
        select(table)
        .where(member_of(dialect, table.c[field]))
        .where(*(table.c[name] == bindparam(name) for name in equal))
        .order_by(*table.primary_key)
    )
    return statement.with_for_update() if lock else statement


@cache
def select_columns(
    columns: tuple[Column[Any], ...], dialect: str, member: Column[Any], *conditions: ColumnElement[bool]
) -> Select[tuple[Any, ...]]:
    """Select these columns of the rows whose column `member` is one of `:members`, and that meet conditions.

    Conditions are to be built once too: a statement is found again by their identity.
    """
    return select(*columns).where(member_of(dialect, member), *conditions)


@cache
def update_by_key(table: Table) -> Update:
    """Set every column but the key's, in the row of that key."""
    keys = {column.name for column in table.primary_key}
    return (
        update(table)
        .where(*(column == bindparam(f"_{column.name}") for column in table.primary_key))
        .values({column.name: bindparam(column.name) for column in table.c if column.name not in keys})
    )


@cache
def delete_by_key(table: Table) -> Delete:
    """Delete the row of a key."""
    return delete(table).where(*(column == bindparam(f"_{column.name}") for column in table.primary_key))


@cache
def insert_row(table: Table) -> Insert:
    """Insert a row, without reading generated values back."""
    return table.insert().inline()


@cache
def upsert_row(table: Table, dialect: str, *, once: bool) -> Executable:
    """Insert a row; where its key exists already replace the stored row, or with `once` keep it."""
    insert: postgresql.Insert | sqlite.Insert = (
        postgresql.insert(table) if dialect == "postgresql" else sqlite.insert(table)
    )
    keys = [column.name for column in table.primary_key]
    rest = {column.name: insert.excluded[column.name] for column in table.c if column.name not in keys}
    if rest and not once:
        return insert.on_conflict_do_update(index_elements=keys, set_=rest)
    return insert.on_conflict_do_nothing(index_elements=keys)
