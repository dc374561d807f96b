"""How many calls a vendor takes in a minute and in a day, counted by the process that makes them."""

from __future__ import annotations

from collections import deque
from datetime import UTC, date, datetime
from typing import Final, NamedTuple

from shared.integrations.vendor_replies import until_s

_MINUTE_S: Final = 60.0


class QuotaReached(NamedTuple):
    """No further call may be made for `ends_in_s` seconds, because of `reason`."""

    reason: str
    ends_in_s: float


class CallQuota:
    """Counts calls against `per_minute` (a sliding window) and `per_day` (days in UTC)."""

    def __init__(self, per_minute: int | None = None, per_day: int | None = None) -> None:
        self._per_minute, self._per_day = per_minute, per_day
        self._called_at_s: deque[float] = deque(maxlen=self._per_minute or 1)
        self._day: date | None = None
        self._called_today = 0

    def count(self, now: datetime, monotonic_s: float) -> QuotaReached | None:
        """Count a call that was made now; return the quota that it used up, if it did."""
        today = now.astimezone(UTC).date()
        self._called_today = self._called_today + 1 if today == self._day else 1
        self._day = today
        self._called_at_s.append(monotonic_s)
        if self._per_day is not None and self._called_today >= self._per_day:
            return QuotaReached(f"its {self._per_day} calls of a day are made", until_s("next_day", now))
        if self._per_minute is None or len(self._called_at_s) < self._per_minute:
            return None
        ends_in_s = self._called_at_s[0] + _MINUTE_S - monotonic_s
        return (
            QuotaReached(f"its {self._per_minute} calls of a minute are made", ends_in_s)
            if ends_in_s > 0
            else None
        )
