"""An httpx2 client for one origin whose every connection is checked by the egress policy.

The transport resolves the host itself, checks every address and connects to one of them, so "the address that
was checked" and "the address that is dialled" are the same value. TLS still verifies the name of the host.

It keeps idle connections on a stack instead of in httpcore2's pool, which looks at every connection and every
request for each request: with 500 requests in flight that took seconds a request (ADR 10). HTTP/1.1 itself is
httpcore2's; its errors are raised as those of httpx2 with the same name, as httpx2's own transport does.
"""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncIterable, AsyncIterator, Awaitable, Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import cache
from ssl import SSLContext
from typing import Any, Final

import httpcore2
import httpx2

from shared.web.egress import UNREACHABLE, AddressRefused, EgressPolicy

Resolve = Callable[[str, int], Awaitable[Sequence[str]]]
"""Returns the addresses of a host as text, at least one; raises `OSError` when there is none."""

_KEEPALIVE_S: Final = 30.0
_PORTS: Final = {"http": 80, "https": 443}


def egress_client(
    policy: EgressPolicy,
    base_url: str,
    *,
    connections_max: int,
    tls: SSLContext | None = None,
    resolve: Resolve | None = None,
) -> httpx2.AsyncClient:
    """Return a client for one base URL: no redirects, no proxy, no compression and no time limit.

    The caller limits the time of a request as a whole (`asyncio.timeout`) and the requests in flight. Raises
    `EgressRefused` when the policy forbids the URL; when it forbids an address of the host, requests raise
    `httpx2.ConnectError`.
    """
    policy.check_url(base_url)
    return httpx2.AsyncClient(
        transport=EgressTransport(policy, connections_max=connections_max, tls=tls, resolve=resolve),
        base_url=base_url,
        timeout=None,
        follow_redirects=False,
        trust_env=False,
        headers={"User-Agent": "Baton", "Accept-Encoding": "identity"},
    )


class EgressTransport(httpx2.AsyncBaseTransport):
    """HTTP/1.1 over connections to permitted addresses, for requests to one origin.

    Every request in flight has a connection of its own; up to `connections_max` idle ones are kept.
    """

    def __init__(
        self,
        policy: EgressPolicy,
        *,
        connections_max: int,
        tls: SSLContext | None = None,
        resolve: Resolve | None = None,
    ) -> None:
        self._policy = policy
        self._idle_max = connections_max
        self._tls = tls
        self._resolve = resolve or resolve_host
        self._idle: list[httpcore2.AsyncHTTP11Connection] = []
        self._closed = False

    async def handle_async_request(self, request: httpx2.Request) -> httpx2.Response:
        outgoing = httpcore2.Request(
            request.method,
            httpcore2.URL(
                scheme=request.url.raw_scheme,
                host=request.url.raw_host,
                port=request.url.port,
                target=request.url.raw_path,
            ),
            headers=request.headers.raw,
            content=request.stream,
            extensions=request.extensions,
        )
        connection = self._take_idle()
        if connection is not None and request.method == "GET":
            try:
                return await self._exchange(connection, outgoing)
            except (httpx2.NetworkError, httpx2.RemoteProtocolError):
                connection = None  # the server was closing an idle connection: a new one is tried
        return await self._exchange(connection or await self._connect(request.url), outgoing)

    async def aclose(self) -> None:
        self._closed = True
        while self._idle:
            await self._idle.pop().aclose()

    async def release(self, connection: httpcore2.AsyncHTTP11Connection) -> None:
        """Take back a connection whose response was closed."""
        if connection.is_available() and not self._closed and len(self._idle) < self._idle_max:
            self._idle.append(connection)
        else:
            await connection.aclose()

    def _take_idle(self) -> httpcore2.AsyncHTTP11Connection | None:
        # The one used last: the others grow old together and are closed by the server or by expiry.
        while self._idle:
            connection = self._idle.pop()
            if not connection.has_expired():
                return connection
        return None

    async def _exchange(
        self, connection: httpcore2.AsyncHTTP11Connection, request: httpcore2.Request
    ) -> httpx2.Response:
        with _errors_of_httpx2():
            response = await connection.handle_async_request(request)
        return httpx2.Response(
            response.status,
            headers=response.headers,
            stream=_Body(self, connection, response),
            extensions=response.extensions,
        )

    async def _connect(self, url: httpx2.URL) -> httpcore2.AsyncHTTP11Connection:
        port = url.port or _PORTS[url.scheme]
        tls = None if url.scheme == "http" else self._tls or _default_tls()
        try:
            addresses = await self._resolve(url.host, port)
            # All before the first is dialled: a name with one forbidden address is refused as a whole.
            for address in addresses:
                self._policy.check_address(address, plain=tls is None)
            stream = await _dial(addresses, port, tls, url.host)
        except AddressRefused as refused:
            raise httpx2.ConnectError(UNREACHABLE) from refused
        except OSError as error:
            raise httpx2.ConnectError(str(error)) from error
        origin = httpcore2.Origin(url.raw_scheme, url.raw_host, port)
        return httpcore2.AsyncHTTP11Connection(origin, stream, keepalive_expiry=_KEEPALIVE_S)


async def resolve_host(host: str, port: int) -> Sequence[str]:
    """Return the addresses of a host by the operating system's resolver."""
    found = await asyncio.get_running_loop().getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return [str(address[0]) for *_, address in found]


async def _dial(addresses: Sequence[str], port: int, tls: SSLContext | None, host: str) -> _Stream:
    """Connect to the first address that answers."""
    error = OSError(UNREACHABLE)
    for address in addresses:
        try:
            name = None if tls is None else host
            return _Stream(*await asyncio.open_connection(address, port, ssl=tls, server_hostname=name))
        except OSError as failed:
            error = failed
    raise error


class _Stream(httpcore2.AsyncNetworkStream):
    """An asyncio connection as httpcore2 uses it. `timeout` is not set by this client (`egress_client`)."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader = reader
        self._writer = writer

    async def read(self, max_bytes: int, timeout: float | None = None) -> bytes:  # noqa: ARG002, ASYNC109
        try:
            return await self._reader.read(max_bytes)
        except OSError as error:
            raise httpcore2.ReadError(str(error)) from error

    async def write(self, buffer: bytes, timeout: float | None = None) -> None:  # noqa: ARG002, ASYNC109
        if not buffer:
            return
        try:
            self._writer.write(buffer)
            await self._writer.drain()
        except OSError as error:
            raise httpcore2.WriteError(str(error)) from error

    async def aclose(self) -> None:
        self._writer.close()

    def get_extra_info(self, info: str) -> Any:
        if info == "is_readable":  # asked of an idle connection: whether the server closed it
            return self._reader.at_eof()
        return self._writer.get_extra_info(info)


class _Body(httpx2.AsyncByteStream):
    """The body of a response; closing it gives its connection back."""

    def __init__(
        self,
        transport: EgressTransport,
        connection: httpcore2.AsyncHTTP11Connection,
        response: httpcore2.Response,
    ) -> None:
        self._transport = transport
        self._connection = connection
        self._response = response

    async def __aiter__(self) -> AsyncIterator[bytes]:
        assert isinstance(self._response.stream, AsyncIterable)  # noqa: S101 - the connection is asynchronous
        with _errors_of_httpx2():
            async for part in self._response.stream:
                yield part

    async def aclose(self) -> None:
        await self._response.aclose()
        await self._transport.release(self._connection)


@cache
def _default_tls() -> SSLContext:
    # One for all clients: loading the certificate authorities takes 20 ms and a megabyte each time.
    return httpx2.create_ssl_context(trust_env=False)


@contextmanager
def _errors_of_httpx2() -> Iterator[None]:
    try:
        yield
    except (httpcore2.TimeoutException, httpcore2.NetworkError, httpcore2.ProtocolError) as error:
        raise getattr(httpx2, type(error).__name__)(str(error)) from error
