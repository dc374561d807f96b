"""Points by age: the half-life curve and the ramp to a day, as step functions of whole points."""

from __future__ import annotations

from datetime import timedelta

import pytest

from services.scorer.domain.decay import half_life_curve, ramp_curve

DAY = timedelta(days=1)
TICK = timedelta(microseconds=1)


def test_points_are_half_after_each_half_life() -> None:
    curve = half_life_curve(40, 10 * DAY)
    assert [curve.points_at(age * DAY) for age in (0, 10, 20, 30, 40, 50, 60)] == [40, 20, 10, 5, 3, 1, 1]


def test_half_a_point_is_rounded_up_and_less_is_no_point() -> None:
    curve = half_life_curve(2, 3 * DAY)
    assert curve.points_at(6 * DAY) == 1
    assert curve.points_at(6 * DAY + TICK) == 0
    assert half_life_curve(1, 3 * DAY).points_at(3 * DAY) == 1
    assert half_life_curve(1, 3 * DAY).points_at(3 * DAY + TICK) == 0


def test_a_fact_in_the_future_has_all_its_points() -> None:
    assert half_life_curve(90, 14 * DAY).points_at(-DAY) == 90


@pytest.mark.parametrize(
    ("days", "points"),
    [(-91, 0), (-90, 0), (-45, 25), (-1, 49), (0, 50), (29, 50), (30, 0), (400, 0)],
)
def test_an_expiry_rises_to_its_day_and_ends_after_it(days: int, points: int) -> None:
    assert ramp_curve(50, 90 * DAY, 30 * DAY).points_at(days * DAY) == points


def test_a_rise_begins_at_the_first_half_point() -> None:
    curve = ramp_curve(50, 90 * DAY, 30 * DAY)
    first = -90 * DAY + 90 * DAY / 100
    assert (curve.points_at(first - TICK), curve.points_at(first)) == (0, 1)
