"""Keyset pagination for lists that are ordered by time and then by id, the newest first.

A page continues after the last row of the page before. Unlike `OFFSET`, that needs no reading of skipped
rows, and rows that are added meanwhile neither repeat nor hide others.
"""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any, NamedTuple

from msgspec import Meta
from sqlalchemy import Column, and_, or_
from sqlalchemy.sql import ColumnElement


class Cursor(NamedTuple):
    """The sort key of the last row of a page."""

    at: Annotated[datetime, Meta(tz=True)]
    id: str


def after_cursor(cursor: Cursor, at: Column[Any], id_: Column[Any]) -> ColumnElement[bool]:
    """Return the condition for the rows that follow `cursor`: older ones, or as old with a smaller id.

    Not a comparison of tuples: SQLAlchemy would bind the time without the type of its column.
    """
    return or_(at < cursor.at, and_(at == cursor.at, id_ < cursor.id))
