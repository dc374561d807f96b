"""The log of calls: what the stub providers were asked and what they billed."""

from __future__ import annotations

from collections import deque
from datetime import datetime
from typing import Final

from pydantic import BaseModel

CALLS_KEPT_MAX: Final = 10_000


class LoggedCall(BaseModel):
    """One call. `key` is the domain or address asked about, `billed` is in cents.

    `status` is null for a call that got no answer.
    """

    provider: str
    path: str
    key: str
    at: datetime
    status: int | None
    matched: bool
    billed: int


class CallTotals(BaseModel):
    """Calls, matches and cents of one provider since the start."""

    calls: int = 0
    matches: int = 0
    billed: int = 0


class CallReport(BaseModel):
    """The latest calls, oldest first, and the totals by provider."""

    data: list[LoggedCall]
    totals: dict[str, CallTotals]


class CallLog:
    """Keeps the latest calls, and the totals of all of them."""

    def __init__(self) -> None:
        self._latest: deque[LoggedCall] = deque(maxlen=CALLS_KEPT_MAX)
        self._totals: dict[str, CallTotals] = {}

    def add(self, call: LoggedCall) -> None:
        self._latest.append(call)
        totals = self._totals.setdefault(call.provider, CallTotals())
        totals.calls += 1
        totals.matches += call.matched
        totals.billed += call.billed

    def report(self, limit: int = CALLS_KEPT_MAX) -> CallReport:
        """Return the latest `limit` calls, and the totals of all."""
        latest = list(self._latest)
        return CallReport(
            data=latest[max(0, len(latest) - limit) :], totals=dict(sorted(self._totals.items()))
        )
