"""Rows of a file of outcomes as bodies of the API: tables, objects as the API takes them, and a CRM's records."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import msgspec
import pytest

from services.cli.imports.errors import FileUnreadable
from services.cli.imports.import_file import ReadRow, opened_file
from services.cli.imports.outcome_rows import read_outcomes
from services.gateway.domain.outcome_table import known_outcome_headings


@pytest.fixture
def read(tmp_path: Path) -> Any:
    def read_file(text: str, currency: str | None = None) -> list[ReadRow]:
        file = tmp_path / "deals"
        file.write_text(text)
        with opened_file(file, known_outcome_headings) as opened:
            return list(read_outcomes(opened, currency)[1])

    return read_file


def test_objects_as_the_api_takes_them_are_sent_as_they_are(read):
    won = {"email": "a@b.example", "type": "won", "at": "2026-03-20T09:00:00Z", "external_id": "7"}
    reply = {"email": "a@b.example", "type": "reply", "at": "2026-03-20T09:00:00Z"}
    first, second = (msgspec.json.decode(row.body) for row in read(f"{json.dumps(won)}\n{json.dumps(reply)}"))
    assert first == won
    assert second.pop("external_id").startswith("import-")
    assert second == reply


def test_records_of_a_crms_api_are_read_by_their_names(read):
    record = {
        "Id": "006A",
        "StageName": "Closed Won",
        "Amount": 48_000.5,
        "CurrencyIsoCode": "EUR",
        "CloseDate": "2026-03-20",
        "Email": "a@b.example",
        "Description": None,
    }
    (row,) = read(json.dumps([record]))
    body = msgspec.json.decode(row.body)
    assert (body["type"], body["opportunity_id"]) == ("won", "006A")
    assert body["amount"] == {"value": 48_000.5, "currency": "EUR"}


def test_a_currency_is_told_for_amounts_that_name_none_and_corrected_rows_are_read_again(read):
    table = "Baton line,Baton problem,email,type,at,amount\n2,no currency,a@b.example,won,2026-03-20,5\n"
    (row,) = read(table)
    assert row.problem.startswith("amount: It names no currency")
    (row,) = read(table, "AUD")
    assert msgspec.json.decode(row.body)["amount"] == {"value": 5, "currency": "AUD"}


@pytest.mark.parametrize("text", ["Company,City\nReef,Oslo\n", "email\na@b.example\n"])
def test_a_table_of_something_else_is_no_file_of_outcomes(read, text: str):
    with pytest.raises(FileUnreadable, match="is needed"):
        read(text)
