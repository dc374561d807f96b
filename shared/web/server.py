"""An HTTP server within a role's event loop: started, stopped, and clear about a busy port."""

from __future__ import annotations

import asyncio
import errno
import socket
from collections.abc import Iterator
from contextlib import contextmanager

import uvicorn
from starlette.types import ASGIApp

from shared.errors import Crash
from shared.settings import SettingsError, variable
from shared.web.write_coalescing import CoalescingProtocol

_BACKLOG = 2048


class HttpServer:
    """Serves one ASGI application on `host` and `port` (0: any free one).

    `port_field` is the field of the settings that the port came from; a busy port is an error that names
    its variable. `drain_s` is how long `stop` lets open requests finish.
    """

    def __init__(self, app: ASGIApp, *, host: str, port: int, port_field: str, drain_s: int = 10) -> None:
        self._host = host
        self._port = port
        self._port_field = port_field
        # `log_config=None`: its lines go where all others go. `proxy_headers=False`: nobody asks for the
        # client's address or scheme, so what a proxy says of them need not be read.
        config = uvicorn.Config(
            app,
            http=CoalescingProtocol,
            log_config=None,
            access_log=False,
            server_header=False,
            proxy_headers=False,
            timeout_graceful_shutdown=drain_s,
        )
        self._server = _EmbeddedServer(config)
        self._serving: asyncio.Task[None] | None = None

    @property
    def port(self) -> int:
        """The port that it listens on, once started."""
        return self._port

    async def start(self) -> None:
        """Return when it serves. Raises `SettingsError` when host and port cannot be had."""
        listener = self._listen()
        self._port = listener.getsockname()[1]
        self._serving = asyncio.create_task(self._serve(listener), name=f"http server on {self._port}")
        await self._server.start_ended.wait()
        if not self._server.started:
            await self._serving

    async def stop(self) -> None:
        """Take no new requests, let the open ones finish, and return."""
        if self._serving is None:
            return
        self._server.should_exit = True
        await self._serving
        self._serving = None

    def _listen(self) -> socket.socket:
        try:
            found = socket.getaddrinfo(
                self._host, self._port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
            )
            family, _, _, _, address = found[0]
            listener = socket.create_server(address[:2], family=family, backlog=_BACKLOG)
        except OSError as refused:
            field = self._port_field if refused.errno in {errno.EADDRINUSE, errno.EACCES} else "http_host"
            reason = refused.strerror or str(refused)
            problem = f"{variable(field)}: cannot listen on {self._host}:{self._port}: {reason}"
            raise SettingsError((problem,)) from refused
        # Connections inherit it; without it, plain asyncio answers each request 40 ms late.
        listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        return listener

    async def _serve(self, listener: socket.socket) -> None:
        try:
            await self._server.serve(sockets=[listener])
        except SystemExit as stopped:
            # A failed start of the application; its cause is in the log.
            raise Crash("the application did not start") from stopped
        finally:
            listener.close()
            self._server.start_ended.set()


class _EmbeddedServer(uvicorn.Server):
    """A server that says when it has started and leaves the process's signals to the role."""

    def __init__(self, config: uvicorn.Config) -> None:
        super().__init__(config)
        self.start_ended = asyncio.Event()

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        self.start_ended.set()

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield


def free_ports(count: int) -> list[int]:
    """Return that many different ports of this machine that nobody listens on at this moment."""
    listeners = [socket.create_server(("127.0.0.1", 0)) for _ in range(count)]
    ports: list[int] = [listener.getsockname()[1] for listener in listeners]
    for listener in listeners:
        listener.close()
    return ports
