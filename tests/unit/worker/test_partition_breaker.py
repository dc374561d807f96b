"""When the breaker of a role opens and closes; instants are numbers of seconds."""

from __future__ import annotations

import pytest

from shared.messaging.manifest import LEADS_RECEIVED
from shared.messaging.port import Partition, Record
from shared.worker.partition_breaker import PartitionBreaker, Processed, is_own_event

TOPIC = LEADS_RECEIVED.name
P0, P1 = Partition(TOPIC, 0), Partition(TOPIC, 1)
OWN = "/baton/gateway"


def record(offset: int = 0, *, partition: int = 0, source: str | None = OWN) -> Record:
    headers = [] if source is None else [("ce_source", source.encode())]
    return Record(TOPIC, partition, offset, None, b"{}", headers, 0)


def processed(
    count: int, failed: int, *, partition: int = 0, source: str | None = OWN, first: int = 0
) -> list[Processed]:
    """Return `count` processed records, the first `failed` of which failed."""
    return [
        Processed(record(first + number, partition=partition, source=source), number < failed)
        for number in range(count)
    ]


def breaker(window: int = 100) -> PartitionBreaker:
    return PartitionBreaker(window=window, share_max_percent=50, probe_every_s=5)


def opened() -> PartitionBreaker:
    """Return a breaker that has opened for P0 at the instant 0."""
    made = breaker(10)
    assert made.observe(0, processed(10, 10)) == {P0}
    return made


@pytest.mark.parametrize(
    ("source", "own"),
    [
        ("/baton/gateway", True),
        ("/baton/scorer", True),
        ("/outside", False),
        ("https://crm.example/baton/", False),
        (None, False),
    ],
)
def test_an_own_event_names_a_role_as_its_source(source: str | None, own: bool) -> None:
    assert is_own_event(record(source=source)) is own


@pytest.mark.parametrize("source", ["/crm", None])
def test_records_of_outside_producers_never_open_it(source: str | None) -> None:
    made = breaker(10)
    for _ in range(100):
        assert made.observe(0, processed(50, 50, source=source)) == frozenset()


def test_it_opens_above_the_share_of_a_full_window() -> None:
    made = breaker()
    assert made.observe(0, processed(99, 99)) == frozenset()
    assert made.observe(0, processed(1, 0)) == {P0}


def test_exactly_the_share_is_allowed() -> None:
    made = breaker()
    assert made.observe(0, processed(50, 50)) == made.observe(0, processed(50, 0)) == frozenset()
    assert made.observe(0, processed(2, 2)) == {P0}


def test_only_the_last_window_counts() -> None:
    made = breaker()
    batches = [processed(60, 0), *[processed(1, 1)] * 49, *[processed(1, 0)] * 1_000, *[processed(1, 1)] * 50]
    for batch in batches:
        assert made.observe(0, batch) == frozenset()
    assert made.observe(0, processed(1, 1)) == {P0}


def test_it_opens_only_for_partitions_with_failures_in_the_window() -> None:
    made = breaker(10)
    made.observe(0, processed(10, 2, partition=1))
    made.observe(0, processed(20, 1, partition=2))
    assert made.observe(0, [*processed(9, 9), *processed(4, 0, partition=1)]) == {P0}
    assert made.open == {P0}


def test_an_open_partition_is_paused_until_its_probe_is_due() -> None:
    made = opened()
    assert made.paused(4.9) == {P0}
    assert made.paused(5.0) == frozenset()


def test_what_was_fetched_of_a_paused_partition_is_read_again_later() -> None:
    made = opened()
    other = record(3, partition=1)
    admitted, read_again = made.admit([record(10), other, record(11)])
    assert admitted == [other]
    assert read_again == {P0: 10}


def test_the_probe_is_one_record() -> None:
    made = opened()
    made.paused(5)
    admitted, read_again = made.admit([record(10), record(11), record(12)])
    assert admitted == [record(10)]
    assert read_again == {P0: 11}
    assert made.paused(5) == {P0}, "until its result is known"


def test_it_closes_when_the_probe_succeeds() -> None:
    made = opened()
    made.paused(5)
    made.admit([record(10)])
    assert made.observe(5, processed(1, 0, first=10)) == frozenset()
    assert made.open == made.paused(5) == frozenset()


def test_a_failed_probe_is_followed_by_the_next_after_the_interval() -> None:
    made = opened()
    made.paused(5)
    made.admit([record(10)])
    made.observe(6, processed(1, 1, first=10))
    assert made.paused(10.9) == {P0}
    assert made.paused(11) == frozenset()


def test_a_failed_probe_of_an_outside_producer_is_followed_by_the_next_at_once() -> None:
    made = opened()
    made.paused(5)
    made.admit([record(10, source=None)])
    made.observe(6, processed(1, 1, first=10, source=None))
    assert made.paused(6) == frozenset()
    assert made.open == {P0}


def test_results_of_records_that_were_in_flight_are_no_probes() -> None:
    made = opened()
    made.paused(5)
    made.admit([record(10)])
    made.observe(5, processed(1, 0, first=9))
    assert made.open == {P0}


def test_a_new_session_reads_the_probe_again() -> None:
    made = opened()
    made.paused(5)
    made.admit([record(10)])
    made.forget_probes()
    assert made.paused(6) == frozenset()
    assert made.admit([record(10)]) == ([record(10)], {P0: 11})


def test_a_partition_of_another_member_is_forgotten() -> None:
    made = opened()
    made.forget({P0, P1})
    assert made.open == frozenset()


def test_a_full_window_is_needed_to_open_again() -> None:
    made = opened()
    made.forget({P0})
    assert made.observe(0, processed(9, 9)) == frozenset()
    assert made.observe(0, processed(1, 1)) == {P0}
