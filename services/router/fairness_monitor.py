"""Shows live how far each rep is from the share of a queue, and says so once when that is over the bound."""

from __future__ import annotations

import structlog
from sqlalchemy import select

from services.router.domain.fairness import fairness_of
from services.router.domain.state import RepQueueRow
from services.router.queries import queue_rows
from services.router.tables import rep_queues
from shared.observability.metrics import Metrics
from shared.storage.database import Database

log = structlog.get_logger()


class FairnessMonitor:
    """Sets the gauges from the rotation rows. Logs when a queue comes over its bound, and back within it."""

    def __init__(self, database: Database, metrics: Metrics) -> None:
        self._database = database
        self._metrics = metrics
        self._over: frozenset[str] = frozenset()

    async def step(self) -> bool:
        """Measure all queues once."""
        async with self._database.read() as tx:
            rows = [RepQueueRow(*tuple(row)) for row in await tx.execute(select(rep_queues))]
            queues = fairness_of(rows, await queue_rows(tx))
        deviations, bounds = self._metrics.fairness_deviation, self._metrics.fairness_bound
        # Reps who were erased from the rows would stay otherwise.
        deviations.clear()
        bounds.clear()
        over: set[str] = set()
        for queue in queues:
            bounds.labels(queue.queue).set(queue.bound)
            for rep in queue.reps:
                deviations.labels(queue.queue, rep.rep).set(rep.deviation)
            if not queue.within_bound:
                over.add(queue.queue)
            if not queue.within_bound and queue.queue not in self._over:
                beyond = {rep.rep: rep.deviation for rep in queue.reps if not rep.within_bound}
                log.error(
                    "a queue is over its bound of fairness",
                    queue=queue.queue,
                    bound=queue.bound,
                    leads=beyond,
                )
        for name in sorted(self._over - over):
            log.info("a queue is within its bound of fairness again", queue=name)
        self._over = frozenset(over)
        return False
