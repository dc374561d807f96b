"""How well endpoints answer, by their latest attempts."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

from services.gateway.domain.endpoint_health import endpoint_health

NOW = datetime(2026, 3, 2, 9, tzinfo=UTC)


def attempt(number: int, *, endpoint: str = "crm", ms: int = 10, error: str | None = None) -> dict[str, Any]:
    """Return an attempt of so many minutes ago; one without an answer has no status."""
    at = NOW - timedelta(minutes=number)
    status = 200 if error is None else 503 if error.startswith("answered") else None
    return {"subscription_id": endpoint, "at": at, "ms": ms, "status": status, "error": error}


def test_share_and_latency_and_last_failure_of_each_endpoint():
    attempts = [attempt(0, ms=5), attempt(1, error="answered 503", ms=900), attempt(2), attempt(3)]
    attempts += [attempt(4, endpoint="warehouse", error="connection refused", ms=3)]
    health = endpoint_health(attempts)
    crm, warehouse = health["crm"], health["warehouse"]
    assert (crm.attempts, crm.arrived, crm.share, crm.p95_ms) == (4, 3, 0.75, 900)
    assert (crm.last_failure, crm.last_failure_at) == ("answered 503", NOW - timedelta(minutes=1))
    assert not crm.fails_now
    assert (warehouse.share, warehouse.p95_ms, warehouse.fails_now) == (0.0, None, True)


def test_an_endpoint_fails_now_when_the_latest_attempt_failed_or_most_did():
    def fails(*errors: str | None) -> bool:
        attempts = [attempt(number, error=error) for number, error in enumerate(errors)]
        return endpoint_health(attempts)["crm"].fails_now

    assert fails("answered 500", None, None, None)
    assert fails(None, "answered 500", "answered 500")
    assert not fails(None, "answered 500")
    assert endpoint_health([]) == {}
