"""The egress client on aiohttp: every address is checked by the policy directly before the connect.

aiohttp takes a socket factory that it calls with each resolved address just before it connects, which is
the only place where "the address that was checked" and "the address that is dialled" are the same value.

http and https have a connector each: the socket factory is given the address but not the scheme, and http
may reach the operator's allow list only.
"""

from __future__ import annotations

import asyncio
import errno
import socket
from collections.abc import Callable, Mapping
from ssl import SSLContext
from types import TracebackType
from typing import Self

import aiohttp
from aiohttp.abc import AbstractResolver, ResolveResult

from shared.clock import Clock
from shared.errors import BatonError, Retry
from shared.web.egress import UNREACHABLE, AddressRefused, EgressPolicy, EgressRefused
from shared.web.egress_client import EgressClient, EgressLimits, EgressResponse, parse_retry_after


class _CheckedResolver(AbstractResolver):
    """Refuses a name when any of its addresses is forbidden, whichever address would be tried first."""

    def __init__(self, inner: AbstractResolver, check: Callable[[str], None]) -> None:
        self._inner = inner
        self._check = check

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_UNSPEC
    ) -> list[ResolveResult]:
        results = await self._inner.resolve(host, port, family)
        if not results:
            raise OSError(errno.EADDRNOTAVAIL, UNREACHABLE)
        for result in results:
            self._check(result["host"])
        return results

    async def close(self) -> None:
        """Leave the inner resolver open: both connectors share it, and the client closes it."""


class AiohttpEgressClient(EgressClient):
    """Sends requests under a policy. Create it inside a running event loop; close it, or use `async with`."""

    def __init__(
        self,
        policy: EgressPolicy,
        clock: Clock,
        *,
        limits: EgressLimits | None = None,
        resolver: AbstractResolver | None = None,
        tls: SSLContext | None = None,
    ) -> None:
        self._policy = policy
        self._clock = clock
        self._limits = limits or EgressLimits()
        self._resolver = resolver or aiohttp.ThreadedResolver()
        self._http = self._session(tls, plain=True)
        self._https = self._session(tls, plain=False)

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
        await self._http.close()
        await self._https.close()
        await self._resolver.close()

    async def post(self, url: str, body: bytes, headers: Mapping[str, str]) -> EgressResponse:
        checked = self._policy.check_url(url)
        session = self._http if checked.plain else self._https
        loop = asyncio.get_running_loop()
        started = loop.time()
        try:
            async with session.post(
                checked.url, data=body, headers=headers, allow_redirects=False
            ) as response:
                excerpt = await self._excerpt(response)
        except (TimeoutError, aiohttp.ClientError, OSError) as error:
            raise _classify(error) from error
        return EgressResponse(
            status=response.status,
            body_excerpt=excerpt,
            elapsed_s=loop.time() - started,
            retry_after_s=parse_retry_after(response.headers.get("Retry-After"), self._clock.now()),
        )

    def _session(self, tls: SSLContext | None, *, plain: bool) -> aiohttp.ClientSession:
        def check(address: str) -> None:
            self._policy.check_address(address, plain=plain)

        # aiohttp calls this with every address directly before it connects, host literals included.
        def make_socket(info: aiohttp.AddrInfoType) -> socket.socket:
            family, kind, protocol, _, address = info
            check(str(address[0]))
            return socket.socket(family, kind, protocol)

        limits = self._limits
        connector = aiohttp.TCPConnector(
            resolver=_CheckedResolver(self._resolver, check),
            use_dns_cache=False,
            socket_factory=make_socket,
            ssl=tls or True,
            limit=limits.connections_max,
            limit_per_host=limits.connections_per_host_max,
        )
        return aiohttp.ClientSession(
            connector=connector,
            timeout=aiohttp.ClientTimeout(total=limits.total_s, sock_connect=limits.connect_s),
            cookie_jar=aiohttp.DummyCookieJar(),
            trust_env=False,
            auto_decompress=False,
            read_bufsize=limits.response_bytes_max,
            headers={"User-Agent": "Baton", "Accept-Encoding": "identity"},
        )

    async def _excerpt(self, response: aiohttp.ClientResponse) -> bytes:
        """Read the first bytes of the body. The status decides, so a body that fails is cut, not an error."""
        excerpt = bytearray()
        limit = self._limits.response_bytes_max
        try:
            while len(excerpt) < limit and (chunk := await response.content.read(limit - len(excerpt))):
                excerpt += chunk
        except (TimeoutError, aiohttp.ClientError, OSError):
            response.close()
        if not response.content.at_eof():
            response.close()
        return bytes(excerpt)


# The reason for users, by the first type that fits. No reason names an address.
_REASONS: tuple[tuple[type[Exception], str], ...] = (
    (TimeoutError, "no answer in time"),
    (aiohttp.ClientConnectorDNSError, UNREACHABLE),
    (aiohttp.ClientSSLError, "the TLS handshake failed, or the certificate is not valid for the host"),
    (aiohttp.ClientConnectorError, "the connection could not be made"),
    (aiohttp.ClientResponseError, "the answer is not valid HTTP"),
    (Exception, "the connection was lost before an answer came"),
)


def _classify(error: Exception) -> BatonError:
    """Return the error for a failed request: `EgressRefused` if the policy refused, else `Retry`."""
    if isinstance(error, aiohttp.ClientConnectorError) and isinstance(error.os_error, AddressRefused):
        return EgressRefused(UNREACHABLE)
    return Retry(next(reason for kind, reason in _REASONS if isinstance(error, kind)))
