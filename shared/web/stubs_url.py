"""Where the provider stubs are: the policy's files expect them at a port of this machine. Pure."""

from __future__ import annotations

from ipaddress import ip_address
from typing import Final
from urllib.parse import SplitResult, urlsplit, urlunsplit

STUBS_PORT: Final = 8090
"""The port at which the policy's files expect the stubs; `BATON_PROVIDERS_URL` says where they really are."""


def resolve_base_url(base_url: str, stubs_url: str) -> tuple[str, bool]:
    """Return the base URL to call, and whether that is the stubs.

    The stubs are meant by `stubs_url` itself, and by every name of this machine (`localhost`, `127.0.0.1`,
    `[::1]`) with their usual port or the port of `stubs_url`. Any other base URL is left as it is, also one
    of another host with the same port.
    """
    try:
        parts, stubs = urlsplit(base_url), urlsplit(stubs_url)
        origin, stubs_origin = _origin(parts), _origin(stubs)
    except ValueError:  # a port or an IPv6 address that is none: the egress policy refuses it
        return base_url, False
    scheme, host, port = origin
    is_local = scheme == "http" and _is_this_machine(host)
    local_ports = {STUBS_PORT} | ({stubs_origin[2]} if _is_this_machine(stubs_origin[1]) else set())
    if origin != stubs_origin and not (is_local and port in local_ports):
        return base_url, False
    return urlunsplit((stubs.scheme, stubs.netloc, stubs.path.rstrip("/") + parts.path, "", "")), True


def _origin(parts: SplitResult) -> tuple[str, str, int]:
    return parts.scheme, parts.hostname or "", parts.port or (443 if parts.scheme == "https" else 80)


def _is_this_machine(host: str) -> bool:
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost" or host.endswith(".localhost")
