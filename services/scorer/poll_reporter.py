"""Sets the timers of sources that ask their vendors, and tells operators how they fare."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from typing import Final

import structlog
from sqlalchemy import delete, select

from services.scorer.domain.poll_rows import POLL_STATES, PollSourceRow
from services.scorer.domain.polls import POLL
from services.scorer.domain.update_score import ROLE
from services.scorer.tables import poll_sources, polled_accounts
from shared.clock import Clock
from shared.health import Health
from shared.observability.metrics import Metrics
from shared.storage.database import Database
from shared.storage.rows import IdentityMap, Put
from shared.worker.rows import TimerRow

log = structlog.get_logger()

CHECK: Final = "scorer.signal_polls"


class PollReporter:
    """Sets timers and reports states in readiness, metric and log.

    `sources` returns the names of the sources that ask their vendors now.
    """

    def __init__(
        self,
        sources: Callable[[], Collection[str]],
        database: Database,
        clock: Clock,
        *,
        metrics: Metrics,
        health: Health,
    ) -> None:
        self._sources = sources
        self._database = database
        self._clock = clock
        self._metrics = metrics
        self._health = health
        self._reported_states: dict[str, str] = {}

    async def step(self) -> bool:
        """Set missing timers, forget sources that ask no more, report. Raises `Retry` without a database."""
        sources = set(self._sources())
        async with self._database.read() as tx:
            found = await tx.load(TimerRow, "subject", sources, role=ROLE)
            rows = [PollSourceRow(**row) for row in (await tx.execute(select(poll_sources))).mappings()]
        missing = sources - {timer.subject for timer in found if timer.kind == POLL}
        gone = {row.source for row in rows} - sources
        if missing or gone:
            async with self._database.begin() as tx:
                for table in (poll_sources, polled_accounts):
                    await tx.execute(delete(table).where(table.c.source.in_(sorted(gone))))
                new = IdentityMap()
                new.apply(Put(TimerRow(name, ROLE, POLL, self._clock.now())) for name in sorted(missing))
                await tx.write(new)
        self._report({row.source: row for row in rows if row.source in sources})
        return False

    def _report(self, rows: Mapping[str, PollSourceRow]) -> None:
        for name, row in rows.items():
            before = self._reported_states.get(name, "active")
            if row.state != before and row.state == "active":
                log.info("signals are polled again", source=name, before=before)
            elif row.state != before:
                log.warning("signals are not polled", source=name, state=row.state, reason=row.reason)
        for name in self._reported_states.keys() | rows.keys():
            for state in POLL_STATES:
                is_present = name in rows and rows[name].state == state
                self._metrics.signal_poll_state.labels(name, state).set(is_present)
        self._reported_states = {name: row.state for name, row in rows.items()}
        detail = "; ".join(
            f"{name} is {row.state}: {row.reason}"
            for name, row in sorted(rows.items())
            if row.state != "active"
        )
        if rows or detail:
            self._health.set(CHECK, ok=True, detail=detail)
