"""Lists as CSV: what a spreadsheet would run is text, and everything else comes back as it was."""

from __future__ import annotations

import csv
from datetime import UTC, datetime
from io import StringIO

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.gateway.domain.csv_text import csv_text


@pytest.mark.parametrize("text", ["=1+1", "+1", "-1", "@SUM(A1)", "\t=1", "\r=1", '=HYPERLINK("x")'])
def test_a_cell_that_would_be_a_formula_begins_with_an_apostrophe(text: str) -> None:
    assert [*csv.reader(StringIO(csv_text(["a"], [[text]]), newline=""))][1] == [f"'{text}"]


@given(
    st.lists(st.lists(st.text(st.characters(codec="utf-8", exclude_characters="\0")), min_size=2, max_size=2))
)
def test_what_is_read_back_is_what_was_written(rows: list[list[str]]) -> None:
    read = [*csv.reader(StringIO(csv_text(["a", "b"], rows), newline=""))][1:]
    assert [[cell.removeprefix("'") for cell in row] for row in read] == [
        [cell.removeprefix("'") for cell in row] for row in rows
    ]
    assert not any(cell.startswith(("=", "+", "-", "@", "\t", "\r")) for row in read for cell in row)


def test_times_are_iso_and_nothing_is_an_empty_cell() -> None:
    row = [datetime(2026, 3, 2, 9, tzinfo=UTC), None, 7]
    assert csv_text(["at", "name", "total"], [row]) == "at,name,total\r\n2026-03-02T09:00:00+00:00,,7\r\n"
