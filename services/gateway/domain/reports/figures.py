"""A figure of a report: its value, what it is made of, what it would need, and how it compares. Pure."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from importlib import resources
from typing import Any, Final, Literal

import msgspec
from msgspec import Struct

Verdict = Literal["below", "within", "above"]
Unit = Literal["share", "number", "usd", "days", "seconds", "times"]

ENOUGH: Final = 10
"""How many cases a share needs before it is compared with a range: one of one is 100 % of nothing much."""


class HealthyRange(Struct, frozen=True):
    """What is usual in the field, both ends included; None where there is no end. `source` is who says so."""

    source: str
    lowest: float | None = msgspec.field(name="from", default=None)
    highest: float | None = msgspec.field(name="to", default=None)

    def verdict(self, value: float) -> Verdict:
        """Return how a value compares with the range."""
        if self.lowest is not None and value < self.lowest:
            return "below"
        return "above" if self.highest is not None and value > self.highest else "within"


class Figure(Struct, frozen=True):
    """A value, or what it `needs` to have one; `n` is the number of cases that it is made of.

    `verdict` compares it with `healthy`; it is None without a value or a range, or with too few cases. `note`
    says what a reader of the value has to know.
    """

    value: float | None
    unit: Unit
    n: int | None = None
    needs: str | None = None
    healthy: HealthyRange | None = None
    verdict: Verdict | None = None
    note: str | None = None


_FILE: Final = resources.files(__package__).joinpath("healthy_ranges.toml")
HEALTHY: Final[Mapping[str, HealthyRange]] = msgspec.convert(
    tomllib.loads(_FILE.read_text(encoding="utf-8")), dict[str, HealthyRange]
)
"""The usual ranges of figures, by name."""


def figure(
    value: float | None,
    unit: Unit,
    *,
    needs: str,
    n: int | None = None,
    healthy: str | None = None,
    note: str | None = None,
) -> Figure:
    """Return a figure; `needs` says what is missing where `value` is None, `healthy` names its range."""
    usual = HEALTHY[healthy] if healthy is not None else None
    if value is None:
        return Figure(None, unit, n, needs, usual, None, note)
    is_enough = n is None or n >= ENOUGH
    verdict = usual.verdict(value) if usual is not None and is_enough else None
    return Figure(round(value, 3), unit, n, None, usual, verdict, note)


def share(part: int, whole: int, *, needs: str, healthy: str | None = None) -> Figure:
    """Return which share `part` is of `whole` cases; without any, the figure needs what `needs` says."""
    return figure(part / whole if whole > 0 else None, "share", needs=needs, n=max(whole, 0), healthy=healthy)


def percent(value: float) -> str:
    """Return a share for people, e.g. `31 %`."""
    return f"{value:.0%}".replace("%", " %")


def counted(counts: Mapping[str, Any], name: str) -> int:
    """Return a count of a row of counters, 0 where there is none."""
    return int(counts.get(name) or 0)
