"""What a client may hold of an HTTP server: connections, time, header bytes and bytes of unfinished bodies.

uvicorn bounds none of them. `LimitedProtocol` is its protocol with the callbacks of asyncio and of the parser
extended; it reports to the `ConnectionLimiter` of its server what each connection waits for.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum
from http import HTTPStatus
from typing import Any, ClassVar

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from shared.errors import Reject
from shared.web.problem import from_reject

_MIB = 1024 * 1024
_LINGER_S = 5.0
"""How long a client that was refused may go on sending: closing at once would take the answer from it."""
_CHECK_S_MAX = 1.0
_FRAMING_PER_BYTE = 8
_RETRY_AFTER_S = "5"
ABORT = "baton.abort"
"""The name of the ASGI extension that is a function: it ends the connection at once."""


@dataclass(frozen=True, slots=True)
class ConnectionLimits:
    """The bounds of one server. `headers_s` counts from the first byte of a request, `body_s` from its body.

    `idle_s` is how long a connection may wait for a request, `unfinished_bytes` what all bodies that are not
    complete may hold together.
    """

    header_bytes: int = 64 * 1024
    headers_s: float = 10.0
    body_s: float = 30.0
    idle_s: float = 75.0
    unfinished_bytes: int = 64 * _MIB
    connections: int = 8_000


class WaitsFor(Enum):
    """What a connection waits for."""

    REQUEST = "a request"
    HEADERS = "the rest of the headers"
    BODY = "the rest of the body"
    RESPONSE = "the application"
    REFUSED = "the client to close it"


_FIRST_DROPPED = (WaitsFor.REQUEST, WaitsFor.REFUSED, WaitsFor.HEADERS, WaitsFor.BODY)


class ConnectionLimiter:
    """Holds the connections of a server to their limits. `now` returns seconds.

    When there are too many connections the one that has been idle longest is dropped, else the one that has
    been sending its request longest. When unfinished bodies hold too many bytes, the oldest one is refused: a
    client that means well is done in moments.
    """

    def __init__(self, limits: ConnectionLimits, now: Callable[[], float]) -> None:
        self.limits = limits
        self._now = now
        self._waits_for: dict[LimitedProtocol, WaitsFor] = {}
        # In each the connections are in the order in which they came into the phase.
        self._since: dict[WaitsFor, dict[LimitedProtocol, float]] = {phase: {} for phase in WaitsFor}
        self._unfinished: dict[LimitedProtocol, int] = {}
        self._unfinished_bytes = 0

    @property
    def check_every_s(self) -> float:
        """How often `expire` is to be called."""
        limits = self.limits
        return min(_CHECK_S_MAX, limits.headers_s / 4, limits.body_s / 4, limits.idle_s / 4)

    def enter(self, connection: LimitedProtocol, phase: WaitsFor) -> None:
        """Note that a connection, maybe a new one, waits for something from now on."""
        before = self._waits_for.get(connection)
        if before is phase:
            return
        if before is not None:
            del self._since[before][connection]
        self._waits_for[connection] = phase
        self._since[phase][connection] = self._now()
        if before is None and len(self._waits_for) > self.limits.connections:
            self._drop_one(connection)

    def forget(self, connection: LimitedProtocol) -> None:
        """Note that a connection is closed."""
        phase = self._waits_for.pop(connection, None)
        if phase is not None:
            del self._since[phase][connection]
        self.finish_body(connection)

    def add_body(self, connection: LimitedProtocol, size: int) -> None:
        """Note that more of a body has arrived; refuse the oldest bodies when all hold too much."""
        self._unfinished[connection] = self._unfinished.get(connection, 0) + size
        self._unfinished_bytes += size
        while self._unfinished_bytes > self.limits.unfinished_bytes:
            oldest = next(iter(self._unfinished))
            self.finish_body(oldest)
            oldest.refuse(
                Reject(
                    503,
                    "busy",
                    "The service is busy",
                    "Too many requests are being sent at once; send this one again later",
                    headers=(("retry-after", _RETRY_AFTER_S),),
                )
            )

    def finish_body(self, connection: LimitedProtocol) -> None:
        """Note that a body is complete or given up."""
        self._unfinished_bytes -= self._unfinished.pop(connection, 0)

    def expire(self) -> None:
        """Refuse requests that take too long to arrive, and close connections that are idle too long."""
        limits = self.limits
        for connection in self._expired(WaitsFor.REQUEST, limits.idle_s):
            connection.close()
        for connection in self._expired(WaitsFor.REFUSED, _LINGER_S):
            connection.abort()
        for phase, limit_s in ((WaitsFor.HEADERS, limits.headers_s), (WaitsFor.BODY, limits.body_s)):
            for connection in self._expired(phase, limit_s):
                detail = f"The request did not arrive within {limit_s:g} s"
                connection.refuse(Reject(408, "request-timeout", "The request took too long", detail))

    def _expired(self, phase: WaitsFor, limit_s: float) -> list[LimitedProtocol]:
        until = self._now() - limit_s
        expired = []
        for connection, since in self._since[phase].items():
            if since > until:
                break
            expired.append(connection)
        return expired

    def _drop_one(self, newest: LimitedProtocol) -> None:
        """Drop the connection that waits longest for its client; the newest if none other does."""
        waiting = (
            connection
            for phase in _FIRST_DROPPED
            for connection in self._since[phase]
            if connection is not newest
        )
        next(waiting, newest).abort()


class LimitedProtocol(HttpToolsProtocol):
    """A connection of uvicorn, held to the limits of `limiter`, which each server sets in a subclass."""

    limiter: ClassVar[ConnectionLimiter]

    def __init__(self, *arguments: Any, **named: Any) -> None:
        super().__init__(*arguments, **named)
        self._header_bytes = 0
        self._body_bytes = 0
        self._in_message = False
        self._in_headers = False
        self._responses_due = 0
        self._refused = False

    def connection_made(self, transport: Any) -> None:
        super().connection_made(transport)
        self.limiter.enter(self, WaitsFor.REQUEST)

    def connection_lost(self, exc: Exception | None) -> None:
        self.limiter.forget(self)
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        limit = self.limiter.limits.header_bytes
        while data and not self._refused:
            # `_header_bytes` counts what is no body: headers, and the framing and trailers of chunks. A chunk
            # of a single byte takes six.
            room = limit + _FRAMING_PER_BYTE * self._body_bytes - self._header_bytes
            part, data = data[:room], data[room:]
            self._header_bytes += len(part)
            super().data_received(part)
            if self._header_bytes >= limit + _FRAMING_PER_BYTE * self._body_bytes:
                detail = f"{limit} bytes are allowed"
                self.refuse(Reject(431, "headers-too-large", "The headers are too large", detail))
        self._update_phase()

    def on_message_begin(self) -> None:
        self._in_message = self._in_headers = True
        super().on_message_begin()

    def on_headers_complete(self) -> None:
        self._in_headers = False
        self._header_bytes = 0
        self._responses_due += 1
        # An application that streams without end must be able to leave a client that takes nothing.
        extensions: dict[str, Any] = {ABORT: self.abort}
        self.scope["extensions"] = extensions
        super().on_headers_complete()

    def on_body(self, body: bytes) -> None:
        if not self._refused:
            super().on_body(body)
            self._body_bytes += len(body)
            self._header_bytes -= len(body)
            self.limiter.add_body(self, len(body))

    def on_message_complete(self) -> None:
        self._in_message = False
        self._header_bytes = self._body_bytes = 0
        self.limiter.finish_body(self)
        super().on_message_complete()

    def on_response_complete(self) -> None:
        self._responses_due -= 1
        super().on_response_complete()
        self._update_phase()

    def refuse(self, reject: Reject) -> None:
        """Answer with a problem document if nothing else was answered, and end the connection."""
        if self._refused:
            return
        self._refused = True
        self.limiter.finish_body(self)
        is_answerable = self._responses_due == 0 or (
            self._responses_due == 1 and self._in_message and not self.cycle.response_started
        )
        if not is_answerable or self.transport.is_closing():
            self.close()
            return
        self.transport.write(_response(reject))
        if self._responses_due:  # the application reads the body, and learns that no more of it comes
            self.close()
        else:
            self.transport.write_eof()
            self.limiter.enter(self, WaitsFor.REFUSED)

    def close(self) -> None:
        """End the connection once everything that was answered is sent."""
        self.limiter.forget(self)
        self.transport.close()

    def abort(self) -> None:
        """End the connection at once."""
        self.limiter.forget(self)
        self.transport.abort()

    def _update_phase(self) -> None:
        if self._refused or self.transport.is_closing():
            return
        if self._in_message:
            phase = WaitsFor.HEADERS if self._in_headers else WaitsFor.BODY
        else:
            phase = WaitsFor.RESPONSE if self._responses_due else WaitsFor.REQUEST
        self.limiter.enter(self, phase)


def limited_protocol(limiter: ConnectionLimiter) -> type[LimitedProtocol]:
    """Return the protocol class of a server with this limiter; uvicorn makes one instance per connection."""
    return type("LimitedProtocol", (LimitedProtocol,), {"limiter": limiter})


def _response(reject: Reject) -> bytes:
    status, headers, body = from_reject(reject)
    lines = [f"HTTP/1.1 {status} {HTTPStatus(status).phrase}"]
    lines += [f"{name}: {value}" for name, value in headers]
    lines += [f"content-length: {len(body)}", "connection: close", "", ""]
    return "\r\n".join(lines).encode() + body
