"""CSV for spreadsheets."""

from __future__ import annotations

import csv
import io

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.gateway.domain.csv_export import csv_lines

CELLS = st.text(st.characters(codec="utf-8", exclude_characters="\r\0"))


@pytest.mark.parametrize("typed", ["=1+1", "+49", "-1", "@SUM(A1)", "\t=1", "\r=1"])
def test_a_cell_that_would_be_a_formula_begins_with_an_apostrophe(typed):
    assert csv_lines([[typed, "x"]]).decode().lstrip('"').startswith(f"'{typed}")


@given(st.lists(st.lists(CELLS, min_size=2, max_size=4), max_size=4))
def test_what_is_written_is_read_again(rows):
    read = list(csv.reader(io.StringIO(csv_lines(rows).decode(), newline="")))
    assert [[cell.removeprefix("'") for cell in row] for row in read] == [
        [cell.removeprefix("'") for cell in row] for row in rows
    ]
    assert not any(cell.startswith(("=", "+", "-", "@")) for row in read for cell in row)
