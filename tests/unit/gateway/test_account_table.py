"""Tables of accounts: which column is which field, and what its cells say."""

from __future__ import annotations

import csv
from collections.abc import Sequence
from io import StringIO
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.gateway.domain.account_table import (
    COLUMNS,
    account_columns,
    account_fields,
    known_account_headings,
    read_account_csv,
)
from services.gateway.domain.csv_table import TableRow, UnreadableRow
from shared.errors import Reject


def rows_of(raw: bytes) -> list[dict[str, Any]]:
    columns, rows = read_account_csv(raw, 1_000)
    return [dict(account_fields(row, columns)) for row in rows]


def faults(reject: pytest.ExceptionInfo[Reject]) -> list[str]:
    return [error.detail for error in reject.value.errors]


def test_the_names_of_the_fields_are_headings():
    assert account_columns(COLUMNS).fields == list(COLUMNS)
    assert known_account_headings(COLUMNS) == len(COLUMNS)


@pytest.mark.parametrize(
    ("headings", "fields", "ignored"),
    [
        (
            ["Account Name", "Website", "Type", "Account Owner", "Billing City", "Billing Street", "County"],
            ["name", "domain", "kind", "owner", "city", None, None],
            ["Billing Street", "County"],
        ),
        (
            ["Record ID", "Company name", "Company Domain Name", "Company owner", "Number of Open Deals"],
            [None, "name", "domain", "owner", "open_opportunity"],
            ["Record ID"],
        ),
        (["Firma", "Webseite", "Beziehung", "Segment"], ["name", "domain", "relation", "segment"], []),
        (["Société", "Site web", "Propriétaire"], ["name", "domain", "owner"], []),
        (["Empresa", "Sitio web", "Propietario"], ["name", "domain", "owner"], []),
        (["Azienda", "Sito web", "Tipo"], ["name", "domain", "kind"], []),
        (["Website", "domain"], [None, "domain"], ["Website"]),
        (["Website", "Company Domain Name"], ["domain", None], ["Company Domain Name"]),
    ],
)
def test_a_crms_headings_are_fields_and_its_own_columns_are_ignored(
    headings: Sequence[str], fields: Sequence[str | None], ignored: Sequence[str]
):
    columns = account_columns(headings)
    assert (columns.fields, columns.ignored) == (fields, ignored)


def test_a_table_has_a_bounded_number_of_columns():
    with pytest.raises(Reject) as reject:
        account_columns(["domain", *["x"] * 1_000])
    assert faults(reject) == ["There are 1001 columns, 1000 are allowed"]


def test_all_faults_of_a_header_are_reported_at_once():
    with pytest.raises(Reject) as reject:
        account_columns(["name", "realtion", "name"])
    assert faults(reject) == [
        "The column 'realtion' is unknown; did you mean 'relation'?",
        "The column 'name' is there twice",
        "A column domain is needed; the columns are name, realtion, name",
    ]


@pytest.mark.parametrize("raw", [b"", b"\n\n", b"name\n"])
def test_a_table_needs_a_column_of_domains(raw: bytes):
    with pytest.raises(Reject, match="not valid"):
        read_account_csv(raw, 1_000)


@pytest.mark.parametrize(
    ("cell", "relation"),
    [
        ("Customer", "customer"),
        ("Customer - Direct", "customer"),
        ("Kunde", "customer"),
        ("Prospect", "target"),
        ("Wettbewerber", "competitor"),
        ("Channel Partner / Reseller", "partner"),
        ("enemy", "enemy"),
    ],
)
def test_a_relation_is_read_in_the_words_of_crms_and_other_words_are_left_to_be_refused(cell, relation):
    [row] = rows_of(f"domain,relation\na.example,{cell}\n".encode())
    assert row["relation"] == relation


def test_a_crms_type_that_is_no_relation_says_nothing():
    assert rows_of(b"domain,Type\na.example,Investor\nb.example,Kunde\n") == [
        {"domain": "a.example", "relation": "none"},
        {"domain": "b.example", "relation": "customer"},
    ]


def test_cells_become_fields_and_empty_cells_are_left_out():
    row = TableRow(2, [" a.example ", "Alpha", "Customer", "", "NO", "  ", "a.de; a.fr|a.it"])
    assert account_fields(row, account_columns(COLUMNS)) == {
        "domain": "a.example",
        "name": "Alpha",
        "relation": "customer",
        "open_opportunity": False,
        "aliases": ["a.de", "a.fr", "a.it"],
    }


@pytest.mark.parametrize(("cell", "is_open"), [("3", True), ("0", False), ("ja", True), ("non", False)])
def test_an_open_opportunity_may_be_counted(cell: str, is_open: bool):
    assert rows_of(f"domain,Open deals\na.example,{cell}\n".encode())[0]["open_opportunity"] is is_open


def test_all_faults_of_a_row_are_reported_at_once():
    with pytest.raises(Reject) as reject:
        account_fields(
            TableRow(2, ["a\0", "perhaps", "b\0"]), account_columns(["domain", "open_opportunity", "name"])
        )
    assert [error.pointer for error in reject.value.errors] == ["/domain", "/open_opportunity", "/name"]


def test_a_row_that_cannot_be_read_is_rejected_with_its_line():
    with pytest.raises(Reject) as reject:
        account_fields(UnreadableRow(7, "a quotation mark is not closed"), account_columns(["domain"]))
    assert faults(reject) == ["line 7: a quotation mark is not closed"]


cells = st.text(st.characters(codec="utf-8", exclude_characters="\0"), max_size=20)


@given(st.lists(st.tuples(cells, cells), max_size=10), st.sampled_from(",;\t|"))
def test_every_row_that_csv_can_write_is_read_back(pairs: list[tuple[str, str]], separator: str):
    text = StringIO()
    csv.writer(text, delimiter=separator).writerows([("domain", "name"), *pairs])
    _, rows = read_account_csv(text.getvalue().encode(), 1_000)
    written = [pair for pair in pairs if any(cell.strip() for cell in pair)]
    assert [row.cells for row in rows if isinstance(row, TableRow)] == [list(pair) for pair in written]
