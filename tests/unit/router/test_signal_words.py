"""Every type of signal in words, whatever shapes its details come in."""

from __future__ import annotations

from datetime import timedelta
from typing import Any, get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.router.domain.signal_words import executive_of, money_words, round_words, signal_words
from shared.lead.events.scoring import LiveSignal
from shared.lead.events.signal_received import SignalType
from tests.support.scored_leads import AT

FIVE_DAYS_AGO = AT - timedelta(days=5)


def words(type_: str, person: str | None = None, /, **details: Any) -> str:
    return signal_words(LiveSignal("s", type_, FIVE_DAYS_AGO, 40, True, person, details), AT)


@pytest.mark.parametrize(
    ("details", "expected"),
    [
        ({"amount_usd": 30_000_000, "round": "series_b"}, "raised 30 M USD, Series B, 5 days ago"),
        ({"amountUsd": "1,250,000", "series": "A"}, "raised 1.25 M USD, Series A, 5 days ago"),
        ({"amount": 2_000_000_000, "currency": "eur"}, "raised 2 bn EUR, 5 days ago"),
        (
            {"amount": 45_000, "currency": "GBP", "stage": "pre-seed"},
            "raised 45,000 GBP, pre seed round, 5 days ago",
        ),
        ({"amount": {"value": 7_000_000, "currency": "USD"}}, "raised 7 M USD, 5 days ago"),
        ({"amount": "$30M", "round": "Series B"}, "raised $30M, Series B, 5 days ago"),
        ({"funding_round": "Seed Round"}, "raised a seed round, 5 days ago"),
        ({"amount": "_\t", "round": " "}, "raised _, 5 days ago"),
        ({"amount_usd": -5, "round": None}, "announced a funding round, 5 days ago"),
        ({"amount_usd": True, "amount": 1e300}, "raised 1e+300, 5 days ago"),
        ({"amount": 12.5, "currency": "EUR", "round": "A"}, "raised a Series A, 5 days ago"),
        ({}, "announced a funding round, 5 days ago"),
    ],
)
def test_a_funding_round(details, expected):
    assert words("funding_round", **details) == expected


@pytest.mark.parametrize(
    ("details", "expected"),
    [
        ({"name": "Rosa Lindqvist", "title": "CRO"}, "a new CRO, Rosa Lindqvist, joined 5 days ago"),
        ({"first_name": "Rosa", "last_name": "Lindqvist", "position": "CRO", "from": "Acme"},
         "a new CRO, Rosa Lindqvist from Acme, joined 5 days ago"),
        ({"person": {"name": "Rosa Lindqvist"}, "role": "CRO"}, "a new CRO, Rosa Lindqvist, joined 5 days ago"),
        ({"title": "CRO"}, "a new CRO joined 5 days ago"),
        ({"new_title": "VP of Sales"}, "a new VP of Sales joined 5 days ago"),
        ({}, "a new executive joined 5 days ago"),
    ],
)  # fmt: skip
def test_an_executive_hire(details, expected):
    assert words("executive_hire", **details) == expected


def test_the_person_of_a_signal_stands_in_for_a_name():
    assert (
        words("executive_hire", "Rosa Lindqvist", title="CRO")
        == "a new CRO, Rosa Lindqvist, joined 5 days ago"
    )
    signal = LiveSignal("s", "executive_hire", AT, 40, True, "Rosa Lindqvist", {"title": "CRO"})
    assert executive_of(signal) == ("Rosa Lindqvist", "CRO")


@pytest.mark.parametrize(
    ("details", "expected"),
    [
        ({"vendor": "Rivalworks", "expires_on": "2026-03-31"}, "contract with Rivalworks ends on 31 March"),
        ({"competitor": "Rivalworks", "end_date": "2027-03-03T00:00:00Z"},
         "contract with Rivalworks ends on 3 March 2027"),
        ({"vendor": "Rivalworks", "expires_on": "2026-03-01"}, "contract with Rivalworks ended on 1 March"),
        ({"expires_on": "2026-03-02"}, "present contract ends on 2 March"),
        ({"product": "CRM", "expires_on": "2026-03-31"}, "contract for CRM ends on 31 March"),
        ({"vendor": "Rivalworks", "renewal": "end of Q2"}, "contract with Rivalworks ends end of Q2"),
        ({}, "present contract ends soon"),
    ],
)  # fmt: skip
def test_a_contract_that_ends(details, expected):
    assert words("contract_expiry", **details) == expected


@pytest.mark.parametrize(
    ("type_", "details", "expected"),
    [
        ("technology_added", {"technology": "Snowflake"}, "started using Snowflake 5 days ago"),
        ("technology_added", {"technologies": ["Snowflake", "dbt"]}, "started using Snowflake, dbt 5 days ago"),
        ("technology_removed", {"vendor": "Rivalworks"}, "stopped using Rivalworks 5 days ago"),
        ("technology_added", {}, "started using a new tool 5 days ago"),
        ("technology_removed", {}, "stopped using one of its tools 5 days ago"),
        ("hiring_surge", {"open_roles": 14, "department": "sales"},
         "hiring surge: 14 open roles in sales, 5 days ago"),
        ("hiring_surge", {"roles": ["SDR", "AE"]}, "hiring surge: SDR, AE, 5 days ago"),
        ("hiring_surge", {"jobs": 1, "growth_pct": 40}, "hiring surge: 1 open role up 40 %, 5 days ago"),
        ("hiring_surge", {}, "hiring surge, 5 days ago"),
        ("intent_surge", {"topic": "lead routing"}, "intent surge on lead routing, 5 days ago"),
        ("intent_surge", {}, "intent surge, 5 days ago"),
        ("news", {"headline": "Kestrel opens in Berlin", "url": "https://news.example"},
         "in the news: “Kestrel opens in Berlin”, 5 days ago"),
        ("news", {}, "in the news, 5 days ago"),
        ("job_change", {"name": "Bo Ek", "from": "Acme", "to": "Kestrel", "title": "CFO"},
         "Bo Ek moved from Acme to Kestrel as CFO, 5 days ago"),
        ("job_change", {"name": "Bo Ek", "title": "CFO"}, "Bo Ek became CFO, 5 days ago"),
        ("job_change", {}, "a contact has a new job, 5 days ago"),
        ("office_opened", {"city": "Berlin", "people": 40, "x": {"y": 1}, "z": True},
         "office opened (city Berlin, people 40, xy 1), 5 days ago"),
    ],
)  # fmt: skip
def test_the_other_types(type_, details, expected):
    assert words(type_, **details) == expected


@pytest.mark.parametrize(
    ("amount", "expected"),
    [(1, "1 USD"), (999_999, "999,999 USD"), (1_500_000, "1.5 M USD"), (3 * 10**12, "3 trn USD")],
)
def test_money(amount, expected):
    assert money_words(amount, "USD") == expected


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("series_c", "Series C"),
        ("Series D1", "Series D1"),
        ("b", "Series B"),
        ("SEED", "seed round"),
        ("", ""),
    ],
)
def test_funding_rounds(name, expected):
    assert round_words(name) == expected


_NAMES = st.sampled_from(
    ["amount", "amount_usd", "Name", "title", "vendor", "expires_on", "topic", "roles", "to"]
)
_SCALARS = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=300)
_ANSWERS = _SCALARS | st.lists(_SCALARS, max_size=5)
_DETAILS = st.dictionaries(
    _NAMES | st.text(max_size=20),
    _ANSWERS | st.dictionaries(_NAMES | st.text(max_size=20), _ANSWERS, max_size=3),
    max_size=8,
)


@given(type_=st.sampled_from([*get_args(SignalType), "anything"]), details=_DETAILS)
def test_any_details_give_one_bounded_line(type_, details):
    text = words(type_, **details)
    assert text
    assert len(text) < 1_000
    assert "\n" not in text
    assert words(type_, **details) == text
