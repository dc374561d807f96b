"""Every role that a lead passes, in this process, on Kafka and PostgreSQL; together, or one by itself."""

from __future__ import annotations

import asyncio
import os
import time
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any, Final

from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient
from msgspec import Struct
from sqlalchemy import func, select

from services.enricher import bootstrap as enricher
from services.ledger import bootstrap as ledger
from services.router import bootstrap as router
from services.router.tables import deliveries
from services.scorer import bootstrap as scorer
from shared.health import Health
from shared.messaging.manifest import topics_read_by
from shared.observability.metrics import Metrics
from shared.observability.tracing import Tracing
from shared.settings import StandaloneSettings, load
from shared.storage.migrate import migrate
from shared.storage.rows import IdentityMap, Put
from shared.vault import Vault
from shared.web.signing import new_secret
from shared.webhooks import SealedSecret, Subscription, sealed_for
from shared.worker.process import open_resources
from shared.worker.role import Resources

ROLES: Final[Mapping[str, Any]] = {
    "enricher": enricher.run,
    "scorer": scorer.run,
    "router": partial(router.run, only="decide"),
    "router-deliver": partial(router.run, only="deliver"),
    "ledger": ledger.run,
}


LEADS: Final = 5_000
"""How many leads a round has: enough for its beginning and its end to be a small part of it."""


class Taken(Struct, frozen=True):
    """What a role took for a lead, in microseconds."""

    cpu_us: float
    wall_us: float


class AllRoles:
    """What the roles stand on, and the one subscription to `lead.routed`."""

    def __init__(self, resources: Resources, settings: StandaloneSettings) -> None:
        self.resources = resources
        self._settings = settings
        self.secret = new_secret(os.urandom(32))
        self.metrics = Metrics()

    async def subscribe(self, url: str) -> None:
        """Let every routed lead be told to `url`."""
        now = datetime.now(UTC)
        vault = Vault(self.resources.secret, os.urandom)
        sealed = SealedSecret(vault.seal(self.secret, purpose=sealed_for("bench")))
        rows = IdentityMap()
        rows.apply([Put(Subscription("bench", url, ["lead.routed"], None, "active", [sealed], now, now))])
        async with self.resources.database.begin() as tx:
            await tx.write(rows)

    @asynccontextmanager
    async def running(self, *names: str) -> AsyncIterator[None]:
        """Run these roles."""
        stop = asyncio.Event()
        health = Health(awaited=[f"{name}.stream" for name in names])
        self.metrics = Metrics()
        resources = replace(self.resources, health=health, metrics=self.metrics)
        async with asyncio.TaskGroup() as roles:
            for name in names:
                roles.create_task(ROLES[name](resources, stop, self._settings))
            async with asyncio.timeout(60):
                while not health.readiness().ready:
                    await asyncio.sleep(0.05)
            try:
                yield
            finally:
                stop.set()

    def units(self, role: str) -> int:
        """Return how many units of work a role has done since it was started."""
        return int(self.metrics.registry.get_sample_value("baton_batch_seconds_count", {"role": role}) or 0)

    def _done(self, role: str) -> float:
        return sum(
            sample.value
            for metric in self.metrics.records.collect()
            for sample in metric.samples
            if sample.name.endswith("_total") and sample.labels["role"] == role
        )

    async def worked(self, leads: int, *names: str) -> None:
        """Return when each role has dealt with as many records as new leads bring it, by its own count."""
        async with asyncio.timeout(300):
            while any(self._done(name) < leads * _RECORDS_A_LEAD.get(name, 1) for name in names):
                await asyncio.sleep(0.05)

    async def delivered(self) -> None:
        """Return when no delivery waits: an endpoint without a free slot gets the rest a little later."""
        async with asyncio.timeout(60):
            while await self.pending_deliveries():
                await asyncio.sleep(0.05)

    async def pending_deliveries(self) -> int:
        """Return how many deliveries wait for their next attempt."""
        waiting = select(func.count()).where(deliveries.c.next_attempt_at.is_not(None))
        async with self.resources.database.read() as tx:
            return int((await tx.execute(waiting)).scalar_one())

    async def alone(self, name: str, fed: int, leads: int = LEADS) -> Taken:
        """Let one role deal with the last `leads` of the `fed` leads; return what it took from when it was ready."""
        async with self.running(name):
            began, cpu = time.perf_counter(), time.process_time()
            await self.worked(leads, name)
            await self.caught_up(fed, name)
            wall_s, cpu_s = time.perf_counter() - began, time.process_time() - cpu
            await self.delivered()
        return Taken(cpu_s / leads * 1e6, wall_s / leads * 1e6)

    async def caught_up(self, leads: int, *names: str) -> None:
        """Return when these roles have committed all that is there, and so many leads passed the last topic."""
        servers = self._settings.kafka_servers[0]
        prefix = self._settings.topic_prefix
        admin = AIOKafkaAdminClient(bootstrap_servers=servers)
        consumer = AIOKafkaConsumer(bootstrap_servers=servers)
        await admin.start()
        await consumer.start()
        try:
            async with asyncio.timeout(300):
                while not await _none_behind(admin, consumer, prefix, leads, names):
                    await asyncio.sleep(0.5)
        finally:
            await consumer.stop()
            await admin.close()


async def _none_behind(
    admin: AIOKafkaAdminClient, consumer: AIOKafkaConsumer, prefix: str, leads: int, names: tuple[str, ...]
) -> bool:
    for name in names:
        topics = [f"{prefix}.{topic.name}" for topic in topics_read_by(name)]
        parts = [TopicPartition(topic, number) for topic in topics for number in range(6)]
        committed = await admin.list_consumer_group_offsets(f"{prefix}.{name}")
        ends = await consumer.end_offsets(parts)
        path = sum(end for part, end in ends.items() if part.topic.endswith(_LAST_READ[name]))
        if path < leads or any(end > max(0, _offset(committed, part)) for part, end in ends.items()):
            return False
    return True


_RECORDS_A_LEAD = {"ledger": 4}
_LAST_READ = {
    "enricher": "leads.received.v1",
    "scorer": "leads.enriched.v1",
    "router": "leads.scored.v1",
    "router-deliver": "leads.routed.v1",
    "ledger": "leads.routed.v1",
}


def _offset(committed: Mapping[TopicPartition, Any], part: TopicPartition) -> int:
    found = committed.get(part)
    return found.offset if found else 0


@asynccontextmanager
async def all_roles(kafka: str, database_url: str, prefix: str, folder: Path) -> AsyncIterator[AllRoles]:
    """Open what the roles stand on."""
    await migrate(database_url)
    settings = load(
        StandaloneSettings,
        {
            "BATON_DATA_DIR": str(folder),
            "BATON_STREAM_URL": f"kafka://{kafka}",
            "BATON_DATABASE_URL": database_url,
            "BATON_TOPIC_PREFIX": prefix,
            "BATON_EGRESS_ALLOW": "127.0.0.0/8",
            "BATON_PROVIDERS_ALLOW": "127.0.0.0/8",
            "BATON_ADMIN_KEY": "bench" * 8,
            "BATON_SECRET_KEY": "bench",
        },
    )
    async with open_resources(
        settings, asyncio.Event(), health=Health(), metrics=Metrics(), tracing=Tracing(None)
    ) as resources:
        assert resources is not None
        yield AllRoles(resources, settings)
