"""What operators are told of the providers, on both databases: log, readiness, metric and table."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import select
from structlog.testing import capture_logs

from services.enricher.domain.provider_status import ProviderStatus
from services.enricher.provider_reporter import ProviderReporter
from services.enricher.tables import provider_states
from shared.health import Health
from shared.observability.metrics import Metrics
from shared.readiness import Check
from shared.storage.database import Database
from tests.support.fixed_clock import FixedClock

NOW = datetime(2026, 3, 1, 9, 0, tzinfo=UTC)
REFUSED = ProviderStatus("paused", "its API key is refused (status 401)")
ACTIVE = ProviderStatus("active")


class Reports:
    """A reporter whose providers the test sets, and what it told."""

    def __init__(self, database: Database, **statuses: ProviderStatus) -> None:
        self.database = database
        self.statuses = statuses
        self.clock = FixedClock(NOW)
        self.metrics, self.health = Metrics(), Health()
        self.log: list[tuple[Any, ...]] = []
        self.restart()

    def restart(self) -> None:
        self._reporter = ProviderReporter(
            lambda: dict(self.statuses), self.database, self.clock, metrics=self.metrics, health=self.health
        )

    async def step(self) -> None:
        self.clock.advance(timedelta(seconds=1))
        with capture_logs() as lines:
            await self._reporter.step()
        self.log += [(line["event"], line["provider"], line.get("state")) for line in lines]

    async def rows(self) -> list[tuple[Any, ...]]:
        async with self.database.read() as tx:
            rows = await tx.execute(select(provider_states).order_by(provider_states.c.provider))
            return [tuple(row) for row in rows]

    @property
    def check(self) -> Check:
        return self.health.readiness().checks["enricher.providers"]

    def gauge(self, provider: str, state: str) -> float | None:
        return self.metrics.registry.get_sample_value(
            "baton_provider_state", {"provider": provider, "state": state}
        )


@pytest.fixture
def reports(database) -> Reports:
    return Reports(database, apollo=ACTIVE, clearbit=ProviderStatus("no_key", "CLEARBIT_API_KEY is not set"))


async def test_a_missing_key_is_told_at_the_start(reports):
    await reports.step()
    assert reports.log == [("provider not active", "clearbit", "no_key")]
    assert reports.check == Check(ok=True, detail="clearbit is no_key: CLEARBIT_API_KEY is not set")
    assert (reports.gauge("clearbit", "no_key"), reports.gauge("clearbit", "active")) == (1, 0)
    at = NOW + timedelta(seconds=1)
    assert await reports.rows() == [
        ("apollo", "active", "", at),
        ("clearbit", "no_key", "CLEARBIT_API_KEY is not set", at),
    ]


async def test_each_change_is_one_line_and_begins_a_new_state(reports):
    await reports.step()
    for status in (REFUSED, REFUSED, REFUSED, ACTIVE, ACTIVE):
        reports.statuses["apollo"] = status
        await reports.step()
    assert reports.log[1:] == [
        ("provider not active", "apollo", "paused"),
        ("provider active again", "apollo", None),
    ]
    assert (await reports.rows())[0] == ("apollo", "active", "", NOW + timedelta(seconds=5))
    assert "apollo" not in reports.check.detail
    assert (reports.gauge("apollo", "paused"), reports.gauge("apollo", "active")) == (0, 1)


async def test_another_reason_for_the_same_state_is_shown_but_neither_logged_nor_a_new_beginning(reports):
    for reason in ("first", "second"):
        reports.statuses["apollo"] = ProviderStatus("limited", reason)
        await reports.step()
    assert [line[1] for line in reports.log] == ["apollo", "clearbit"]
    assert (await reports.rows())[0] == ("apollo", "limited", "second", NOW + timedelta(seconds=1))
    assert "apollo is limited: second" in reports.check.detail


async def test_a_restart_keeps_since_when_a_state_holds(reports):
    reports.statuses["apollo"] = REFUSED
    await reports.step()
    before = await reports.rows()
    reports.restart()
    await reports.step()
    assert await reports.rows() == before
    assert [line[1] for line in reports.log] == ["apollo", "clearbit"] * 2


async def test_a_provider_that_the_policy_no_longer_has_is_forgotten(reports):
    await reports.step()
    del reports.statuses["clearbit"]
    await reports.step()
    assert [row[0] for row in await reports.rows()] == ["apollo"]
    assert reports.check.detail == ""
    assert reports.gauge("clearbit", "no_key") == 0
