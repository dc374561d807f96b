"""How many posts a source takes in a minute: from one address, and from everybody."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final, Literal

from fastapi import Request

from services.gateway.domain.sources import HookSource
from shared.clock import Clock
from shared.errors import Reject
from shared.resilience.sliding_window import WINDOW_S, Quota, SlidingWindowLimiter
from shared.web.client_address import client_address

LimitName = Literal["address", "source"]
Quotas = Mapping[LimitName, Quota]

RATE_LIMITED: Final = "rate-limited"
_DETAIL: Final[Mapping[LimitName, str]] = {
    "address": "This address has sent too many forms within a minute",
    "source": "This source has been sent too many forms within a minute",
}


class PostLimits:
    """Counts the posts of this process. The limits are those of the sources in `sources.yaml`.

    An address is counted before everybody: one that floods a source takes no quota from the others.
    """

    def __init__(self, clock: Clock) -> None:
        self._addresses = SlidingWindowLimiter(clock.now)
        self._sources = SlidingWindowLimiter(clock.now)

    def take_address(self, source: HookSource, address: str) -> Quotas:
        """Count a post from an address; return what it has left, nothing for a source without this limit."""
        limit = source.limits and source.limits.per_address_per_minute
        return {"address": self._addresses.take((source.name, address), limit)} if limit else {}

    def take_source(self, source: HookSource) -> Quotas:
        """Count a post to a source; return what the source has left, nothing without this limit."""
        limit = source.limits and source.limits.per_minute
        return {"source": self._sources.take(source.name, limit)} if limit else {}


def count_post(request: Request, source: HookSource) -> None:
    """Count a post against the limits of its source. Raises `Reject` (429).

    A source that has a secret is not counted until its sender is verified: strangers take none of its quota.
    """
    limits: PostLimits = request.app.state.gateway.post_limits
    _take(request, limits.take_address(source, client_address(request.scope)))
    if source.public:
        count_verified_post(request, source)


def count_verified_post(request: Request, source: HookSource) -> None:
    """Count a post whose sender may post to its source. Raises `Reject` (429)."""
    limits: PostLimits = request.app.state.gateway.post_limits
    _take(request, limits.take_source(source))


def _take(request: Request, quotas: Quotas) -> None:
    """Leave quotas in the request for the headers of its response. Raises `Reject` for an exceeded one."""
    request.state.quotas.update(quotas)
    for name, quota in quotas.items():
        if quota.retry_after_s:
            headers = (("retry-after", str(quota.retry_after_s)),)
            raise Reject(429, RATE_LIMITED, "Too many requests", _DETAIL[name], headers=headers)


def rate_limit_headers(quotas: Quotas) -> dict[str, str]:
    """Return `RateLimit-Policy` and `RateLimit` as in draft-ietf-httpapi-ratelimit-headers."""
    if not quotas:
        return {}
    policies = ", ".join(f'"{name}";q={quota.limit};w={WINDOW_S}' for name, quota in quotas.items())
    left = ", ".join(f'"{name}";r={quota.remaining};t={quota.reset_s}' for name, quota in quotas.items())
    return {"ratelimit-policy": policies, "ratelimit": left}
