"""The router shows how far reps are from their shares, and says once that a queue is over its bound."""

from __future__ import annotations

from msgspec.structs import asdict
from sqlalchemy import insert, update
from structlog.testing import capture_logs

from services.router.domain.fairness import LEAD
from services.router.domain.state import RepQueueRow
from services.router.fairness_monitor import FairnessMonitor
from services.router.tables import rep_queues
from shared.observability.metrics import Metrics
from shared.storage.database import Database


def value(metrics: Metrics, name: str, **labels: str) -> float | None:
    return metrics.registry.get_sample_value(name, labels)


async def put_balance(database: Database, balance: int) -> None:
    async with database.begin() as tx:
        await tx.execute(update(rep_queues).where(rep_queues.c.rep == "ana").values(balance=balance))
        await tx.execute(update(rep_queues).where(rep_queues.c.rep == "bob").values(balance=-balance))


async def test_deviations_are_shown_and_a_queue_over_its_bound_is_logged_once(database: Database):
    metrics = Metrics()
    monitor = FairnessMonitor(database, metrics)
    async with database.begin() as tx:
        rows = [RepQueueRow("sdr", "ana", 4), RepQueueRow("sdr", "bob", 5)]
        await tx.execute(insert(rep_queues), [asdict(row) for row in rows])
    said: list[str] = []
    for balance in (LEAD // 2, 3 * LEAD, 3 * LEAD, 0):
        await put_balance(database, balance)
        with capture_logs() as logged:
            assert await monitor.step() is False
        said += [line["event"] for line in logged]
        deviation = value(metrics, "baton_fairness_deviation_leads", queue="sdr", rep="ana")
        assert deviation == -balance / LEAD
        assert value(metrics, "baton_fairness_bound_leads", queue="sdr") == 1.0
    assert said == [
        "a queue is over its bound of fairness",
        "a queue is within its bound of fairness again",
    ]
