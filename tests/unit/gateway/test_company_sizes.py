"""Company sizes: what a text says at least, and what says nothing certain."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.gateway.domain.company_sizes import EMPLOYEES_MAX, lower_bound

SIZES = {
    # ranges: the lower end
    "51-200": 51, "51 - 200 employees": 51, "51 to 200": 51, "51 bis 200 Mitarbeiter": 51, "51 à 200 salariés": 51,
    "de 51 a 200 empleados": 51, "between 51 and 200": 51, "51 \u2013 200": 51, "200-51": 51, "C: 51-200": 51,
    "1,001-5,000": 1_001, "1.000-5.000": 1_000, "1 000 - 5 000": 1_000, "1'000\u20135'000": 1_000, "1\u202f000": 1_000,
    "1-5k": 1_000, "500-1k": 500, "10k-50k": 10_000, "1-10": 1, "0-10": 0, "\uff12\uff10\uff11-\uff15\uff10\uff10": 201,
    # units and separators
    "1.5k": 1_500, "1,5k": 1_500, "5k": 5_000, "5K+": 5_000, "5 Tsd.": 5_000, "5 mila": 5_000, "2.5 thousand": 2_500,
    "1M+": 1_000_000, "1.2 million": 1_200_000, "3 Mio.": 3_000_000,
    "10,000+": 10_000, "10.000+": 10_000, "10 001+": 10_001, "1.500": 1_500, "1,00,000": 100_000,
    "51.0": 51, "1,000.00": 1_000, "1.000,00": 1_000, "500": 500, "about 250": 250, "~250": 250, "ca. 250": 250,
    # bounds
    "1000+": 1_000, "> 1000": 1_000, "more than 500": 500, "500 or more": 500, "Enterprise (1000+)": 1_000,
    "10 000 et plus": 10_000, "ab 500": 500, "über 500": 500,
    "<50": 1, "< 50": 1, "up to 50": 1, "under 50": 1, "bis 50": 1, "unter 50": 1, "moins de 50": 1, "hasta 50": 1,
    "mniej niż 50": 1, "do 50": 1, "mindre än 50": 1, "upp till 50": 1, "færre end 50": 1, "op til 50": 1, "50 eller mindre": 1,
    "10 til 49": 10, "10 till 49": 10, "mellem 10 og 49": 10, "od 10 do 49 pracowników": 10, "51\u2013200 anställda": 51,
    "less than 1000": None, "up to 10,000": None, "max. 500": None, "50 or less": 1, "50 oder weniger": 1, "≤ 50": 1,
    "Just me": 1, "Self-employed": 1, "1": 1,
    # words that multiply
    "1 lakh": 100_000, "2 Lakhs": 200_000, "1.5 crore": 15_000_000, "3 dozen": 36, "5 hundred": 500,
    # what a spreadsheet made a date of
    "Nov-50": None, "11-Nov": None, "10-Jan": None, "Okt 50": None, "01.11.2050": None, "2024-10-01": None,
    "2024-10-01 00:00:00": None, "1/10/2024": None, "Feb-10": None, "2. Okt": None, "May-50": None,
    # nothing certain
    "many": None, "": None, "3 offices, 200 people": None, "-5": None, "1.5": None, "12.50": None, "1.500k": None,
    "2bn": None, "11/50": None, "we are 50 in 2 places": None, "9" * 30: None, "5" * 12: None, "x" * 300: None,
}  # fmt: skip


@pytest.mark.parametrize(("text", "number"), SIZES.items())
def test_a_company_size_is_what_it_says_at_least(text: str, number: int | None):
    assert lower_bound(text) == number


@given(st.text(alphabet=st.sampled_from("0123456789kKmM.,'+-<> \u2013toNov/"), max_size=30) | st.text())
def test_any_text_is_a_number_within_bounds_or_none(text: str):
    number = lower_bound(text)
    assert number is None or 0 <= number <= EMPLOYEES_MAX


@given(st.integers(1, 999_999), st.integers(1, 999_999), st.sampled_from([",", ".", "'", " ", ""]))
def test_a_range_is_its_lower_end_with_every_separator_of_thousands(low: int, high: int, separator: str):
    low, high = sorted((low, high))
    text = f"{low:,}-{high:,}".replace(",", separator)
    assert lower_bound(text) == low
