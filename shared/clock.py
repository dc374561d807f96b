"""The clock is injected: nothing in Baton reads the wall clock except through a `Clock`.

`BATON_CLOCK_FILE`, when set, names a file that holds an offset in seconds (may be negative or have a
fraction). It is added to every reading and read again each second, so that tests and
demos can move the time of a running process.
"""

from __future__ import annotations

import contextlib
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Protocol


class Clock(Protocol):
    """A source of the current time."""

    def now(self) -> datetime:
        """Return the current time, aware, in UTC."""
        ...


class SystemClock:
    """The machine's clock, plus the offset of a clock file if there is one."""

    def __init__(self, offset_file: Path | None = None) -> None:
        self._file = offset_file
        self._offset = timedelta()
        self._next_read = 0.0

    def now(self) -> datetime:
        if self._file is not None and time.monotonic() >= self._next_read:
            self._next_read = time.monotonic() + 1.0
            # A file that is absent or half written keeps the offset that was last read.
            with contextlib.suppress(OSError, ValueError, OverflowError):
                self._offset = timedelta(seconds=float(self._file.read_text(encoding="utf-8").strip() or 0))
        return datetime.now(UTC) + self._offset
