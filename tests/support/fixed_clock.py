"""A clock that stands still."""

from __future__ import annotations

from datetime import datetime, timedelta


class FixedClock:
    """A `Clock` that only moves when it is advanced."""

    def __init__(self, at: datetime) -> None:
        self.at = at

    def now(self) -> datetime:
        return self.at

    def advance(self, by: timedelta) -> None:
        self.at += by
