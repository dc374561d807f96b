"""One HTTP/1.1 connection over which one POST at a time is made; llhttp parses the responses.

A response is kept as little as a webhook needs: its status, `Retry-After`, and the first bytes of its body.
What a server may send is bounded: the head of a response, and what is kept of its body. A body that goes on
beyond that ends the connection.

Errors:

    ConnectionError
    └── ResponseLost        the connection ended before the head of a response had come
    ValueError
    └── ResponseMalformed   what came is not HTTP, or its head is too large
"""

from __future__ import annotations

import asyncio
from typing import Final, cast

import httptools

_HEAD_BYTES_MAX: Final = 64 * 1024


class ResponseLost(ConnectionError):
    """The connection ended before the head of a response had come."""


class ResponseMalformed(ValueError):
    """What came is not HTTP, or its head is too large."""


class PartialResponse:
    """As much of a response as has come; `status` is None until its head is complete.

    The parser calls the `on_` methods.
    """

    __slots__ = (
        "_body_bytes_max",
        "_head_bytes",
        "_parser",
        "body",
        "complete",
        "keeps_alive",
        "retry_after",
        "status",
    )

    def __init__(self, body_bytes_max: int) -> None:
        self._parser = httptools.HttpResponseParser(self)
        self.status: int | None = None
        self.retry_after: str | None = None
        self.body = b""
        self.complete = False
        self.keeps_alive = False
        self._body_bytes_max = body_bytes_max
        self._head_bytes = 0

    @property
    def is_enough(self) -> bool:
        """Whether nothing of the rest would be kept."""
        return self.complete or len(self.body) >= self._body_bytes_max

    def feed(self, data: bytes) -> None:
        """Parse more bytes of the response. Raises `ResponseMalformed`."""
        try:
            self._parser.feed_data(data)
        except httptools.HttpParserUpgrade:
            self.complete = True
        except httptools.HttpParserError as error:
            raise ResponseMalformed(str(error)) from error
        if self.status is None:
            self._bound_head(data)

    def _bound_head(self, part: bytes) -> None:
        self._head_bytes += len(part)
        if self._head_bytes > _HEAD_BYTES_MAX:
            raise ResponseMalformed("the head is too large")

    def on_header(self, name: bytes, value: bytes) -> None:
        self._bound_head(value)
        if name.lower() == b"retry-after":
            self.retry_after = value.decode("latin-1")

    def on_headers_complete(self) -> None:
        status = self._parser.get_status_code()
        # 1xx responses precede the one that counts.
        self.status = None if 100 <= status < 200 and status != 101 else status

    def on_body(self, chunk: bytes) -> None:
        if (room := self._body_bytes_max - len(self.body)) > 0:
            self.body += chunk[:room]

    def on_message_complete(self) -> None:
        # Two responses to one request: the connection is of no use any more.
        self.keeps_alive = self._parser.should_keep_alive() and not self.complete
        self.complete = self.status is not None


class HttpConnection(asyncio.Protocol):
    """Made by the event loop; `is_reusable` tells whether another POST may be made."""

    def __init__(self) -> None:
        self._response: PartialResponse | None = None
        self._enough: asyncio.Future[None] | None = None
        self.is_reusable = False
        self.idle_since_s = 0.0

    async def post(self, head: bytes, body: bytes, response: PartialResponse) -> None:
        """Send a request; return when enough of its response has come. Raises the errors above.

        Until this has returned without an error, the connection is not reusable.
        """
        self.is_reusable = False
        self._response = response
        self._enough = asyncio.get_running_loop().create_future()
        self._transport.writelines((head, body))
        try:
            await self._enough
        finally:
            self._response = self._enough = None
        # A server may answer before it has read the request, and then says nothing of the next one.
        is_sent = self._transport.get_write_buffer_size() == 0
        self.is_reusable = response.keeps_alive and is_sent and not self._transport.is_closing()

    def abort(self) -> None:
        """End the connection without waiting for the other side."""
        self.is_reusable = False
        self._transport.abort()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)  # uvloop has its own class
        self.is_reusable = True

    def data_received(self, data: bytes) -> None:
        if self._response is None or self._enough is None or self._enough.done():
            self.abort()  # nobody asked
            return
        try:
            self._response.feed(data)
        except ResponseMalformed as error:
            self._end(error)
        else:
            if self._response.is_enough:
                self._enough.set_result(None)

    def connection_lost(self, error: Exception | None) -> None:
        self.is_reusable = False
        self._end(ResponseLost(str(error or "closed")))

    def _end(self, error: Exception) -> None:
        """Raise the error where the response is awaited; a response whose status has come is cut instead."""
        if self._response is None or self._enough is None or self._enough.done():
            return
        if self._response.status is None:
            self._enough.set_exception(error)
        else:
            self._enough.set_result(None)
