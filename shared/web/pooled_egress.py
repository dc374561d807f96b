"""The egress client of webhooks: persistent connections, and every address is checked as it is dialled.

A host is resolved for each new connection. The policy checks all of its addresses, and the socket factory
checks each again directly before it is dialled: the only place where "the address that was checked" and "the
address that is dialled" are the same value. http may reach the operator's allow list only, so the two schemes
share no connection.

A general HTTP client takes several times as much CPU for a POST (docs/performance.md), more than everything
else that a delivery needs.
"""

from __future__ import annotations

import asyncio
import socket
import ssl
from collections.abc import Awaitable, Callable, Mapping, Sequence
from functools import lru_cache, partial
from types import TracebackType
from typing import Any, Final, Self

from aiohappyeyeballs import start_connection
from yarl import URL

from shared.clock import Clock
from shared.errors import Retry
from shared.web.egress import UNREACHABLE, AddressRefused, CheckedUrl, EgressPolicy, EgressRefused
from shared.web.egress_client import EgressClient, EgressLimits, EgressResponse, parse_retry_after
from shared.web.http_connection import HttpConnection, PartialResponse, ResponseLost, ResponseMalformed

AddressInfo = tuple[int, int, int, str, tuple[Any, ...]]
"""As `socket.getaddrinfo` returns it."""
Resolve = Callable[[str, int], Awaitable[Sequence[AddressInfo]]]
"""Returns the addresses of a host and port. Raises `OSError` when there are none."""

_IDLE_S: Final = 15.0
"""How long a connection is kept for the next request; many servers end it after 20 s and more."""
_URLS_MAX: Final = 4_096
_NEXT_ADDRESS_AFTER_S: Final = 0.25
"""Happy eyeballs (RFC 8305): when the next address is tried beside one that does not respond."""
_HEADERS: Final = "User-Agent: Baton\r\nAccept: */*\r\nAccept-Encoding: identity\r\n"


class _Origin:
    """The connections to one scheme, host and port: free slots, and those that wait for a request."""

    __slots__ = ("idle", "requests", "slots")

    def __init__(self, connections_max: int) -> None:
        self.slots = asyncio.Semaphore(connections_max)
        self.requests = 0
        self.idle: list[HttpConnection] = []


class PooledEgressClient(EgressClient):
    """Sends requests under a policy. Create it inside a running event loop; close it, or use `async with`.

    `tls` replaces the context that verifies certificates with the system's authorities.
    """

    def __init__(
        self,
        policy: EgressPolicy,
        clock: Clock,
        *,
        limits: EgressLimits | None = None,
        resolve: Resolve | None = None,
        tls: ssl.SSLContext | None = None,
    ) -> None:
        self._policy = policy
        self._clock = clock
        self._limits = limits or EgressLimits()
        self._resolve = resolve or _resolve
        self._tls = tls or ssl.create_default_context()
        # The policy never changes, so that a URL is checked once; its addresses are at every connection.
        self._check_url = lru_cache(maxsize=_URLS_MAX)(policy.check_url)
        self._loop = asyncio.get_running_loop()
        self._slots = asyncio.Semaphore(self._limits.connections_max)
        self._origins: dict[tuple[str, str | None, int | None], _Origin] = {}
        self._open: set[HttpConnection] = set()
        self._idle_check: asyncio.TimerHandle | None = None

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        await self.close()

    async def close(self) -> None:
        """Close every connection."""
        if self._idle_check is not None:
            self._idle_check.cancel()
        for connection in [*self._open]:
            self._end(connection)

    async def post(self, url: str, body: bytes, headers: Mapping[str, str]) -> EgressResponse:
        checked = self._check_url(url)
        head = _request_head(checked.url, headers, len(body))
        response = PartialResponse(self._limits.response_bytes_max)
        origin = self._origin(checked.url)
        started_s, waits = self._loop.time(), origin.slots.locked() or self._slots.locked()
        origin.requests += 1
        try:
            # The host's slot first: who waits for a slow host keeps no slot from the others.
            async with asyncio.timeout(self._limits.total_s) as limit, origin.slots, self._slots:
                if waits:  # the time in our own queue is none that the host took
                    started_s = self._loop.time()
                    limit.reschedule(started_s + self._limits.total_s)
                await self._exchange(checked, origin, head, body, response)
        except TimeoutError as error:
            if response.status is None:
                raise Retry("no answer in time") from error
        except ResponseLost as error:
            raise Retry("the connection was lost before an answer came") from error
        except ResponseMalformed as error:
            raise Retry("the answer is not valid HTTP") from error
        finally:
            origin.requests -= 1
        assert response.status is not None  # noqa: S101 - for the type checker
        return EgressResponse(
            status=response.status,
            body_excerpt=response.body,
            elapsed_s=self._loop.time() - started_s,
            retry_after_s=parse_retry_after(response.retry_after, self._clock.now()),
        )

    def _origin(self, url: URL) -> _Origin:
        key = (url.scheme, url.raw_host, url.port)
        origin = self._origins.get(key)
        if origin is None:
            origin = self._origins[key] = _Origin(self._limits.connections_per_host_max)
        return origin

    async def _exchange(
        self, checked: CheckedUrl, origin: _Origin, head: bytes, body: bytes, response: PartialResponse
    ) -> None:
        """Make the request on a connection that is idle, or else on a new one."""
        while origin.idle and not origin.idle[-1].is_reusable:
            self._end(origin.idle.pop())
        connection = origin.idle.pop() if origin.idle else await self._connect(checked)
        try:
            await connection.post(head, body, response)
        finally:
            if connection.is_reusable:
                connection.idle_since_s = self._loop.time()
                origin.idle.append(connection)
                if self._idle_check is None:
                    self._idle_check = self._loop.call_later(_IDLE_S, self._end_idle)
            else:
                self._end(connection)

    async def _connect(self, checked: CheckedUrl) -> HttpConnection:
        """Return a new connection. Raises `EgressRefused`, `Retry`, `TimeoutError`."""
        host, check = checked.url.raw_host or "", partial(self._policy.check_address, plain=checked.plain)

        def make_socket(info: AddressInfo) -> socket.socket:
            family, kind, protocol, _name, address = info
            check(str(address[0]))
            return socket.socket(family, kind, protocol)

        async with asyncio.timeout(self._limits.connect_s):
            try:
                addresses = await self._resolve(host, checked.url.port or 0)
            except OSError as error:
                raise Retry(UNREACHABLE) from error
            if not addresses:
                raise Retry(UNREACHABLE)
            try:
                # A name is refused when any address is forbidden, whichever would be tried first.
                for address in addresses:
                    check(str(address[4][0]))
                dialled = await start_connection(
                    addresses, happy_eyeballs_delay=_NEXT_ADDRESS_AFTER_S, socket_factory=make_socket
                )
                tls = (None, None) if checked.plain else (self._tls, host)
                _transport, connection = await self._loop.create_connection(
                    HttpConnection, sock=dialled, ssl=tls[0], server_hostname=tls[1]
                )
            except AddressRefused as error:
                raise EgressRefused(UNREACHABLE) from error
            except ssl.SSLError as error:
                reason = "the TLS handshake failed, or the certificate is not valid for the host"
                raise Retry(reason) from error
            except OSError as error:
                if isinstance(error, TimeoutError):
                    raise
                raise Retry("the connection could not be made") from error
        self._open.add(connection)
        return connection

    def _end(self, connection: HttpConnection) -> None:
        self._open.discard(connection)
        connection.abort()

    def _end_idle(self) -> None:
        """End connections that have been idle for long, and forget hosts without any."""
        self._idle_check = None
        before_s = self._loop.time() - _IDLE_S
        for key, origin in [*self._origins.items()]:
            for connection in origin.idle:
                if connection.idle_since_s <= before_s or not connection.is_reusable:
                    self._end(connection)
            origin.idle = [connection for connection in origin.idle if connection in self._open]
            if not origin.idle and not origin.requests:
                del self._origins[key]
        if self._origins:
            self._idle_check = self._loop.call_later(_IDLE_S / 3, self._end_idle)


async def _resolve(host: str, port: int) -> Sequence[AddressInfo]:
    loop = asyncio.get_running_loop()
    found: Sequence[AddressInfo] = await loop.getaddrinfo(
        host, port, type=socket.SOCK_STREAM, flags=socket.AI_ADDRCONFIG
    )
    return found


def _request_head(url: URL, headers: Mapping[str, str], length: int) -> bytes:
    """Return the request line and the headers. Raises `EgressRefused` for a value that would begin a line."""
    given = "".join([f"{name}: {value}\r\n" for name, value in headers.items()])
    if given.count("\n") != len(headers) or given.count("\r") != len(headers) or "\0" in given:
        raise EgressRefused("a header may not hold a line break")
    return (
        f"POST {url.raw_path_qs} HTTP/1.1\r\nHost: {url.host_port_subcomponent}\r\n"
        f"{_HEADERS}Content-Length: {length}\r\n{given}\r\n"
    ).encode()
