"""Lets loops that look for work rest while nothing is written, where all writes are made by this process."""

from __future__ import annotations

import asyncio


class WriteActivity:
    """Counts the transactions that wrote something."""

    def __init__(self) -> None:
        self.writes = 0
        self._written = asyncio.Event()

    def note(self) -> None:
        """Say that something was written."""
        self.writes += 1
        self._written.set()
        self._written = asyncio.Event()

    async def wait(self, seen: int, stop: asyncio.Event, seconds_max: float) -> None:
        """Return when something is written after the first `seen` writes, at `stop`, or when time is up."""
        if self.writes != seen:
            return
        waiting = [asyncio.ensure_future(event.wait()) for event in (self._written, stop)]
        try:
            await asyncio.wait(waiting, timeout=seconds_max, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for task in waiting:
                task.cancel()
