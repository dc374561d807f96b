"""How many posts a source takes in a minute: from one address, and from everybody.

The limits are those of `sources.yaml`; each process counts its own posts.
"""

from __future__ import annotations

from collections.abc import Hashable, Mapping, Sequence
from typing import Final, Literal

from fastapi import Request

from services.gateway.domain.sources import HookSource
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


def count_post(request: Request, source: HookSource) -> None:
    """Count a post against the limits of its source. Raises `Reject` (429).

    An address is counted before everybody: one that floods a source takes no quota from the others. Of a
    source that has a secret everybody's quota is counted once the sender is verified: strangers take none.
    """
    limits = source.limits
    if limits is None:
        return
    counted: list[tuple[LimitName, Hashable, int]] = []
    if limits.per_address_per_minute:
        address = client_address(request.scope)
        counted.append(("address", (source.name, address), limits.per_address_per_minute))
    if limits.per_minute and source.public:
        counted.append(("source", source.name, limits.per_minute))
    if counted:
        _take(request, counted)


def count_verified_post(request: Request, source: HookSource) -> None:
    """Count a post whose sender may post to its source. Raises `Reject` (429)."""
    if source.limits is not None and source.limits.per_minute:
        _take(request, [("source", source.name, source.limits.per_minute)])


def _take(request: Request, counted: Sequence[tuple[LimitName, Hashable, int]]) -> None:
    """Leave quotas in the request for the headers of its response. Raises `Reject` for an exceeded one."""
    gateway = request.app.state.gateway
    limiter: SlidingWindowLimiter = gateway.post_limits
    quotas = limiter.take(gateway.clock.now(), *((key, limit) for _, key, limit in counted))
    for (name, _, _), quota in zip(counted, quotas, strict=False):  # an exceeded limit ends the list
        request.state.quotas[name] = quota
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
