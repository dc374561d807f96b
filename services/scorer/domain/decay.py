"""How points change with the age of a fact: step functions, exact to the microsecond, without floating point.

A line of a score is a whole number, so its points over time are a step function. It is computed once per
rule, and reading it is a binary search. So the score at an instant and the instant of its next change agree
exactly, which timers rely on.
"""

from __future__ import annotations

from bisect import bisect_right
from dataclasses import dataclass
from datetime import timedelta
from decimal import Decimal, localcontext
from fractions import Fraction
from functools import lru_cache

_MICROSECOND = timedelta(microseconds=1)


@dataclass(frozen=True, slots=True)
class PointsCurve:
    """Points by age: `values[i]` holds up to `ages[i]`, from which on it is `values[i + 1]`."""

    ages: tuple[timedelta, ...]
    values: tuple[int, ...]

    def points_at(self, age: timedelta) -> int:
        """Return the points at that age; a negative age belongs to a fact in the future."""
        return self.values[bisect_right(self.ages, age)]

    def next_step(self, age: timedelta) -> int:
        """Return the index in `ages` of the first step after that age, `len(ages)` when there is none."""
        return bisect_right(self.ages, age)


@lru_cache(maxsize=4_096)
def half_life_curve(points: int, half_life: timedelta) -> PointsCurve:
    """Return `points * 2 ** (-age / half_life)`, rounded half up; `points` before age zero."""
    span = half_life // _MICROSECOND
    ages = (last_age_at(left, points, span) + 1 for left in range(points, 0, -1))
    return PointsCurve(tuple(age * _MICROSECOND for age in ages), tuple(range(points, -1, -1)))


@lru_cache(maxsize=4_096)
def ramp_curve(points: int, rises: timedelta, ends: timedelta) -> PointsCurve:
    """Return points that rise linearly over `rises` up to age zero, stay full, and are 0 from `ends` on."""
    span = rises // _MICROSECOND
    climb = (-((1 - 2 * reached) * span // (2 * points)) - span for reached in range(1, points + 1))
    ages = (*(age * _MICROSECOND for age in climb), ends)
    return PointsCurve(ages, (*range(points + 1), 0))


def last_age_at(left: int, points: int, half_life_us: int) -> int:
    """Return the last age (microseconds) at which `points` have decayed to `left`, rounded half up.

    From `points * 2 ** (-age / half_life) >= left - 1/2` follows that it is the floor of
    `half_life * log2(points / (left - 1/2))`. The logarithm of a rational number to base 2 is either an
    integer or transcendental (Gelfond-Schneider), so with enough digits the product lies clearly on one side
    of a whole microsecond.
    """
    ratio = Fraction(2 * points, 2 * left - 1)
    # A power of two has an exact logarithm; no number of digits would separate it from a whole one.
    if ratio.denominator == 1 and ratio.numerator & (ratio.numerator - 1) == 0:
        return half_life_us * (ratio.numerator.bit_length() - 1)
    digits = 40
    while True:
        with localcontext() as context:
            context.prec = digits
            logarithm = (Decimal(ratio.numerator) / ratio.denominator).ln() / Decimal(2).ln()
            age = half_life_us * logarithm
            error = (age + 1).scaleb(5 - digits)
            low, high = int(age - error), int(age + error)
        if low == high:
            return low
        digits *= 2
