"""Consumers on a simulated stream, with work that a test scripts."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from datetime import UTC, datetime
from random import Random
from typing import Any

from shared.health import Health
from shared.lead.events.envelope import Event
from shared.messaging.manifest import PEOPLE_ERASED
from shared.messaging.port import Partition, Record
from shared.observability.metrics import Metrics
from shared.worker.consumer import ConsumerDeps, ConsumerLimits
from shared.worker.dead_letters import DeadLetters
from shared.worker.decision import Outcome
from shared.worker.unit_of_work import Result
from tests.support.fixed_clock import FixedClock
from tests.support.simulated_stream import SimulatedBroker

P0 = Partition(PEOPLE_ERASED.name, 0)
VALUE = b'{"lead_ids":[],"email_hash":"","at":"2026-03-02T00:00:00Z"}'


class FakeWork:
    """Applies every event and emits nothing, after `step(number of the call)`."""

    def __init__(self, step: Callable[[int], Awaitable[None]] | None = None) -> None:
        self._step = step
        self.calls: list[float] = []
        self.units: list[list[str]] = []

    async def run(self, events: Sequence[Event[Any]]) -> Result:
        self.calls.append(asyncio.get_running_loop().time())
        self.units.append([event.id for event in events])
        if self._step is not None:
            await self._step(len(self.calls))
        return Result(outcomes=[(event, Outcome.APPLIED) for event in events])


def numbered_record(number: int, *, key: str | None = None, value: bytes = VALUE) -> Record:
    """Return the record at offset `number`, whose event has the number as id."""
    headers = [("ce_id", b"%d" % number), ("ce_source", b"/t"), ("ce_type", b"baton.person.erased.v1")]
    own_key = str(number) if key is None else key
    return Record(PEOPLE_ERASED.name, 0, number, own_key.encode(), value, headers, 0)


def calm_broker(*records: Record) -> SimulatedBroker:
    """Return a broker with one partition that holds these records and never fails."""
    broker = SimulatedBroker(Random(1), PEOPLE_ERASED.name, 1)
    broker.calm = True
    broker.log[P0].extend(records)
    return broker


async def consumer_deps(
    broker: SimulatedBroker,
    work: FakeWork,
    *,
    health: Health | None = None,
    metrics: Metrics | None = None,
    limits: ConsumerLimits | None = None,
) -> ConsumerDeps:
    """Return what a consumer of the role `ledger` works with."""
    sink = await broker.sink()
    return ConsumerDeps(
        role="ledger",
        topics=(PEOPLE_ERASED.name,),
        stream=broker,
        sink=sink,
        work=work,
        dead_letters=DeadLetters("ledger", sink, FixedClock(datetime(2026, 3, 2, tzinfo=UTC))),
        health=health or Health(),
        metrics=metrics or Metrics(),
        limits=limits or ConsumerLimits(batch=2, records_in_flight=3, drain_s=5.0),
    )
