"""Tells operators of the providers' states: in the log when one changes, in readiness, metric and table.

The enricher's look-ups never wait for it. With several enrichers the table has what one of them reported
last: each learns of a refused key or of a limit by calls of its own.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Final

import structlog
from sqlalchemy import select

from services.enricher.domain.provider_status import (
    PROVIDER_STATES,
    ProviderStateRow,
    ProviderStatus,
)
from services.enricher.tables import provider_states
from shared.clock import Clock
from shared.health import Health
from shared.observability.metrics import Metrics
from shared.storage.database import Database
from shared.storage.rows import Change, IdentityMap, Put, Remove

log = structlog.get_logger()

CHECK: Final = "enricher.providers"
"""The readiness check: always ok, since leads go on without a provider; its detail names those not active."""


class ProviderReporter:
    """Reports the providers' states when they change. `statuses` returns the present ones by name."""

    def __init__(
        self,
        statuses: Callable[[], Mapping[str, ProviderStatus]],
        database: Database,
        clock: Clock,
        *,
        metrics: Metrics,
        health: Health,
    ) -> None:
        self._statuses = statuses
        self._database = database
        self._clock = clock
        self._metrics = metrics
        self._health = health
        self._reported: dict[str, ProviderStateRow] | None = None

    async def step(self) -> bool:
        """Report what has changed since the last time. Raises `Retry` while the database is away."""
        reported = self._reported
        if reported is None:
            async with self._database.read() as tx:
                stored = (await tx.execute(select(provider_states))).mappings()
                reported = {row["provider"]: ProviderStateRow(**row) for row in stored}
        now, statuses = self._clock.now(), self._statuses()
        rows = {
            name: ProviderStateRow(
                name,
                status.state,
                status.reason,
                before.since if (before := reported.get(name)) and before.state == status.state else now,
            )
            for name, status in statuses.items()
        }
        changes: list[Change] = [Put(row) for name, row in rows.items() if row != reported.get(name)]
        changes += [Remove(ProviderStateRow, (name,)) for name in reported.keys() - rows.keys()]
        if changes:
            async with self._database.begin() as tx:
                table = IdentityMap(reported.values())
                table.apply(changes)
                await tx.write(table)
        if changes or self._reported is None:
            self._report(self._reported or {}, rows)
        self._reported = rows
        return False

    def _report(self, before: Mapping[str, ProviderStateRow], after: Mapping[str, ProviderStateRow]) -> None:
        """Log what changed, and set the metric and the readiness detail of every provider."""
        for name, row in after.items():
            state_before = before[name].state if name in before else "active"
            if row.state == "active" != state_before:
                log.info("provider active again", provider=name, before=state_before)
            elif row.state != state_before:
                log.warning("provider not active", provider=name, state=row.state, reason=row.reason)
        for name in before.keys() | after.keys():
            state = after[name].state if name in after else None
            for one in PROVIDER_STATES:
                self._metrics.provider_state.labels(name, one).set(one == state)
        detail = "; ".join(
            f"{name} is {row.state}: {row.reason}" for name, row in after.items() if row.state != "active"
        )
        self._health.set(CHECK, ok=True, detail=detail)
