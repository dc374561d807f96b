"""How points change as time passes: exact steps on whole microseconds, no floating point.

A line of a score is a whole number, so what it does over time is a staircase. It is computed once per rule;
reading it is a search. So a score, and the instant at which it changes next, agree to the microsecond.
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
class Course:
    """Points by age: `values[i]` holds until `ages[i]`, from which on it is `values[i + 1]`."""

    ages: tuple[timedelta, ...]
    values: tuple[int, ...]

    def worth(self, age: timedelta) -> int:
        """Return the points at that age; an age below zero is a fact that lies ahead."""
        return self.values[bisect_right(self.ages, age)]

    def step_after(self, age: timedelta) -> int:
        """Return which of `ages` is the first after that age; `len(ages)` when none is."""
        return bisect_right(self.ages, age)


@lru_cache(maxsize=4_096)
def halving(points: int, half_life: timedelta) -> Course:
    """Return the course of points that halve every `half_life`, rounded half up; full before age zero."""
    span = half_life // _MICROSECOND
    ages = (_last_age_worth(left, points, span) + 1 for left in range(points, 0, -1))
    return Course(tuple(age * _MICROSECOND for age in ages), tuple(range(points, -1, -1)))


@lru_cache(maxsize=4_096)
def rising(points: int, rises: timedelta, ends: timedelta) -> Course:
    """Return the course of points that rise in a line over `rises` to full at age zero, gone at `ends`."""
    span = rises // _MICROSECOND
    climb = (-((1 - 2 * reached) * span // (2 * points)) - span for reached in range(1, points + 1))
    ages = (*(age * _MICROSECOND for age in climb), ends)
    return Course(ages, (*range(points + 1), 0))


def _last_age_worth(left: int, points: int, half_life_us: int) -> int:
    """Return the last age (microseconds) at which `points` are still worth `left` when rounded half up.

    That is the floor of `half_life * log2(points / (left - 1/2))`. The logarithm is a whole number or has no
    last digit (it is transcendental), so enough digits always decide on which side of a microsecond it lies.
    """
    ratio = Fraction(2 * points, 2 * left - 1)
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
