"""A consumer that is polled, has records to read and does not advance is stuck."""

from __future__ import annotations

from aiokafka.structs import TopicPartition
from hypothesis import given
from hypothesis import strategies as st

from shared.messaging.kafka.stuck_detector import StuckDetector

A, B = TopicPartition("leads", 0), TopicPartition("leads", 1)
PATIENCE_S = 20.0


def observed(*sightings: tuple[float, int, int]) -> list[bool]:
    """Return what the detector says of (time, position, end) of one partition, in turn."""
    detector = StuckDetector(PATIENCE_S)
    return [detector.observe(at_s, {A: position}, {A: end}) for at_s, position, end in sightings]


def test_a_position_behind_the_end_for_the_whole_patience_is_stuck() -> None:
    assert observed((0, 5, 9), (19.9, 5, 9), (20, 5, 9)) == [False, False, True]


def test_one_observation_is_never_enough() -> None:
    assert observed((1_000, 5, 9)) == [False]


def test_an_advance_starts_the_count_again() -> None:
    assert observed((0, 5, 9), (15, 6, 9), (30, 6, 9), (35, 6, 9)) == [False, False, False, True]


def test_a_consumer_at_the_end_is_idle_and_not_stuck() -> None:
    assert observed((0, 9, 9), (100, 9, 9)) == [False, False]


def test_time_at_the_end_does_not_count_once_records_come() -> None:
    assert observed((0, 9, 9), (100, 9, 10), (110, 9, 10), (120, 9, 10)) == [False, False, False, True]


def test_a_growing_log_does_not_reset_the_count() -> None:
    assert observed((0, 5, 9), (10, 5, 50), (20, 5, 500)) == [False, False, True]


def test_one_stuck_partition_among_healthy_ones_is_enough() -> None:
    detector = StuckDetector(PATIENCE_S)
    ends = {A: 100, B: 100}
    assert not detector.observe(0, {A: 1, B: 1}, ends)
    assert not detector.observe(10, {A: 2, B: 1}, ends)
    assert detector.observe(20, {A: 3, B: 1}, ends)


def test_a_partition_that_was_revoked_and_came_back_counts_from_its_return() -> None:
    detector = StuckDetector(PATIENCE_S)
    detector.observe(0, {A: 1}, {A: 9})
    detector.observe(10, {}, {})
    assert not detector.observe(25, {A: 1}, {A: 9})
    assert detector.observe(45, {A: 1}, {A: 9})


def test_a_partition_whose_end_is_not_known_is_not_behind() -> None:
    detector = StuckDetector(PATIENCE_S)
    assert not detector.observe(0, {A: 1}, {})
    assert not detector.observe(100, {A: 1}, {})


def test_an_unknown_position_that_stays_unknown_is_stuck() -> None:
    """A consumer without a position (-1) while there are records does not fetch them either."""
    assert observed((0, -1, 0), (50, -1, 0)) == [False, True]


def test_forgetting_starts_over() -> None:
    detector = StuckDetector(PATIENCE_S)
    detector.observe(0, {A: 1}, {A: 9})
    detector.forget()
    assert not detector.observe(20, {A: 1}, {A: 9})


@given(st.lists(st.floats(0, 50), min_size=2, max_size=20), st.integers(1, 5))
def test_a_consumer_that_advances_at_every_observation_is_never_stuck(waits: list[float], step: int) -> None:
    at_s, sightings = 0.0, []
    for number, wait_s in enumerate(waits):
        at_s += wait_s
        sightings.append((at_s, number * step, 1_000))
    assert not any(observed(*sightings))
