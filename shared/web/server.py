"""An HTTP server that runs within the event loop of a role."""

from __future__ import annotations

import asyncio
import errno
import resource
import socket
import sys
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import replace
from ipaddress import IPv4Network, IPv6Network
from math import ceil

import uvicorn
from starlette.types import ASGIApp

from shared.errors import Crash
from shared.settings import CommonSettings, SettingsError, variable
from shared.web.connection_limits import ConnectionLimiter, ConnectionLimits, limited_protocol

Network = IPv4Network | IPv6Network

_BACKLOG = 2048
_OTHER_DESCRIPTORS = 128


class HttpServer:
    """Serves one ASGI application on `host` and `port` (0: any free one).

    `port_field` is the field of the settings that the port came from; a busy port is an error that names
    its variable. `drain_s` is how long `stop` lets open requests finish. Behind one of `trusted_proxies` a
    request's client and scheme are those that `X-Forwarded-For` and `-Proto` name: the list is read from its
    end, up to the first address that is no trusted proxy. What a client may hold is bounded by `limits`.
    """

    def __init__(
        self,
        app: ASGIApp,
        *,
        host: str,
        port: int,
        port_field: str,
        drain_s: int = 10,
        limits: ConnectionLimits | None = None,
        trusted_proxies: Iterable[Network] = (),
    ) -> None:
        self._host = host
        self._port = port
        self._port_field = port_field
        limits = limits or ConnectionLimits()
        bounded = min(limits.connections, connections_for(resource.getrlimit(resource.RLIMIT_NOFILE)[0]))
        self._limiter = ConnectionLimiter(replace(limits, connections=bounded), time.monotonic)
        proxies = [str(network) for network in trusted_proxies]
        # `log_config=None`: uvicorn logs through the handlers of the process.
        config = uvicorn.Config(
            app,
            http=limited_protocol(self._limiter),
            log_config=None,
            access_log=False,
            server_header=False,
            proxy_headers=bool(proxies),
            forwarded_allow_ips=proxies,
            timeout_keep_alive=ceil(limits.idle_s),
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
        self._server.exit_wanted.set()
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
        checking = asyncio.create_task(self._check_connections(), name=f"connections of {self._port}")
        try:
            await self._server.serve(sockets=[listener])
        except SystemExit as stopped:
            # The application failed to start; uvicorn has logged the cause.
            raise Crash("the application did not start") from stopped
        finally:
            checking.cancel()
            listener.close()
            self._server.start_ended.set()

    async def _check_connections(self) -> None:
        while True:
            await asyncio.sleep(self._limiter.check_every_s)
            self._limiter.expire()


class _EmbeddedServer(uvicorn.Server):
    """Sets `start_ended` when the start has succeeded or failed; leaves signal handling to the role."""

    def __init__(self, config: uvicorn.Config) -> None:
        super().__init__(config)
        self.start_ended = asyncio.Event()
        self.exit_wanted = asyncio.Event()

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        self.start_ended.set()

    async def main_loop(self) -> None:
        """Tick once a second, as the `date` header needs it, instead of ten times; return to end."""
        ticks = 0
        while not await self.on_tick(ticks):
            ticks += 10  # uvicorn renews the header at every tenth of its own ticks
            with suppress(TimeoutError):
                await asyncio.wait_for(self.exit_wanted.wait(), 1.0)

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield


def connection_limits(settings: CommonSettings) -> ConnectionLimits:
    """Return the limits that the settings name."""
    return ConnectionLimits(
        headers_s=settings.http_headers_timeout_s,
        body_s=settings.http_body_timeout_s,
        idle_s=settings.http_idle_timeout_s,
        connections=settings.http_connections_max,
        unfinished_bytes=settings.http_unfinished_mib * 1024 * 1024,
    )


def raise_descriptor_limit() -> None:
    """Raise the limit of open file descriptors of this process to its hard limit."""
    _soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))


def connections_for(descriptors: int) -> int:
    """Return how many connections a server may have when the process may open so many descriptors.

    The rest is for files, databases, brokers and the other server of the process.
    """
    return max(8, (descriptors - _OTHER_DESCRIPTORS) // 2) if descriptors >= 0 else sys.maxsize


def free_ports(count: int) -> list[int]:
    """Return `count` different TCP ports of this machine that are free at this moment."""
    listeners = [socket.create_server(("127.0.0.1", 0)) for _ in range(count)]
    ports: list[int] = [listener.getsockname()[1] for listener in listeners]
    for listener in listeners:
        listener.close()
    return ports
