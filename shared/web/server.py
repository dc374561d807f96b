"""An HTTP server that runs within the event loop of a role."""

from __future__ import annotations

import asyncio
import errno
import socket
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from ipaddress import IPv4Network, IPv6Network

import uvicorn
from starlette.types import ASGIApp

from shared.errors import Crash
from shared.settings import SettingsError, variable

Network = IPv4Network | IPv6Network

_BACKLOG = 2048


class HttpServer:
    """Serves one ASGI application on `host` and `port` (0: any free one).

    `port_field` is the field of the settings that the port came from; a busy port is an error that names
    its variable. `drain_s` is how long `stop` lets open requests finish. Behind one of `trusted_proxies` a
    request's client and scheme are those that `X-Forwarded-For` and `-Proto` name: the list is read from its
    end, up to the first address that is no trusted proxy.
    """

    def __init__(
        self,
        app: ASGIApp,
        *,
        host: str,
        port: int,
        port_field: str,
        drain_s: int = 10,
        trusted_proxies: Iterable[Network] = (),
    ) -> None:
        self._host = host
        self._port = port
        self._port_field = port_field
        proxies = [str(network) for network in trusted_proxies]
        # `log_config=None`: uvicorn logs through the handlers of the process.
        config = uvicorn.Config(
            app,
            http="httptools",
            log_config=None,
            access_log=False,
            server_header=False,
            proxy_headers=bool(proxies),
            forwarded_allow_ips=proxies,
            timeout_graceful_shutdown=drain_s,
        )
        self._server = _EmbeddedServer(config)
        self._serving: asyncio.Task[None] | None = None

    @property
    def port(self) -> int:
        """The port on which the server listens, once started."""
        return self._port

    async def start(self) -> None:
        """Return once requests are served. Raises `SettingsError` if the address cannot be bound."""
        listener = self._listen()
        self._port = listener.getsockname()[1]
        self._serving = asyncio.create_task(self._serve(listener), name=f"http server on {self._port}")
        await self._server.start_ended.wait()
        if not self._server.started:
            await self._serving

    async def stop(self) -> None:
        """Refuse new connections, let open requests finish, and return."""
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
        # Connections inherit it. Without it, Nagle's algorithm delays each response by 40 ms.
        listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        return listener

    async def _serve(self, listener: socket.socket) -> None:
        try:
            await self._server.serve(sockets=[listener])
        except SystemExit as stopped:
            # The application failed to start; uvicorn has logged the cause.
            raise Crash("the application did not start") from stopped
        finally:
            listener.close()
            self._server.start_ended.set()


class _EmbeddedServer(uvicorn.Server):
    """Sets `start_ended` when the start has succeeded or failed; leaves signal handling to the role."""

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
    """Return `count` different TCP ports of this machine that are free at this moment."""
    listeners = [socket.create_server(("127.0.0.1", 0)) for _ in range(count)]
    ports: list[int] = [listener.getsockname()[1] for listener in listeners]
    for listener in listeners:
        listener.close()
    return ports
