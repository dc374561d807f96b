"""Signals of an account: each one once however it was told, dated at its arrival at the latest, bounded."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone
from itertools import permutations

import pytest
from msgspec.structs import replace

from services.scorer.domain.state import AccountRow, StoredSignal
from services.scorer.domain.stored_signals import (
    SIGNALS_MAX,
    content_id,
    merged_signals,
    signals_of,
    stored_signal,
)
from shared.lead.events.signal_received import SignalDetails, SignalReceivedV1
from tests.support.enriched_leads import AT, DAY, signal

MINUTE = timedelta(minutes=1)
ROUND: SignalDetails = {"amount_usd": 5_000_000, "series": "A"}


def stored(*told: SignalReceivedV1, arrival: datetime = AT) -> dict[str, StoredSignal]:
    """Return what an account keeps of signals that were told one after the other."""
    account = AccountRow("kestrel.example")
    for number, one in enumerate(told):
        new = stored_signal(one, f"event-{number}", arrival)
        account = replace(account, signals=merged_signals(signals_of(account).values(), (new,)))
    return account.signals


@pytest.mark.parametrize(
    ("again", "count"),
    [
        (signal(details=ROUND), 1),
        (
            replace(
                signal(details=ROUND), occurred_at=(AT - timedelta(hours=1)).astimezone(timezone(DAY / 4))
            ),
            1,
        ),
        (
            replace(signal(details=ROUND), occurred_at=AT - timedelta(hours=1) + timedelta(milliseconds=250)),
            1,
        ),
        (signal(details={"series": "A", "amount_usd": 5_000_000}), 1),
        (signal(details={"series": "A", "amount_usd": 5_000_000.0, "note": None}), 1),
        (signal(details=ROUND, strength=70), 1),
        (signal(details=ROUND, external_id="n-1"), 1),
        (signal(details=ROUND, ago=DAY), 2),
        (signal(details=ROUND | {"series": "B"}), 2),
        (signal(), 2),
        (signal("hiring_surge", details=ROUND), 2),
        (signal(details=ROUND, email="ana@kestrel.example"), 2),
    ],
    ids=[
        "as it was",
        "another time zone",
        "another precision",
        "another order of keys",
        "another spelling of numbers and nothing",
        "another strength",
        "with a number",
        "another instant",
        "other details",
        "no details",
        "another type",
        "another person",
    ],
)
def test_a_signal_told_again_counts_once_and_another_one_counts(again, count):
    told = signal(details=ROUND)
    assert len(stored(told, again)) == len(stored(again, told)) == count


@pytest.mark.parametrize(
    ("numbers", "count"),
    [
        (["n-1", "n-1"], 1),
        (["n-1", "n-2"], 2),
        (["n-1", None, "n-2"], 2),
        ([None, "n-1", None, "n-2"], 2),
        ([None, None], 1),
    ],
)
def test_numbered_signals_are_as_many_as_their_numbers(numbers, count):
    assert len(stored(*(signal(external_id=number) for number in numbers))) == count


def test_a_number_counts_within_its_type():
    numbered = [signal(type_, external_id="n-1") for type_ in ("funding_round", "hiring_surge")]
    assert len(stored(*numbered, *numbered)) == 2


def test_a_number_told_with_other_details_is_the_one_of_the_earliest_time_in_any_order():
    told = [signal(external_id="n-1", details=ROUND), signal(external_id="n-1", details={}, ago=DAY)]
    for order in (told, told[::-1]):
        [kept] = stored(*order).values()
        assert (kept.details, kept.occurred_at) == ({}, AT - DAY)


@pytest.mark.parametrize(
    ("worse", "better"),
    [
        (signal(expires_at=AT + DAY), signal(expires_at=AT + 2 * DAY)),
        (signal(expires_at=AT + DAY), signal()),
        (replace(signal(), strength=40), replace(signal(), strength=70)),
        (signal(), replace(signal(), strength=0)),
        (replace(signal(expires_at=AT + DAY), strength=70), replace(signal(), strength=40)),
        (signal(), signal(external_id="n-1", expires_at=AT + DAY)),
    ],
    ids=[
        "expires later",
        "never expires",
        "is stronger",
        "has a strength",
        "expiry counts before strength",
        "has a number",
    ],
)
def test_of_two_reports_of_a_signal_the_same_one_is_stored_in_any_order(worse, better):
    for order in ((worse, better), (better, worse)):
        [kept] = stored(*order).values()
        assert (kept.expires_at, kept.strength, kept.external_id) == (
            better.expires_at,
            better.strength,
            better.external_id,
        )


def test_a_report_without_a_number_is_that_of_any_content_the_number_had():
    told = [
        signal(external_id="n-1", ago=DAY),
        signal(external_id="n-1", details=ROUND),
        signal(details=ROUND),
    ]
    for order in permutations(told):
        [kept] = stored(*order).values()
        assert (kept.external_id, kept.occurred_at) == ("n-1", AT - DAY)


@pytest.mark.parametrize(
    ("told", "counts_from"),
    [
        (AT - DAY, AT - DAY),
        (AT + 4 * MINUTE, AT + 4 * MINUTE),
        (AT + 6 * MINUTE, AT),
        (AT + 3650 * DAY, AT),
        (datetime(9998, 12, 31, tzinfo=UTC), AT),
        (datetime(9999, 12, 31, 23, 59, tzinfo=timezone(-DAY / 24)), AT),
    ],
    ids=str,
)
def test_a_signal_happened_before_it_was_told_but_for_some_skew(told, counts_from):
    received = replace(signal(), occurred_at=told)
    [kept] = stored(received).values()
    assert kept.occurred_at == counts_from
    account = AccountRow("kestrel.example", signals=stored(received))
    later = stored_signal(received, "event-9", AT + DAY)
    assert merged_signals(signals_of(account).values(), (later,)) == account.signals


def test_the_expiry_of_a_signal_may_lie_ahead_but_not_beyond_reach():
    [kept] = stored(signal(expires_at=AT + 400 * DAY)).values()
    assert kept.expires_at == AT + 400 * DAY
    [kept] = stored(signal(expires_at=datetime(9999, 12, 31, tzinfo=UTC))).values()
    assert kept.expires_at is None


def test_signals_are_bounded_and_stored_without_the_person():
    told = [
        signal(email="ana@kestrel.example", ago=number * DAY, details={"x": 1, "text": "y" * 10_000})
        for number in range(SIGNALS_MAX + 3)
    ]
    kept = stored(*told)
    assert len(kept) == SIGNALS_MAX
    assert min(one.occurred_at for one in kept.values()) == told[SIGNALS_MAX - 1].occurred_at
    assert all(one.person is None and one.details == {"x": 1} for one in kept.values())


def test_a_row_of_an_earlier_release_knows_its_signals_again():
    old = StoredSignal(type="funding_round", occurred_at=AT, details=ROUND)
    account = AccountRow("kestrel.example", signals={"event-1": old})
    [(key, known)] = signals_of(account).items()
    assert (key, known.event_id) == (content_id(old), "event-1")
    again = stored_signal(SignalReceivedV1("funding_round", AT, details=ROUND), "event-2", AT)
    assert len(merged_signals(signals_of(account).values(), (again,))) == 1
