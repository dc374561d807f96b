"""The scorer on SQLite and PostgreSQL: what is told, what is kept, and that nothing is told twice."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import func, select

from services.scorer.adapters.store import ScorerStore
from services.scorer.domain.builtin import builtin_policy, builtin_seeds
from services.scorer.handlers import ScorerHandler
from shared.clock import FixedClock
from shared.events.envelope import Event, decode
from shared.events.parts import Trigger
from shared.runtime.handler import Outcome
from shared.runtime.outbox import Outbox
from shared.runtime.timers import Timers
from shared.runtime.unit_of_work import Result, UnitOfWork
from shared.sql.engine import Database
from shared.sql.tables.common import inputs, timers
from shared.sql.tables.scorer import accounts, rescores, scores
from shared.stream.port import Ack, Outgoing, Record
from tests.support.databases import database, database_url  # noqa: F401
from tests.support.enriched_leads import AT, did, enriched_lead, event_of


class NoSink:
    """Nothing is published here: what matters is in the tables."""

    async def send(self, out: list[Outgoing]) -> Ack:
        raise NotImplementedError

    async def close(self) -> None: ...


class Desk:
    """A scorer at a database, and a clock that is moved by hand."""

    def __init__(self, database: Database, clock: FixedClock) -> None:  # noqa: F811
        self.database = database
        self.clock = clock
        self.said: list[Event[Any]] = []
        self.timers = Timers("scorer", database, clock)

    async def take(
        self, *events: Event[Any], failpoint: Callable[[str], None] = lambda _name: None
    ) -> Result:
        box = Outbox("scorer", self.database, NoSink(), self.clock, partitions=6)  # type: ignore[arg-type]
        handler = ScorerHandler(builtin_policy(), builtin_seeds(), _hashed)
        work = UnitOfWork(
            handler, ScorerStore(), self.database, box, self.clock, tombstone_of=_hashed, failpoint=failpoint
        )
        result = await work.run(events)
        self.said += map(_event, result.outgoing)
        return result

    async def told(self, *events: Event[Any]) -> list[Any]:
        """Return the data of what these events led to."""
        return [_event(out).data for out in (await self.take(*events)).outgoing]

    async def fire(self, *, failpoint: Callable[[str], None] = lambda _name: None) -> Result:
        return await self.take(*await self.timers.take(200), failpoint=failpoint)

    async def one(self, kind: type[Any], table: Any, *key: str) -> Any:
        async with self.database.read() as tx:
            column = next(iter(table.primary_key))
            found = (await tx.execute(select(table).where(column == key[0]))).one_or_none()
            return kind(*found) if found else None

    async def count(self, table: Any) -> int:
        async with self.database.read() as tx:
            return int((await tx.execute(select(func.count()).select_from(table))).scalar_one())


def _hashed(subject: str) -> str:
    return f"hash of {subject}"[:64]


def _event(out: Outgoing) -> Event[Any]:
    return decode(Record(out.topic, 0, 0, out.key, out.value, out.headers, 0))


def _outcomes(result: Result) -> list[Outcome]:
    return [outcome for _event, outcome in result.outcomes]


@pytest.fixture
def clock() -> FixedClock:
    return FixedClock(AT)


@pytest.fixture
def desk(database: Database, clock: FixedClock) -> Desk:  # noqa: F811
    return Desk(database, clock)


async def test_a_lead_is_scored_and_told_with_its_account(desk: Desk) -> None:
    lead = enriched_lead(activities=[did("demo_request", timedelta(minutes=1))])
    [scored] = await desk.told(event_of(lead, causation_id="received-1"))
    assert (scored.score.grade, scored.score.band, scored.score.fit) == ("A1", "sql", 100)
    assert scored.trigger == Trigger("lead", "received-1", "demo_request")
    assert (scored.sequence, scored.revision, scored.policy_version) == (1, 1, "builtin")
    assert (scored.account_view.people, scored.account_view.high_intent_people) == (1, 1)
    assert scored.account_view.market == "core"
    assert scored.score.fit == sum(line.points for line in scored.score.lines if line.part == "fit")
    assert scored.score.intent == sum(line.points for line in scored.score.lines if line.part != "fit")


async def test_a_lead_without_intent_costs_two_rows(desk: Desk) -> None:
    await desk.take(event_of(enriched_lead()))
    tables = (scores, accounts, rescores, inputs, timers)
    assert [await desk.count(table) for table in tables] == [1, 1, 0, 0, 0]


async def test_a_new_revision_and_late_answers_are_told_apart(desk: Desk) -> None:
    await desk.take(event_of(enriched_lead()))
    [later] = await desk.told(event_of(enriched_lead(sequence=2), causation_id="received-1"))
    [again] = await desk.told(event_of(enriched_lead(sequence=3, revision=2), causation_id="received-2"))
    assert later.trigger == Trigger("enrichment", "received-1")
    assert again.trigger == Trigger("lead", "received-2")
    assert [later.sequence, again.sequence] == [2, 3]


async def test_what_is_older_or_the_same_is_not_scored_again(desk: Desk) -> None:
    newest, same, older = (event_of(enriched_lead(sequence=sequence)) for sequence in (2, 2, 1))
    result = await desk.take(newest, same, older)
    assert _outcomes(result) == [Outcome.APPLIED, Outcome.UNCHANGED, Outcome.SUPERSEDED]
    assert len(result.outgoing) == 1
