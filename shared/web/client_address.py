"""The address that a request is counted for."""

from __future__ import annotations

from collections.abc import Mapping
from ipaddress import IPv6Address, IPv6Network, ip_address
from typing import Any, Final

UNKNOWN: Final = "unknown"
# What a provider gives to one customer, who may use all of its addresses.
_CUSTOMER_PREFIX: Final = 64


def client_address(scope: Mapping[str, Any]) -> str:
    """Return the client's IPv4 address, or the /64 network of its IPv6 address; `unknown` for neither.

    Behind a trusted proxy (`BATON_TRUSTED_PROXIES`) the server has put there the last hop of
    `X-Forwarded-For` that is no trusted proxy itself.
    """
    client = scope.get("client")
    try:
        address = ip_address(client[0].partition("%")[0]) if client else None
    except ValueError:
        address = None
    if address is None:
        return UNKNOWN
    if isinstance(address, IPv6Address):
        if address.ipv4_mapped is not None:
            return str(address.ipv4_mapped)
        return str(IPv6Network((address, _CUSTOMER_PREFIX), strict=False))
    return str(address)
