"""An answer of server-sent events, which goes on until the client, its key or the role ends."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any, Final

import structlog
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from services.gateway.domain.stream_position import position_id
from services.gateway.event_stream.feed import EventFeed
from services.gateway.event_stream.reader import EventReader, ReadBatch, ReaderTooSlow
from shared.errors import Reject, Retry
from shared.web.connection_limits import ABORT

RECONNECT_MS: Final = 2_000

_END_S: Final = 0.5
_RETRY_S: Final = 1.0

log = structlog.get_logger()

Frames = Callable[[ReadBatch], Awaitable[bytes]]
"""Returns the SSE frames of a batch, none for what the client does not want."""


class EventStreamResponse(Response):
    """Sends what `reader` reads. `feed.admit` has counted it for `key_id`; it is released at the end.

    It ends within seconds when `is_allowed` says no, and at once when the role stops. While there is no event
    it sends a comment and the position now and then, so that a client resumes there also when it has heard
    nothing. A client that takes nothing is cut off. The bounds are those of `StreamLimits`.
    """

    media_type = "text/event-stream"

    def __init__(
        self,
        feed: EventFeed,
        reader: EventReader,
        key_id: str,
        *,
        frames: Frames,
        is_allowed: Callable[[], Awaitable[bool]],
    ) -> None:
        self.status_code = 200
        self.background = None
        self._feed = feed
        self._reader = reader
        self._key_id = key_id
        self._frames = frames
        self._is_allowed = is_allowed
        self.init_headers({"cache-control": "no-store", "x-accel-buffering": "no"})

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Send until one of the ends; afterwards nothing of the stream is left."""
        stopping = asyncio.create_task(self._feed.stopping.wait())
        leaving = asyncio.create_task(_disconnected(receive))
        is_head = scope["state"].get("is_head", False)
        writing = asyncio.create_task(self._write(send, stopping, is_head=is_head))
        tasks = (stopping, leaving, writing)
        try:
            await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
            if not leaving.done():
                await asyncio.wait({writing}, timeout=_END_S)
            left = leaving.done()
            failure = writing.exception() if writing.done() else TimeoutError()
            if failure is not None and not left:
                # Closing the connection would wait until the client has taken everything.
                scope["extensions"][ABORT]()
                await asyncio.wait({leaving})
        finally:
            self._feed.release(self._key_id)
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
            await self._reader.close()
        if isinstance(failure, TimeoutError | ReaderTooSlow):
            if not left:
                log.info("event stream cut off, its client does not read", key=self._key_id)
        elif failure is not None:
            raise failure

    async def _write(self, send: Send, stopping: asyncio.Task[Any], *, is_head: bool) -> None:
        await send({"type": "http.response.start", "status": self.status_code, "headers": self.raw_headers})
        if not is_head:
            await self._send(send, b"retry: %d\n%b" % (RECONNECT_MS, self._position()))
            await self._write_events(send, stopping)
        await send({"type": "http.response.body", "body": b"", "more_body": False})

    async def _write_events(self, send: Send, stopping: asyncio.Task[Any]) -> None:
        """Return when the role stops or the key has ended."""
        loop, limits = asyncio.get_running_loop(), self._feed.limits
        checked = sent = loop.time()
        while True:
            reading = asyncio.create_task(self._read(limits.check_s))
            try:
                await asyncio.wait((reading, stopping), return_when=asyncio.FIRST_COMPLETED)
            finally:
                reading.cancel()
            if stopping.done():
                return
            batch = await reading
            body = await self._frames(batch)
            now = loop.time()
            if now - checked >= limits.check_s:
                checked = now
                if not await self._still_allowed():
                    return
            if not body and now - sent >= limits.heartbeat_s:
                body = b": heartbeat\n" + self._position()
            if body:
                await self._send(send, body)
                sent = loop.time()

    async def _read(self, wait_s: float) -> ReadBatch:
        try:
            return await self._reader.read(wait_s)
        except Retry as error:
            log.warning("waiting", what="an event stream", reason=str(error))
            await asyncio.sleep(_RETRY_S)
            return ReadBatch(self._reader.positions)

    async def _still_allowed(self) -> bool:
        try:
            return await self._is_allowed()
        except Reject:
            return False
        except Retry:
            return True  # the database is away: nobody can be told apart now

    def _position(self) -> bytes:
        """Return a frame without data: a client notes its id and tells nobody."""
        return b"id: %b\n\n" % position_id(self._reader.positions).encode()

    async def _send(self, send: Send, body: bytes) -> None:
        async with asyncio.timeout(self._feed.limits.send_s):
            await send({"type": "http.response.body", "body": body, "more_body": True})


async def _disconnected(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass
