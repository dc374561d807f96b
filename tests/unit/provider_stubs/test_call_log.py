"""The call log keeps the latest calls and the totals of all of them."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from services.provider_stubs.call_log import CALLS_KEPT_MAX, CallLog, CallTotals, LoggedCall

AT = datetime(2026, 3, 1, 9, 0, tzinfo=UTC)


def call(key: str, *, provider: str = "apollo", matched: bool = True, billed: int = 8) -> LoggedCall:
    return LoggedCall(
        provider=provider, path="/x", key=key, at=AT, status=200, matched=matched, billed=billed
    )


def test_an_empty_log_has_no_calls_and_no_totals():
    report = CallLog().report()
    assert (report.data, report.totals) == ([], {})


def test_totals_are_by_provider_in_the_order_of_their_names():
    log = CallLog()
    for logged in (call("a"), call("b", matched=False, billed=0), call("a", provider="hunter", billed=1)):
        log.add(logged)
    assert log.report().totals == {
        "apollo": CallTotals(calls=2, matches=1, billed=8),
        "hunter": CallTotals(calls=1, matches=1, billed=1),
    }
    assert list(log.report().totals) == ["apollo", "hunter"]


@pytest.mark.parametrize(("limit", "keys"), [(0, []), (1, ["c"]), (2, ["b", "c"]), (9, ["a", "b", "c"])])
def test_a_limit_keeps_the_latest_calls_the_oldest_of_them_first(limit, keys):
    log = CallLog()
    for key in "abc":
        log.add(call(key))
    assert [logged.key for logged in log.report(limit).data] == keys
    assert log.report(limit).totals["apollo"].calls == 3


def test_the_totals_count_calls_that_are_no_longer_kept():
    log = CallLog()
    for _ in range(CALLS_KEPT_MAX + 5):
        log.add(call("a"))
    report = log.report()
    assert (len(report.data), report.totals["apollo"].calls) == (CALLS_KEPT_MAX, CALLS_KEPT_MAX + 5)
