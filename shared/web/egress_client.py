"""The port through which webhooks leave: one POST to a URL that a user named, under the egress policy.

The implementation is `shared.web.pooled_egress.PooledEgressClient`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Final, Protocol

RETRY_AFTER_S_MAX: Final = 86_400.0


@dataclass(frozen=True, slots=True)
class EgressLimits:
    """Time, bytes and connections that one client spends at most. Seconds are per request."""

    total_s: float = 15.0
    connect_s: float = 5.0
    response_bytes_max: int = 16 * 1024
    connections_max: int = 256
    connections_per_host_max: int = 16


@dataclass(frozen=True, slots=True)
class EgressResponse:
    """The status and the first bytes of a response body, not decompressed.

    `retry_after_s` is the `Retry-After` header in seconds from now, at most one day.
    """

    status: int
    body_excerpt: bytes
    elapsed_s: float
    retry_after_s: float | None = None

    @property
    def delivered(self) -> bool:
        """Whether the receiver took the request. Redirects are not followed and count as failures."""
        return 200 <= self.status < 300


class EgressClient(Protocol):
    """Sends requests under an `EgressPolicy`."""

    async def post(self, url: str, body: bytes, headers: Mapping[str, str]) -> EgressResponse:
        """Post `body` and return the response, whatever its status.

        Raises `EgressRefused` when the policy forbids the URL or an address of its host, and `Retry` when
        no response came. The text of both is fit for users.
        """
        ...


def parse_retry_after(header: str | None, now: datetime) -> float | None:
    """Return the seconds that a `Retry-After` header asks for: a number or a date (RFC 9110, section 10.2.3).

    At most one day. None when the header is absent or malformed.
    """
    if header is None:
        return None
    if header.isascii() and header.isdigit():
        return min(float(header), RETRY_AFTER_S_MAX)
    try:
        at = parsedate_to_datetime(header)
    except (ValueError, OverflowError):
        return None
    wait_s = (at.replace(tzinfo=at.tzinfo or UTC) - now).total_seconds()
    return min(max(wait_s, 0.0), RETRY_AFTER_S_MAX)
