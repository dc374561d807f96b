"""Periodic work: call a step again and again, with its failures in readiness, until the process stops."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

from shared.errors import Retry
from shared.health import Health
from shared.storage.write_activity import WriteActivity

REST_S = 10.0
_RETRY_S = 2.0


async def repeat(
    name: str,
    step: Callable[[], Awaitable[bool]],
    *,
    every_s: float,
    stop: asyncio.Event,
    health: Health,
    activity: WriteActivity | None = None,
    due_within: Callable[[float], Awaitable[float]] | None = None,
) -> None:
    """Call `step` until `stop`: again at once while it returns True, else after `every_s` seconds.

    With `activity` it rests first, for at most `REST_S` seconds, while nothing is written.
    `due_within(seconds)` tells how long the rest may be where work becomes due without a write.

    `Retry` makes the check `name` of readiness fail until the step works again; any other error is raised
    and ends the process.
    """
    while not stop.is_set():
        wait_s = every_s
        seen = activity.writes if activity is not None else 0
        try:
            has_more = await step()
            health.set(name, ok=True, detail="")  # before the rest, which is no part of the step
            if has_more:
                wait_s = 0.0
            elif activity is not None and activity.writes == seen:
                rest_s = REST_S if due_within is None else await due_within(REST_S)
                await activity.wait(seen, stop, max(0.0, rest_s - every_s))
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
