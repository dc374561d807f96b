"""Keyset pagination on a real SQLite, against sorted lists."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import Column, MetaData, String, Table, create_engine, insert, select

from shared.storage.keyset import Cursor, after_cursor
from shared.storage.types import UtcTime

START = datetime(2026, 3, 2, tzinfo=UTC)
ENTRIES = Table("entries", MetaData(), Column("id", String, primary_key=True), Column("at", UtcTime))

# Few instants and short ids, so that many rows are of the same time.
cursors = st.builds(
    Cursor,
    st.integers(0, 3).map(lambda hours: START + timedelta(hours=hours)),
    st.text("abc", min_size=1, max_size=2),
)
entries = st.lists(cursors, unique_by=lambda cursor: cursor.id, max_size=20)


def newest_first(rows: Sequence[Cursor]) -> list[Cursor]:
    return sorted(rows, reverse=True)


def pages(rows: Sequence[Cursor], size: int) -> list[list[Cursor]]:
    """Return the pages that a client reads, each by the cursor of the last row of the page before."""
    engine = create_engine("sqlite://")
    with engine.begin() as connection:
        ENTRIES.metadata.create_all(connection)
        if rows:
            connection.execute(insert(ENTRIES), [row._asdict() for row in rows])
        in_order = select(ENTRIES.c.at, ENTRIES.c.id).order_by(ENTRIES.c.at.desc(), ENTRIES.c.id.desc())
        read: list[list[Cursor]] = []
        page = in_order.limit(size)
        while found := [Cursor(*row) for row in connection.execute(page)]:
            read.append(found)
            page = in_order.where(after_cursor(found[-1], ENTRIES.c.at, ENTRIES.c.id)).limit(size)
    engine.dispose()
    return read


@given(entries, st.integers(1, 5))
def test_the_pages_one_after_the_other_are_the_sorted_list(rows: list[Cursor], size: int) -> None:
    read = pages(rows, size)
    assert [row for page in read for row in page] == newest_first(rows)
    assert all(len(page) == size for page in read[:-1])


@given(entries, cursors)
def test_a_cursor_selects_what_is_smaller_than_it_whether_or_not_its_row_still_exists(
    rows: list[Cursor], cursor: Cursor
) -> None:
    engine = create_engine("sqlite://")
    with engine.begin() as connection:
        ENTRIES.metadata.create_all(connection)
        if rows:
            connection.execute(insert(ENTRIES), [row._asdict() for row in rows])
        after = select(ENTRIES.c.at, ENTRIES.c.id).where(after_cursor(cursor, ENTRIES.c.at, ENTRIES.c.id))
        found = {Cursor(*row) for row in connection.execute(after)}
    engine.dispose()
    assert found == {row for row in rows if row < cursor}


def test_an_instant_of_another_zone_selects_the_same_rows() -> None:
    there = START.astimezone(datetime.fromisoformat("2026-03-02T00:00:00+05:30").tzinfo)
    assert str(after_cursor(Cursor(there, "x"), ENTRIES.c.at, ENTRIES.c.id)) == str(
        after_cursor(Cursor(START, "x"), ENTRIES.c.at, ENTRIES.c.id)
    )
    bound = UtcTime().bind_processor(create_engine("sqlite://").dialect)
    assert bound is not None
    assert bound(there) == bound(START)


def test_a_cursor_without_a_zone_is_refused() -> None:
    """Its text comes from a client; an instant without a zone could not be compared."""
    assert msgspec.convert(["2026-03-02T00:00:00Z", "x"], Cursor) == Cursor(START, "x")
    with pytest.raises(msgspec.ValidationError):
        msgspec.convert(["2026-03-02T00:00:00", "x"], Cursor)
