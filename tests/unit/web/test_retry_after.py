"""`Retry-After`: seconds or a date (RFC 9110), at most one day, and never an error."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.web.egress_client import RETRY_AFTER_S_MAX, EgressResponse, parse_retry_after

NOW = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)


@pytest.mark.parametrize(
    ("header", "seconds"),
    [
        (None, None),
        ("", None),
        ("0", 0.0),
        ("120", 120.0),
        ("86401", 86_400.0),
        ("1.5", None),
        ("-1", None),
        ("1e3", None),
        ("Sun, 01 Mar 2026 12:00:30 GMT", 30.0),
        ("Sun, 01 Mar 2026 13:00:30 +0100", 30.0),
        ("Sun, 01 Mar 2026 12:00:30", 30.0),
        ("Sun, 01 Mar 2026 11:59:00 GMT", 0.0),
        ("tomorrow", None),
    ],
)
def test_the_wait_is_in_seconds_from_now(header, seconds):
    assert parse_retry_after(header, NOW) == seconds


@given(st.integers(-400_000, 400_000))
def test_a_date_is_the_seconds_until_it_bounded_by_now_and_one_day(offset):
    header = format_datetime(NOW + timedelta(seconds=offset), usegmt=True)
    assert parse_retry_after(header, NOW) == min(max(offset, 0), RETRY_AFTER_S_MAX)


@given(st.text() | st.from_regex(r"\A\w{3}, \d+ \w{3} \d{1,6} \d+:\d+:\d+ \S*\Z"))
def test_any_header_gives_a_bounded_wait_or_none(header):
    wait_s = parse_retry_after(header, NOW)
    assert wait_s is None or 0 <= wait_s <= RETRY_AFTER_S_MAX


@pytest.mark.parametrize(("status", "delivered"), [(199, False), (200, True), (299, True), (300, False)])
def test_only_a_2xx_response_counts_as_delivered(status, delivered):
    assert EgressResponse(status, b"", 0.1).delivered is delivered
