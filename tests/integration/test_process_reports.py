"""A process tells in the database how it is, so that the gateway can say it of all."""

from __future__ import annotations

from datetime import timedelta

from services.gateway.queries.status import newest_by_topic, reported_processes
from shared.health import Health
from shared.readiness import Check, TopicProgress
from shared.storage.database import Database
from shared.worker.process_reports import ProcessReporter, process_id
from shared.worker.tables import processes
from tests.support.fixed_clock import FixedClock
from tests.support.scored_leads import AT


async def test_a_process_reports_until_it_stops(database: Database):
    health, clock = Health(awaited=("router.stream",)), FixedClock(AT)
    reporter = ProcessReporter(database, health, clock)
    async with database.begin() as tx:  # one that died long ago, and one that died just now
        for name, ago in (("old:1", timedelta(days=1)), ("new:1", timedelta(minutes=1))):
            row = {"id": name, "started_at": AT - ago, "at": AT - ago, "checks": {}, "unread": {}}
            await tx.execute(processes.insert(), row)
    await reporter.step()
    clock.advance(timedelta(seconds=5))
    health.set("router.stream", ok=True)
    health.progress["router"] = {"leads.scored.v1": TopicProgress(4, AT)}
    await reporter.step()
    async with database.read() as tx:
        own, other = sorted(await reported_processes(tx), key=lambda process: process.id == "new:1")
        newest = await newest_by_topic(tx)
    assert (own.id, own.started_at, own.at) == (process_id(), AT, AT + timedelta(seconds=5))
    assert own.checks == {"router.stream": Check(ok=True, detail="")}
    assert own.unread == {"router": {"leads.scored.v1": 4}}
    assert other.id == "new:1"
    assert newest == {"leads.scored.v1": AT}
    await reporter.withdraw()
    async with database.read() as tx:
        assert [process.id for process in await reported_processes(tx)] == ["new:1"]


async def test_the_newest_record_of_a_topic_never_becomes_older(database: Database):
    """Two processes of a role read different partitions of a topic, and a new one has read nothing yet."""
    for role, at in (
        ("ledger", AT),
        ("ledger", AT - timedelta(hours=1)),
        ("scorer", AT - timedelta(hours=2)),
    ):
        health = Health()
        health.progress[role] = {
            "leads.enriched.v1": TopicProgress(0, at),
            "people.erased.v1": TopicProgress(0, None),
        }
        await ProcessReporter(database, health, FixedClock(AT)).step()
    async with database.read() as tx:
        assert await newest_by_topic(tx) == {"leads.enriched.v1": AT}
