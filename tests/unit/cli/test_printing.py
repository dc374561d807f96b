"""Tables for people and JSON for programs."""

from __future__ import annotations

import json
from datetime import UTC, datetime

import pytest

from services.cli.output import cell_text, print_json, print_result, print_rows, print_table


@pytest.mark.parametrize(
    ("value", "text"),
    [(None, "-"), ("", ""), (0, "0"), (False, "False"), (["a", 1], "a, 1"), ([], ""), (1.5, "1.5")],
)
def test_a_cell_is_text(value, text):
    assert cell_text(value) == text


def test_json_is_indented_and_has_times_as_text(capsys):
    print_json({"at": datetime(2026, 3, 1, tzinfo=UTC), "none": None})
    out = capsys.readouterr().out
    assert json.loads(out) == {"at": "2026-03-01T00:00:00Z", "none": None}
    assert out.startswith('{\n  "at"')


def test_a_table_shows_the_named_columns_only(capsys, monkeypatch):
    monkeypatch.setenv("COLUMNS", "80")
    print_table([{"id": 1, "secret": "x"}, {}], {"id": "number"}, empty="none")
    assert [line.strip() for line in capsys.readouterr().out.splitlines()] == ["number", "1", "-"]


def test_no_rows_are_the_empty_text_or_an_empty_array(capsys):
    print_rows([], {"id": "id"}, empty="Nothing.", as_json=False)
    print_rows([], {"id": "id"}, empty="Nothing.", as_json=True)
    assert capsys.readouterr().out == "Nothing.\n[]\n"


def test_a_result_is_printed_as_one_or_the_other(capsys):
    print_result({"a": 1}, "one", as_json=False)
    print_result({"a": 1}, "one", as_json=True)
    assert capsys.readouterr().out == 'one\n{\n  "a": 1\n}\n'
