"""Fixtures: a scorer on each database, with its store, its unit of work and its timers."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from sqlalchemy import func, select

from services.scorer.handlers import LiveScorerHandler
from services.scorer.policy import scoring_policy
from services.scorer.storage import ScorerStore
from shared.lead.events.envelope import Event, decode
from shared.messaging.port import Ack, Outgoing, Record
from shared.policy.per_version import PerVersion
from shared.storage.database import Database
from shared.worker.outbox import Outbox
from shared.worker.timers import Timers
from shared.worker.unit_of_work import Result, UnitOfWork
from tests.support.enriched_leads import AT
from tests.support.fixed_clock import FixedClock
from tests.support.scoring_policies import default_compiled


class NoSink:
    """Nothing is published here: what matters is in the tables."""

    async def send(self, out: list[Outgoing]) -> Ack:
        raise NotImplementedError

    async def close(self) -> None: ...


class StoredScorer:
    """A scorer at a database, and a clock that the test moves. `emitted` has every event it emitted so far."""

    def __init__(self, database: Database, clock: FixedClock) -> None:
        self.database = database
        self.clock = clock
        self.emitted: list[Event[Any]] = []
        self.timers = Timers("scorer", database, clock)
        self.active = default_compiled()
        self.policies = PerVersion(lambda: self.active, scoring_policy)

    async def process(
        self, *events: Event[Any], failpoint: Callable[[str], None] = lambda _name: None
    ) -> Result:
        box = Outbox("scorer", self.database, NoSink(), self.clock, partitions=6)  # type: ignore[arg-type]
        handler = LiveScorerHandler(self.policies)
        work = UnitOfWork(
            handler, ScorerStore(), self.database, box, self.clock, keyed_hash=_hashed, failpoint=failpoint
        )
        result = await work.run(events)
        self.emitted += map(decoded, result.outgoing)
        return result

    async def emitted_by(self, *events: Event[Any]) -> list[Any]:
        """Process events; return the data of the events that they led to."""
        return [decoded(out).data for out in (await self.process(*events)).outgoing]

    async def fire_due(self, *, failpoint: Callable[[str], None] = lambda _name: None) -> Result:
        """Process the timers that are due."""
        return await self.process(*await self.timers.lease_due(200), failpoint=failpoint)

    async def row(self, kind: type[Any], table: Any, *key: str) -> Any:
        """Return the stored row of that key, None when there is none."""
        async with self.database.read() as tx:
            column = next(iter(table.primary_key))
            found = (await tx.execute(select(table).where(column == key[0]))).one_or_none()
            return kind(*found) if found else None

    async def count(self, table: Any) -> int:
        """Return the number of rows in a table."""
        async with self.database.read() as tx:
            return int((await tx.execute(select(func.count()).select_from(table))).scalar_one())


def _hashed(subject: str) -> str:
    return f"hash of {subject}"[:64]


def decoded(out: Outgoing) -> Event[Any]:
    """Return the event in a record that is about to be published."""
    return decode(Record(out.topic, 0, 0, out.key, out.value, out.headers, 0))


@pytest.fixture
def clock() -> FixedClock:
    """A clock that stands at `AT` until the test moves it."""
    return FixedClock(AT)


@pytest.fixture
def scorer(database: Database, clock: FixedClock) -> StoredScorer:
    """A scorer with the default policy."""
    return StoredScorer(database, clock)
