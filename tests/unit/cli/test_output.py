"""Tables in a pipe."""

from __future__ import annotations

import pytest

from services.cli.output import print_table


def test_a_row_is_one_line_in_a_pipe(capsys: pytest.CaptureFixture[str]):
    """grep and awk get a whole row however long its cells are."""
    fields = ["company.employees", "company.industry", "company.country"] * 5
    print_table([{"name": "apollo", "fields": fields}], {"name": "provider", "fields": "fields"}, empty="")
    heading, row = capsys.readouterr().out.splitlines()
    assert heading.split() == ["provider", "fields"]
    assert row.split(maxsplit=1) == ["apollo", ", ".join(fields)]


def test_without_rows_the_text_for_none_is_printed(capsys: pytest.CaptureFixture[str]):
    print_table([], {"name": "provider"}, empty="No providers.")
    assert capsys.readouterr().out == "No providers.\n"
