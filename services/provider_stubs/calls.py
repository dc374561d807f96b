"""What the stub providers were asked and what they billed."""

from __future__ import annotations

from collections import Counter, deque
from datetime import datetime
from typing import Final

from msgspec import Struct

KEPT_MAX: Final = 10_000


class Call(Struct, frozen=True):
    """One question. `billed` is in cents; `status` is None for a call that got no answer."""

    provider: str
    key: str
    at: datetime
    status: int | None
    billed: int


class Totals(Struct, frozen=True):
    """Calls and cents of one provider, since the start."""

    calls: int
    billed: int


class Report(Struct, frozen=True):
    """The latest calls, oldest first, and the totals by provider."""

    data: list[Call]
    totals: dict[str, Totals]


class Calls:
    """The record of calls: the latest in full, all of them in the totals."""

    def __init__(self) -> None:
        self._latest: deque[Call] = deque(maxlen=KEPT_MAX)
        self._counts: Counter[str] = Counter()
        self._billed: Counter[str] = Counter()

    def add(self, call: Call) -> None:
        self._latest.append(call)
        self._counts[call.provider] += 1
        self._billed[call.provider] += call.billed

    def report(self) -> Report:
        totals = {name: Totals(self._counts[name], self._billed[name]) for name in sorted(self._counts)}
        return Report(list(self._latest), totals)
