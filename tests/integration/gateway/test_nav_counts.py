"""The numbers in the sidebar of the console."""

from __future__ import annotations

from datetime import timedelta

from services.gateway.queries.nav_counts import count_for_nav
from services.router.domain.delivery import AttemptRow
from tests.integration.gateway.test_deliveries import delivering, failed, path

__all__ = ["delivering", "path"]


async def test_an_endpoint_fails_while_it_is_tried_again_or_its_latest_attempt_was_refused_for_good(
    gateway, path
):
    now = gateway.resources.clock.now()
    subscription = path.rpartition("/")[2]

    def attempt(endpoint: str, minutes: int, error: str | None = "answered 410") -> AttemptRow:
        status = 200 if error is None else 410
        at = now - timedelta(minutes=minutes)
        return AttemptRow(f"{endpoint} {minutes}", at, endpoint, 5, status, error, None)

    async def failing() -> int:
        async with gateway.resources.database.read() as tx:
            return (await count_for_nav(tx, None, now - timedelta(days=1))).failing

    assert await failing() == 0
    await gateway.store(
        failed(gateway, "queue:sdr", 1, state="pending", next_attempt_at=now + timedelta(hours=1)),
        failed(gateway, "queue:sdr", 2),
        failed(gateway, "removed", 3),
        failed(gateway, "queue:bdr", 30, state="gone"),
        *(attempt(endpoint, 60) for endpoint in ("queue:sdr", "removed", "queue:bdr")),
    )
    assert await failing() == 1
    await gateway.store(failed(gateway, subscription, 4, state="gone"), attempt(subscription, 30))
    assert await failing() == 2
    await gateway.store(attempt(subscription, 10, error=None))
    assert await failing() == 1
