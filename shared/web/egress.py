"""Which addresses outgoing HTTP may reach when users name the URL: webhooks, and base URLs of providers.

This is protection against server-side request forgery (SSRF). A request is checked twice:

- `EgressPolicy.check_url` checks the text of the URL when it is saved and before each request.
- `EgressPolicy.check_address` checks every address that the host resolves to, directly before the client
  connects to it. A name may resolve to another address a moment later (DNS rebinding), so a client must
  connect to exactly the address that was checked, and must not trust a lookup for longer than one connect.

The policy does no I/O. `shared.web.pooled_egress` applies it to webhooks.

Errors:

    BatonError
    └── EgressRefused    the URL, or an address of its host, is forbidden; the text is fit for users
    OSError
    └── AddressRefused   `check_address` refused; an `OSError`, so that HTTP clients carry it through
"""

from __future__ import annotations

import errno
import re
from dataclasses import dataclass
from functools import lru_cache
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network
from typing import Self

from yarl import URL

from shared.errors import BatonError, FieldProblem, Reject

Address = IPv4Address | IPv6Address
Network = IPv4Network | IPv6Network

URL_LENGTH_MAX = 2048

# The same text for a forbidden address and for a name that does not resolve: users who may name hosts must
# not be able to find out which names and addresses exist in the operator's network.
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

# IPv6 outside this block is never a public host: loopback, the forms that embed IPv4 (compatible ::/96,
# mapped ::ffff:0:0/96, NAT64 64:ff9b::/96 and 64:ff9b:1::/48), discard, segment routing, unique local,
# link-local, site-local, multicast, and everything unassigned.
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
    """The policy forbids this request; no connection was made. The text is fit for users: no addresses."""


class AddressRefused(OSError):
    """The policy forbids this address."""

    def __init__(self) -> None:
        super().__init__(errno.EACCES, UNREACHABLE)


@dataclass(frozen=True, slots=True)
class CheckedUrl:
    """A URL whose text passed the policy. The addresses of its host are checked when connecting."""

    url: URL

    @property
    def plain(self) -> bool:
        """Whether the request goes over http, without TLS."""
        return self.url.scheme == "http"


@dataclass(frozen=True, slots=True)
class EgressPolicy:
    """Allows public addresses over https, and the networks in `allow` over http and https."""

    allow: tuple[Network, ...] = ()

    @classmethod
    def parse(cls, cidrs: str) -> Self:
        """Parse `BATON_EGRESS_ALLOW`: CIDRs separated by commas or blanks. Raises `ValueError`."""
        return cls(tuple(ip_network(cidr) for cidr in cidrs.replace(",", " ").split()))

    def permits(self, address: Address) -> bool:
        """Return whether `address` may be reached over https."""
        return _is_public(address) or self.permits_plain(address)

    def permits_plain(self, address: Address) -> bool:
        """Return whether `address` may be reached over http."""
        return not _has_zone(address) and any(address in network for network in self.allow)

    def check_url(self, url: str) -> CheckedUrl:
        """Check the text of `url`. Raises `EgressRefused` with a reason that is fit for users."""
        checked, address = _parse(url)
        if checked.plain and not self.allow:
            raise EgressRefused("the URL must begin with https://")
        if address is not None and not self._permits(address, plain=checked.plain):
            raise EgressRefused(UNREACHABLE)
        return checked

    def accept_url(self, url: str, *, pointer: str = "/url") -> CheckedUrl:
        """Check the URL at `pointer` of a request body. Raises `Reject` with status 422."""
        try:
            return self.check_url(url)
        except EgressRefused as refused:
            problem = FieldProblem(pointer, str(refused))
            raise Reject(422, "url-refused", "This URL may not be used", errors=(problem,)) from refused

    def check_address(self, text: str, *, plain: bool) -> None:
        """Check an address directly before connecting to it. Raises `AddressRefused`.

        Only the canonical spelling of an address passes: the operating system would also read `127.1` or
        `0177.0.0.1` as addresses.
        """
        try:
            address = ip_address(text)
        except ValueError:
            raise AddressRefused from None
        if not self._permits(address, plain=plain):
            raise AddressRefused

    def _permits(self, address: Address, *, plain: bool) -> bool:
        return self.permits_plain(address) if plain else self.permits(address)


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
def _parse(url: str) -> tuple[CheckedUrl, Address | None]:
    """Return the URL exactly as it will be requested, and the address if its host is one.

    The client sends the returned URL, so no second parser can read the text differently. Cached, because
    the same few URLs are posted to again and again.
    """
    if len(url) > URL_LENGTH_MAX:
        raise EgressRefused(f"the URL has more than {URL_LENGTH_MAX} characters")
    if _BLANK_OR_CONTROL.search(url):
        raise EgressRefused("the URL has a blank or a control character")
    try:
        parsed = URL(url)
        _ = parsed.host  # decodes IDNA, which fails for some hosts
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
    return CheckedUrl(parsed), _literal_address(parsed.raw_host or "")


def _literal_address(host: str) -> Address | None:
    """Return the address that `host` spells out, or None when it is a name; refuse any other host.

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
