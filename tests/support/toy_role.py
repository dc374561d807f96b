"""The smallest role that uses everything: it counts the actions on each lead and emits the count.

`python -m tests.support.toy_role` runs it as a process that tests kill. Its table is added to the shared
metadata by `add_table`, so that importing this module leaves the product's tables as they are.
"""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, ClassVar

from sqlalchemy import CheckConstraint, Column, Integer, String, Table

from services.tables import metadata
from shared.clock import SystemClock
from shared.errors import DataError
from shared.health import Health
from shared.lead.events.action_received import ActionReceivedV1
from shared.lead.events.envelope import Emit, Event
from shared.lead.events.outcome_received import OutcomeReceivedV1
from shared.lead.events.person_erased import PersonErasedV1
from shared.messaging.connect import connect
from shared.messaging.manifest import ACTIONS_RECEIVED
from shared.messaging.port import Stream
from shared.observability.metrics import Metrics
from shared.observability.tracing import Tracing
from shared.policy.versions import PolicyWatch
from shared.storage.database import Database, Tx
from shared.storage.rows import Change, IdentityMap, Put, Remove, Row
from shared.worker.consumer import ConsumerLimits
from shared.worker.decision import Outcome, Step
from shared.worker.erasure import Erasure, Redaction
from shared.worker.failpoints import from_environ
from shared.worker.handler import Handler
from shared.worker.role import Resources, Worker, run_worker
from shared.worker.rows import TimerRow
from shared.worker.timers import fired_timer

ROLE = "toy"
ACTION = "baton.action.received.v1"
COUNT_MAX = 1_000
PARTITIONS = 3
KIND = "wake"


def add_table() -> Table:
    """Add the toy's table to the metadata; take it out again with `metadata.remove`."""
    return Table(
        "toy_counters",
        metadata,
        Column("lead_id", String(50), primary_key=True),
        Column("count", Integer, CheckConstraint(f"count < {COUNT_MAX}", name="small"), nullable=False),
        Column("reason", String(50), nullable=False),
    )


class CounterRow(Row, frozen=True):
    """The number of actions on a lead, and the reason of the last one."""

    lead_id: str
    count: int
    reason: str
    table: ClassVar[str] = "toy_counters"
    key_fields: ClassVar[tuple[str, ...]] = ("lead_id",)


class ToyHandler(Handler):
    """Counts. `boom` cannot be decided, `refused` cannot be stored; a snooze sets a timer that counts too."""

    role = ROLE
    claimed = frozenset({ACTION})

    async def prepare(self, event: Event[Any]) -> Event[Any]:
        await asyncio.sleep(0)
        return event

    def decide(self, world: IdentityMap, event: Event[Any], at: datetime) -> Step:
        timer = fired_timer(event)
        if timer is not None:
            return self._count(world, timer.subject, "woke", at, [Remove(TimerRow, timer.key)])
        action: ActionReceivedV1 = event.data
        if action.reason == "boom":
            raise DataError("boom", kind="test")
        timers: list[Change] = []
        if action.until is not None:
            timers.append(Put(TimerRow(action.lead_id, ROLE, KIND, action.until)))
        return self._count(world, action.lead_id, action.reason or "", event.time, timers)

    def _count(self, world: IdentityMap, lead_id: str, reason: str, at: datetime, more: list[Change]) -> Step:
        row = world.get(CounterRow, lead_id) or CounterRow(lead_id, 0, "")
        count = COUNT_MAX if reason == "refused" else row.count + 1
        counted = OutcomeReceivedV1(type="accepted", at=at, lead_id=lead_id, reason=str(count))
        return Step(
            Outcome.APPLIED,
            [Put(CounterRow(lead_id, count, reason)), *more],
            [Emit(counted, lead_id, lead_id)],
        )

    def redact(self, rows: IdentityMap, erasure: Erasure, at: datetime) -> Redaction:
        return Redaction([Remove(CounterRow, (lead_id,)) for lead_id in erasure.lead_ids])


class ToyStore:
    """Loads and locks the counters."""

    async def load(self, tx: Tx, events: Sequence[Event[Any]]) -> Iterable[Row]:
        return await tx.load(
            CounterRow, "lead_id", [lead for event in events for lead in _leads(event)], lock=True
        )


def _leads(event: Event[Any]) -> Sequence[str]:
    if isinstance(event.data, PersonErasedV1):
        return event.data.lead_ids
    return [event.data.subject if fired_timer(event) else event.data.lead_id]


def stream_of(environ: Mapping[str, str]) -> Stream:
    """Return the stream that the environment names, not opened."""
    return connect(
        environ["BATON_STREAM_URL"],
        data_dir=Path(environ["BATON_DATA_DIR"]),
        prefix=environ["BATON_TOPIC_PREFIX"],
        partitions=PARTITIONS,
        retention_days=7,
        clock=SystemClock(),
        create_topics=True,
    )


async def main(environ: Mapping[str, str]) -> None:
    add_table()
    stop = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, stop.set)
    print("can be stopped", flush=True)
    stream, database = stream_of(environ), Database(environ["BATON_DATABASE_URL"])
    await stream.open()
    resources = Resources(
        clock=SystemClock(),
        database=database,
        stream=stream,
        policy=PolicyWatch(database),
        health=Health(),
        metrics=Metrics(),
        tracing=Tracing(None),
        secret=b"toy",
        partitions=PARTITIONS,
        limits=ConsumerLimits(
            batch=7, batches_in_flight=3, records_in_flight=9, commit_every_s=0.02, poll_wait_s=0.05
        ),
        sweep_after=timedelta(seconds=1),
        failpoint=from_environ(environ),
    )
    worker = Worker(
        ToyHandler(),
        ToyStore(),
        order_key=_order_key if environ.get("TOY_WINDOW") else None,
        topics=(ACTIONS_RECEIVED.name,),
    )
    try:
        await run_worker(resources, worker, stop)
    finally:
        await stream.close()
        await database.close()


def _order_key(event: Event[Any]) -> str:
    return str(event.data.lead_id)


if __name__ == "__main__":
    asyncio.run(main(os.environ))
