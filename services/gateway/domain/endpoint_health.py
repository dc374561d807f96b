"""How well the endpoints of webhooks answer, from their latest attempts. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime
from math import ceil
from typing import Any, Final

from msgspec import Struct

FAILING_SHARE: Final = 0.5
"""An endpoint that takes less than this share of what it is sent counts as failing."""


class EndpointHealth(Struct, frozen=True):
    """What became of the latest attempts at one endpoint. `p95_ms` is of those that were answered."""

    attempts: int
    arrived: int
    p95_ms: int | None
    last_failure_at: datetime | None
    last_failure: str | None
    fails_now: bool

    @property
    def share(self) -> float:
        """The share of the attempts that arrived."""
        return self.arrived / self.attempts


def endpoint_health(attempts: Iterable[Mapping[str, Any]]) -> dict[str, EndpointHealth]:
    """Return the health of each endpoint, by its id. The newest attempts come first.

    An endpoint fails now when its latest attempt failed, or most of them did.
    """
    by_endpoint: dict[str, list[Mapping[str, Any]]] = {}
    for attempt in attempts:
        by_endpoint.setdefault(attempt["subscription_id"], []).append(attempt)
    return {endpoint: _health(of_endpoint) for endpoint, of_endpoint in by_endpoint.items()}


def _health(attempts: list[Mapping[str, Any]]) -> EndpointHealth:
    failed = [one for one in attempts if one["error"] is not None]
    answered = sorted(one["ms"] for one in attempts if one["status"] is not None)
    arrived = len(attempts) - len(failed)
    return EndpointHealth(
        attempts=len(attempts),
        arrived=arrived,
        p95_ms=answered[ceil(0.95 * len(answered)) - 1] if answered else None,
        last_failure_at=failed[0]["at"] if failed else None,
        last_failure=failed[0]["error"] if failed else None,
        fails_now=attempts[0]["error"] is not None or arrived < FAILING_SHARE * len(attempts),
    )
