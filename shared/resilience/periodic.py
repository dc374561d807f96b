"""Periodic work: call a step again and again, with its failures in readiness, until the process stops."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

from shared.errors import Retry
from shared.web.ops import Health

_RETRY_S = 2.0


async def repeat(
    name: str, step: Callable[[], Awaitable[bool]], *, every_s: float, stop: asyncio.Event, health: Health
) -> None:
    """Call `step` until `stop`: again at once while it returns True, else after `every_s` seconds.

    `Retry` makes the check `name` of readiness fail until the step works again; any other error is raised
    and ends the process.
    """
    while not stop.is_set():
        wait_s = every_s
        try:
            if await step():
                wait_s = 0.0
            health.set(name, ok=True, detail="")
        except Retry as error:
            health.report_retry(name, str(error))
            wait_s = _RETRY_S
        await pause(stop, wait_s)


async def pause(stop: asyncio.Event, seconds: float) -> None:
    """Sleep for `seconds`, or until `stop` is set."""
    try:
        async with asyncio.timeout(seconds):
            await stop.wait()
    except TimeoutError:
        return
