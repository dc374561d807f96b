"""What the stub providers were asked and what they billed."""

from __future__ import annotations

from collections import deque
from datetime import datetime
from typing import Final

from msgspec import Struct

KEPT_MAX: Final = 10_000


class Call(Struct, frozen=True):
    """One question. `billed` is in cents; `status` is None for a call that got no answer."""

    provider: str
    path: str
    key: str
    at: datetime
    status: int | None
    matched: bool
    billed: int


class Totals(Struct):
    """Calls, matches and cents of one provider, since the start."""

    calls: int = 0
    matches: int = 0
    billed: int = 0


class Report(Struct, frozen=True):
    """The latest calls, oldest first, and the totals by provider."""

    data: list[Call]
    totals: dict[str, Totals]


class Calls:
    """The record of calls: the latest in full, all of them in the totals."""

    def __init__(self) -> None:
        self._latest: deque[Call] = deque(maxlen=KEPT_MAX)
        self._totals: dict[str, Totals] = {}

    def add(self, call: Call) -> None:
        self._latest.append(call)
        totals = self._totals.setdefault(call.provider, Totals())
        totals.calls += 1
        totals.matches += call.matched
        totals.billed += call.billed

    def report(self, limit: int = KEPT_MAX) -> Report:
        """Return the latest `limit` calls, and the totals of all."""
        latest = list(self._latest)
        return Report(latest[max(0, len(latest) - limit) :], dict(sorted(self._totals.items())))
