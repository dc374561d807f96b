"""uvicorn's protocol, with the head and the body of a response written as one piece.

uvicorn writes them apart: two system calls and two packets for each response, a good part of what a small one
costs. ADR 11 has the figures.
"""

from __future__ import annotations

import asyncio
from typing import Any

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol


class CoalescingProtocol(HttpToolsProtocol):
    """Wraps each connection's transport in a `CoalescingTransport`."""

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(CoalescingTransport(transport, self.loop))


class CoalescingTransport(asyncio.Transport):
    """Joins two writes of one iteration of the event loop; a single write is sent when the iteration ends."""

    def __init__(self, transport: asyncio.Transport, loop: asyncio.AbstractEventLoop) -> None:
        super().__init__()
        self._transport = transport
        self._loop = loop
        self._pending = b""

    def write(self, data: Any) -> None:
        if self._pending:
            pending, self._pending = self._pending, b""
            self._transport.write(pending + data)
        else:
            self._pending = data
            self._loop.call_soon(self._flush)

    def _flush(self) -> None:
        if self._pending:
            pending, self._pending = self._pending, b""
            self._transport.write(pending)

    def close(self) -> None:
        self._flush()
        self._transport.close()

    def is_closing(self) -> bool:
        return self._transport.is_closing()

    def pause_reading(self) -> None:
        self._transport.pause_reading()

    def resume_reading(self) -> None:
        self._transport.resume_reading()

    def set_protocol(self, protocol: asyncio.BaseProtocol) -> None:
        self._transport.set_protocol(protocol)

    def get_extra_info(self, name: str, default: Any = None) -> Any:
        return self._transport.get_extra_info(name, default)
