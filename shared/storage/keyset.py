"""Where a page of a list goes on: after the last item of the page before, by time and then by id."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import Column, and_, or_
from sqlalchemy.sql import ColumnElement

Cursor = tuple[datetime, str]


def after_cursor(place: Cursor, at: Column[Any], id_: Column[Any]) -> ColumnElement[bool]:
    """Return the condition for what comes after `place` in a list that has the newest first.

    Not a comparison of tuples: in those SQLAlchemy binds a time without the type of its column.
    """
    when, last = place
    return or_(at < when, and_(at == when, id_ < last))
