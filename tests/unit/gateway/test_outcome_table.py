"""Tables of outcomes: which column is which field, and what the cells of a CRM's export say."""

from __future__ import annotations

import csv
from contextlib import suppress
from io import StringIO
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.gateway.domain.outcome_table import (
    FIELDS,
    TYPES,
    known_outcome_headings,
    outcome_columns,
    outcome_fields,
    read_outcome_csv,
)
from shared.errors import Reject
from shared.lead.events.outcome_received import OutcomeReceivedV1

SALESFORCE = "Opportunity ID,Opportunity Name,Stage,Amount,Amount Currency,Close Date,Created Date,Lead Email"
HUBSPOT = "Record ID;Deal Name;Deal Stage;Amount;Currency;Close Date;Create Date;Contact email"


def rows_of(text: str, currency: str | None = None) -> list[dict[str, Any]]:
    """Return the outcomes in a CSV without the ids that follow from their rows."""
    columns, rows = read_outcome_csv(text.encode(), 1_000)
    return [without_id(outcome_fields(row, columns, currency)) for row in rows]


def without_id(fields: Any) -> dict[str, Any]:
    msgspec.convert(fields, OutcomeReceivedV1)  # as the API takes it
    return {
        name: value
        for name, value in fields.items()
        if name != "external_id" or not value.startswith("import-")
    }


def faults_of(text: str) -> list[str]:
    with pytest.raises(Reject) as reject:
        rows_of(text)
    return [f"{error.pointer} {error.detail}" for error in reject.value.errors]


def test_the_names_of_the_fields_are_headings():
    assert outcome_columns(FIELDS).fields == list(FIELDS)
    assert known_outcome_headings(FIELDS) == len(FIELDS)


def test_opportunities_of_salesforce_are_open_won_or_lost_by_their_stage():
    won, lost, opened = rows_of(
        f"{SALESFORCE}\n"
        '006A1,Kestrel,Closed Won,"48,000.00",usd,3/20/2026,1/5/2026,ana@kestrel.example\n'
        "006A2,Tide,Closed Lost,1200,EUR,3/21/2026,1/5/2026,bo@tide.example\n"
        "006A3,Reef,Negotiation/Review,900.50,EUR,12/31/2026,1/25/2026,cy@reef.example\n"
    )
    assert won == {
        "email": "ana@kestrel.example",
        "opportunity_id": "006A1",
        "stage": "Closed Won",
        "type": "won",
        "amount": {"value": 48_000, "currency": "USD"},
        "close_date": "2026-03-20",
        "at": "2026-03-20T23:59:59+00:00",
    }
    assert (lost["type"], lost["at"]) == ("lost", "2026-03-21T23:59:59+00:00")
    assert opened["type"] == "opportunity"
    assert opened["at"] == "2026-01-25T00:00:00+00:00", "its close date is a forecast"
    assert (opened["close_date"], opened["amount"]["value"]) == ("2026-12-31", 900.5)


def test_deals_of_hubspot_are_read_with_their_internal_names_of_stages_too():
    (won,) = rows_of(
        f"{HUBSPOT}\n991;Reef;closedwon;1.200,50;EUR;2026-03-20 14:05;2026-01-05 09:00;cy@reef.example\n"
    )
    assert (won["opportunity_id"], won["type"]) == ("991", "won")
    assert won["at"] == "2026-03-20T14:05:00+00:00"
    assert won["amount"] == {"value": 1200.5, "currency": "EUR"}


def test_the_fields_of_an_api_record_are_headings_too():
    (lost,) = rows_of(
        "Id,StageName,IsClosed,IsWon,CloseDate,Amount,CurrencyIsoCode,Email\n"
        "006A,Gone,true,false,2026-03-20,9,GBP,a@reef.example\n"
    )
    assert (lost["opportunity_id"], lost["type"], lost["stage"]) == ("006A", "lost", "Gone")


@pytest.mark.parametrize(
    ("word", "type_"),
    [
        *((name, name) for name in TYPES),
        ("Meeting scheduled", "meeting_booked"),
        ("COMPLETED", "meeting_held"),
        ("Email reply", "reply"),
        ("Renewal", "renewed"),
        ("Upsell", "expanded"),
    ],
)
def test_the_type_is_a_word_of_baton_or_one_that_crms_use(word: str, type_: str):
    (row,) = rows_of(f"email,type,at\na@reef.example,{word},2026-03-20T09:00:00Z\n")
    assert (row["type"], row["at"]) == (type_, "2026-03-20T09:00:00+00:00")


@pytest.mark.parametrize(
    ("type_", "stage", "found"),
    [
        ("New Business", "Closed Won", "won"),
        ("Renewal", "Closed Won", "renewed"),
        ("Renewal", "Negotiation", "opportunity"),
        ("Renewal", "Closed Lost", "lost"),
        ("pilot_won", "Evaluation", "pilot_won"),
        ("", "6 - Closed Won", "won"),
        ("", "Gewonnen", "won"),
        ("", "Perdida", "lost"),
        ("", "Wonderful fit", "opportunity"),
    ],
)
def test_a_crms_own_type_of_an_opportunity_does_not_hide_its_stage(type_: str, stage: str, found: str):
    (row,) = rows_of(f"email,type,stage,at\na@reef.example,{type_},{stage},2026-03-20\n")
    assert row["type"] == found


@pytest.mark.parametrize(
    ("amount", "currency", "found"),
    [
        ("48000", "USD", (48_000, "USD")),
        ("1,234", "USD", (1_234, "USD")),
        ("1.234.567", "EUR", (1_234_567, "EUR")),
        ("12,5", "EUR", (12.5, "EUR")),
        ("€ 1.200,00", "", (1_200, "EUR")),
        ("9'900 CHF", "", (9_900, "CHF")),
        ("USD 12 000", "", (12_000, "USD")),
        ("US$5", "", (5, "USD")),
        ("$5", "CAD", (5, "CAD")),
    ],
)
def test_amounts_are_read_as_they_are_written_and_keep_their_currency(
    amount: str, currency: str, found: tuple[float, str]
):
    (row,) = rows_of(f'email,type,at,amount,currency\na@b.example,won,2026-03-20,"{amount}",{currency}\n')
    assert (row["amount"]["value"], row["amount"]["currency"]) == found


def test_no_currency_is_guessed_but_one_may_be_told():
    text = "email,type,at,amount\na@b.example,won,2026-03-20,$5\n"
    (fault,) = faults_of(text)
    assert fault.startswith("/amount It names no currency")
    assert rows_of(text, "AUD")[0]["amount"] == {"value": 5, "currency": "AUD"}


@pytest.mark.parametrize(
    ("text", "pointer"),
    [
        ("stage,at\nClosed Won,2026-03-20\n", " A column email or lead_id is needed"),
        ("email,at\na@b.example,2026-03-20\n", " A column type or stage is needed"),
        ("email,type,at,amont\na@b.example,won,2026-03-20,1\n", " The column 'amont' is unknown; did you"),
        ("email,type,at\na@b.example,maybe,2026-03-20\n", "/type 'maybe' is no type"),
        ("email,type,at\na@b.example,won,3/4/2026\n", "/at This is no date"),
        ("email,stage,close date\na@b.example,Proposal,2026-03-20\n", "/at The row has no date"),
        ("email,type,at,amount\na@b.example,won,2026-03-20,a lot\n", "/amount This is no amount"),
        ("lead id,type,at\n00Q5g00000,won,2026-03-20\n", " The row has neither an e-mail"),
    ],
)
def test_what_cannot_be_read_for_certain_is_a_fault(text: str, pointer: str):
    assert any(fault.startswith(pointer) for fault in faults_of(text)), faults_of(text)


def test_an_unchanged_row_has_the_same_id_and_an_id_of_the_table_is_kept():
    columns, rows = read_outcome_csv(
        b"id,email,type,at\n7,a@b.example,reply,2026-03-20\n,a@b.example,reply,2026-03-21\n", 9
    )
    first, second = (outcome_fields(row, columns) for row in rows)
    assert first["external_id"] == "7"
    assert second["external_id"] == outcome_fields(rows[1], columns)["external_id"] != first["external_id"]


@given(st.lists(st.lists(st.text(max_size=20), min_size=4, max_size=4), max_size=5))
def test_whatever_stands_in_the_cells_a_row_is_an_outcome_or_has_a_fault(cells: list[list[str]]):
    written = StringIO()
    csv.writer(written).writerows([["email", "type", "at", "amount"], *cells])
    columns, rows = read_outcome_csv(written.getvalue().encode("utf-8", "replace"), 9)
    for row in rows:
        with suppress(Reject):
            assert outcome_fields(row, columns, "USD")["type"] in TYPES
