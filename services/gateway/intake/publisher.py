"""Publishing with a time limit and a bound on the bytes that wait for the stream."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

from shared.errors import BackOff, Retry
from shared.messaging.port import Outgoing, Sink

WAIT_S = 10.0
WAITING_BYTES_MAX = 64 * 1024 * 1024


class StreamPublisher:
    """Publishes to a sink within `wait_s`, while at most `waiting_bytes_max` bytes wait for the stream.

    One timer a second serves all requests that wait. A timer for each request would be one of the most
    expensive parts of it.
    """

    def __init__(
        self, sink: Sink, *, wait_s: float = WAIT_S, waiting_bytes_max: int = WAITING_BYTES_MAX
    ) -> None:
        self._sink = sink
        self._wait_s = wait_s
        self._free_bytes = waiting_bytes_max
        self._waiting: dict[asyncio.Task[object], float] = {}
        self._late: set[asyncio.Task[object]] = set()
        self._timer: asyncio.TimerHandle | None = None

    async def publish(self, out: Sequence[Outgoing]) -> None:
        """Return when the records are durable. Raises `Retry` when that is not known in time, `DataError`."""
        size = sum([len(record.value) for record in out if record.value])
        if size > self._free_bytes:
            raise BackOff("too much waits for the stream", after_s=self._wait_s)
        task = self._register()
        self._free_bytes -= size
        try:
            await (await self._sink.send(out))
        except asyncio.CancelledError:
            if task not in self._late or task.uncancel() > 0:
                raise  # it is the request that was cancelled
            raise Retry(f"the stream did not acknowledge within {self._wait_s:g} s") from None
        finally:
            self._free_bytes += size
            del self._waiting[task]
            self._late.discard(task)

    def _register(self) -> asyncio.Task[object]:
        task, loop = asyncio.current_task(), asyncio.get_running_loop()
        if task is None:
            raise RuntimeError("publish runs in a task")
        self._waiting[task] = loop.time() + self._wait_s
        if self._timer is None:
            self._start_timer(loop)
        return task

    def _start_timer(self, loop: asyncio.AbstractEventLoop) -> None:
        self._timer = loop.call_later(min(1.0, self._wait_s), self._cancel_late, loop)

    def _cancel_late(self, loop: asyncio.AbstractEventLoop) -> None:
        self._timer = None
        now = loop.time()
        for task, deadline in self._waiting.items():
            if deadline > now:
                break  # the tasks are in the order of their deadlines
            if task not in self._late:
                self._late.add(task)
                task.cancel()
        if self._waiting:
            self._start_timer(loop)
