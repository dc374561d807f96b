"""The one way out: HTTP requests to addresses that users name (webhooks), kept off our own network.

A URL is judged twice. `EgressPolicy.check_url` judges its text, once, when it is saved or first used.
What a name means is known only when it is dialled, and may change between two look-ups, so every
address is judged again just before a socket is made for it, and that very address is dialled.
Hence no answer of a name server needs to be trusted for longer than one connect.

Plain http and https have a connector each, because the place where a socket is made knows the address
but not the scheme: the plain one reaches the operator's allow list only.
"""

from __future__ import annotations

import asyncio
import errno
import re
import socket
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC
from email.utils import parsedate_to_datetime
from functools import lru_cache
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network
from ssl import SSLContext
from types import TracebackType
from typing import Self

import aiohttp
from aiohttp.abc import AbstractResolver, ResolveResult
from yarl import URL

from shared.clock import Clock
from shared.errors import BatonError, FieldProblem, Reject, Retry

Address = IPv4Address | IPv6Address
Network = IPv4Network | IPv6Network

URL_LENGTH_MAX = 2048
RETRY_AFTER_S_MAX = 86_400.0

# One text for a forbidden address and for a name that does not resolve: whoever may name hosts must not
# be able to tell which names and addresses exist on our side.
UNREACHABLE = "the host has no address that may be reached"

_FORBIDDEN_V4 = tuple(
    IPv4Network(cidr)
    for cidr in (
        "0.0.0.0/8",  # this network; 0.0.0.0 reaches the machine itself
        "10.0.0.0/8",  # private
        "100.64.0.0/10",  # carrier-grade NAT, and one cloud's metadata
        "127.0.0.0/8",  # loopback
        "168.63.129.16/32",  # a cloud's host agent behind a public address
        "169.254.0.0/16",  # link-local, and most clouds' metadata
        "172.16.0.0/12",  # private
        "192.0.0.0/24",  # protocol assignments
        "192.0.2.0/24",  # documentation
        "192.88.99.0/24",  # 6to4 relays
        "192.168.0.0/16",  # private
        "198.18.0.0/15",  # benchmarking
        "198.51.100.0/24",  # documentation
        "203.0.113.0/24",  # documentation
        "224.0.0.0/4",  # multicast
        "240.0.0.0/4",  # reserved, and broadcast
    )
)

# All of IPv6 outside this block is something else than a public host: loopback, the forms that embed
# IPv4 (compatible ::/96, mapped ::ffff:0:0/96, NAT64 64:ff9b::/96 and 64:ff9b:1::/48), discard, segment
# routing, unique local, link-local, site-local, multicast, and what is not assigned.
_GLOBAL_V6 = IPv6Network("2000::/3")
_FORBIDDEN_V6 = tuple(
    IPv6Network(cidr)
    for cidr in (
        "2001::/23",  # protocol assignments: Teredo, benchmarking, ORCHID
        "2001:db8::/32",  # documentation
        "2002::/16",  # 6to4, which embeds IPv4
        "3fff::/20",  # documentation
    )
)
# ISATAP embeds IPv4 behind any prefix: interface identifiers 0000:5efe and 0200:5efe (RFC 5214).
_ISATAP_MASK = 0xFDFF_FFFF << 32
_ISATAP = 0x0000_5EFE << 32

_BLANK_OR_CONTROL = re.compile(r"[\s\x00-\x20\x7f-\x9f]")
_LABEL = r"[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9_])?"
_NAME = re.compile(rf"(?=.{{1,253}}\Z){_LABEL}(?:\.{_LABEL})*")
_NUMBER = re.compile(r"[0-9]+|0x[0-9a-f]*")


class EgressRefused(BatonError):
    """The policy forbids this request; nothing was dialled.

    At delivery this is a failed attempt like any other. The text is fit for users: it names no address.
    """


class _AddressRefused(OSError):
    """Carries a refusal through aiohttp, which looks after errors of the operating system only."""

    def __init__(self) -> None:
        super().__init__(errno.EACCES, UNREACHABLE)


@dataclass(frozen=True, slots=True)
class Target:
    """A URL whose text has been judged; its host's addresses are judged when they are dialled."""

    url: URL

    @property
    def plain(self) -> bool:
        """Whether the request goes without TLS."""
        return self.url.scheme == "http"


@dataclass(frozen=True, slots=True)
class EgressPolicy:
    """Which addresses may be reached: the public internet by https, and `allow` by http as well."""

    allow: tuple[Network, ...] = ()

    @classmethod
    def parse(cls, cidrs: str) -> Self:
        """Read `BATON_EGRESS_ALLOW`: CIDRs between commas or blanks; else `ValueError`."""
        return cls(tuple(ip_network(cidr) for cidr in cidrs.replace(",", " ").split()))

    def permits(self, address: Address) -> bool:
        """Return whether `address` may be reached by https."""
        return _is_public(address) or self.permits_plain(address)

    def permits_plain(self, address: Address) -> bool:
        """Return whether `address` may be reached without TLS."""
        return not _has_zone(address) and any(address in network for network in self.allow)

    def check_url(self, url: str) -> Target:
        """Judge the text of `url`. Raises `EgressRefused` with a reason that is fit for users."""
        target, literal = _read(url)
        if target.plain and not self.allow:
            raise EgressRefused("the URL must begin with https://")
        if literal is not None and not self._judge(plain=target.plain)(literal):
            raise EgressRefused(UNREACHABLE)
        return target

    def accept_url(self, url: str, *, pointer: str = "/url") -> Target:
        """Judge a URL in a request's body: `check_url`, with the refusal as the client's `Reject` (422)."""
        try:
            return self.check_url(url)
        except EgressRefused as refused:
            problem = FieldProblem(pointer, str(refused))
            raise Reject(422, "url-refused", "This URL may not be used", errors=(problem,)) from refused

    def check_address(self, text: str, *, plain: bool) -> None:
        """Judge an address just before it is dialled. Raises an `OSError` when it is forbidden.

        Whatever is not the one strict spelling of an address is forbidden: the operating system reads
        `127.1` or `0177.0.0.1` as addresses too.
        """
        try:
            address = ip_address(text)
        except ValueError:
            raise _AddressRefused from None
        if not self._judge(plain=plain)(address):
            raise _AddressRefused

    def _judge(self, *, plain: bool) -> Callable[[Address], bool]:
        return self.permits_plain if plain else self.permits


def _is_public(address: Address) -> bool:
    if isinstance(address, IPv4Address):
        return not any(address in network for network in _FORBIDDEN_V4)
    return (
        address in _GLOBAL_V6
        and not _has_zone(address)
        and int(address) & _ISATAP_MASK != _ISATAP
        and not any(address in network for network in _FORBIDDEN_V6)
    )


def _has_zone(address: Address) -> bool:
    return isinstance(address, IPv6Address) and address.scope_id is not None


@lru_cache(maxsize=1024)
def _read(url: str) -> tuple[Target, Address | None]:
    """Return what a URL names, and the address that its host spells out; the same URL is posted to often."""
    parsed = _parse(url)
    return Target(parsed), _literal(parsed.raw_host or "")


def _parse(url: str) -> URL:
    """Return the URL exactly as it will be requested, so that nothing is parsed twice and differently."""
    if len(url) > URL_LENGTH_MAX:
        raise EgressRefused(f"the URL has more than {URL_LENGTH_MAX} characters")
    if _BLANK_OR_CONTROL.search(url):
        raise EgressRefused("the URL has a blank or a control character")
    try:
        parsed = URL(url)
        _ = parsed.host  # decodes it, which not every host survives
    except ValueError:
        raise EgressRefused("the URL is malformed") from None
    if parsed.scheme not in {"http", "https"}:
        raise EgressRefused("the URL must begin with https://")
    if "@" in parsed.raw_authority:
        raise EgressRefused("the URL may not hold a user name or password")
    if parsed.explicit_port == 0:
        raise EgressRefused("the port must be between 1 and 65535")
    if "#" in url:
        raise EgressRefused("the URL may not have a fragment (#)")
    return parsed


def _literal(host: str) -> Address | None:
    """Return the address that `host` spells out, or None for a name; other hosts are refused.

    A host whose last label is a number is an address to every resolver, never a name.
    """
    if ":" in host or _NUMBER.fullmatch(host.rpartition(".")[2]):
        try:
            return ip_address(host)
        except ValueError:
            raise EgressRefused("the host is not an address in its usual spelling") from None
    if not _NAME.fullmatch(host):
        raise EgressRefused("the URL has no valid host name")
    return None


@dataclass(frozen=True, slots=True)
class EgressBounds:
    """How much one client gives to the other side."""

    total_s: float = 15.0
    connect_s: float = 5.0
    answer_bytes_max: int = 16 * 1024
    connections_max: int = 256
    connections_per_host_max: int = 16


@dataclass(frozen=True, slots=True)
class EgressAnswer:
    """What the other side said: `body_excerpt` holds the first bytes, as they came (never decompressed).

    `retry_after_s` is what the header asks for, from now, a day at most.
    """

    status: int
    body_excerpt: bytes
    elapsed_s: float
    retry_after_s: float | None = None

    @property
    def delivered(self) -> bool:
        """Whether the other side took it. A redirect is a failure: it is never followed."""
        return 200 <= self.status < 300


class _JudgedResolver(AbstractResolver):
    """Refuses a name as soon as one of its addresses is forbidden, whichever comes first."""

    def __init__(self, inner: AbstractResolver, judge: Callable[[str], None]) -> None:
        self._inner = inner
        self._judge = judge

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_UNSPEC
    ) -> list[ResolveResult]:
        found = await self._inner.resolve(host, port, family)
        if not found:
            raise OSError(errno.EADDRNOTAVAIL, UNREACHABLE)
        for answer in found:
            self._judge(answer["host"])
        return found

    async def close(self) -> None:
        """Leave the inner resolver open: two connectors share it."""


class EgressClient:
    """Sends requests under a policy. Make it inside a running loop; close it, or use it as a context."""

    def __init__(
        self,
        policy: EgressPolicy,
        clock: Clock,
        *,
        bounds: EgressBounds | None = None,
        resolver: AbstractResolver | None = None,
        tls: SSLContext | None = None,
    ) -> None:
        self._policy = policy
        self._clock = clock
        self._bounds = bounds or EgressBounds()
        self._resolver = resolver or aiohttp.ThreadedResolver()
        self._plain = self._session(tls, plain=True)
        self._secure = self._session(tls, plain=False)

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
        await self._plain.close()
        await self._secure.close()
        await self._resolver.close()

    async def post(self, url: str, body: bytes, headers: Mapping[str, str]) -> EgressAnswer:
        """Post `body` and return the answer, whatever its status.

        Raises `EgressRefused` when the policy forbids the URL or an address of its host, and `Retry`
        when there is no answer. Either text is fit for users.
        """
        target = self._policy.check_url(url)
        session = self._plain if target.plain else self._secure
        loop = asyncio.get_running_loop()
        started = loop.time()
        try:
            async with session.post(
                target.url, data=body, headers=headers, allow_redirects=False
            ) as response:
                excerpt = await self._excerpt(response)
        except (TimeoutError, aiohttp.ClientError, OSError) as error:
            raise _failure(error) from error
        return EgressAnswer(
            status=response.status,
            body_excerpt=excerpt,
            elapsed_s=loop.time() - started,
            retry_after_s=self._retry_after(response.headers.get("Retry-After")),
        )

    def _session(self, tls: SSLContext | None, *, plain: bool) -> aiohttp.ClientSession:
        def judge(address: str) -> None:
            self._policy.check_address(address, plain=plain)

        # aiohttp calls this with every address just before it dials it, host literals included.
        def make_socket(info: aiohttp.AddrInfoType) -> socket.socket:
            family, kind, protocol, _, address = info
            judge(str(address[0]))
            return socket.socket(family, kind, protocol)

        bounds = self._bounds
        connector = aiohttp.TCPConnector(
            resolver=_JudgedResolver(self._resolver, judge),
            use_dns_cache=False,
            socket_factory=make_socket,
            ssl=tls or True,
            limit=bounds.connections_max,
            limit_per_host=bounds.connections_per_host_max,
        )
        return aiohttp.ClientSession(
            connector=connector,
            timeout=aiohttp.ClientTimeout(total=bounds.total_s, sock_connect=bounds.connect_s),
            cookie_jar=aiohttp.DummyCookieJar(),
            trust_env=False,
            auto_decompress=False,
            read_bufsize=bounds.answer_bytes_max,
            headers={"User-Agent": "Baton", "Accept-Encoding": "identity"},
        )

    async def _excerpt(self, response: aiohttp.ClientResponse) -> bytes:
        """Read the first bytes of the body. The status decides, so a body that fails is cut, not an error."""
        excerpt = bytearray()
        limit = self._bounds.answer_bytes_max
        try:
            while len(excerpt) < limit and (chunk := await response.content.read(limit - len(excerpt))):
                excerpt += chunk
        except (TimeoutError, aiohttp.ClientError, OSError):
            response.close()
        if not response.content.at_eof():
            response.close()
        return bytes(excerpt)

    def _retry_after(self, header: str | None) -> float | None:
        """Read seconds or a date (RFC 9110, 10.2.3); anything else counts as absent."""
        if header is None:
            return None
        if header.isascii() and header.isdigit():
            return min(float(header), RETRY_AFTER_S_MAX)
        try:
            at = parsedate_to_datetime(header)
        except (ValueError, OverflowError):
            return None
        wait_s = (at.replace(tzinfo=at.tzinfo or UTC) - self._clock.now()).total_seconds()
        return min(max(wait_s, 0.0), RETRY_AFTER_S_MAX)


# What went wrong, for users, by the first type that fits; no text names an address.
_FAILURES: tuple[tuple[type[Exception], str], ...] = (
    (TimeoutError, "no answer in time"),
    (aiohttp.ClientConnectorDNSError, UNREACHABLE),
    (aiohttp.ClientSSLError, "the TLS handshake failed, or the certificate is not valid for the host"),
    (aiohttp.ClientConnectorError, "the connection could not be made"),
    (aiohttp.ClientResponseError, "the answer is not valid HTTP"),
    (Exception, "the connection was lost before an answer came"),
)


def _failure(error: Exception) -> BatonError:
    """Name a failed request for what the caller does next."""
    if isinstance(error, aiohttp.ClientConnectorError) and isinstance(error.os_error, _AddressRefused):
        return EgressRefused(UNREACHABLE)
    return Retry(next(text for kind, text in _FAILURES if isinstance(error, kind)))
