"""Backoff: how long to wait between the attempts of a call that fails."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta


@dataclass(frozen=True, slots=True)
class Backoff:
    """A fixed schedule: `delays[n - 1]` is the wait after the n-th failed attempt."""

    delays: tuple[timedelta, ...]

    @property
    def attempts_max(self) -> int:
        """How many attempts are made in all: the first, and one after each delay."""
        return len(self.delays) + 1

    def next_attempt_at(self, attempts: int, at: datetime) -> datetime | None:
        """Return when to try again after `attempts` attempts, the last of which failed at `at`.

        None when there are no attempts left, and for a number of attempts that was never reached (below 1).
        """
        if not 1 <= attempts < self.attempts_max:
            return None
        return at + self.delays[attempts - 1]
