"""The one path that takes locks: load, fold the decision, write, outbox, commit.

A unit of work takes events in order and gives records to publish. Every event sees the world as the ones
before it left it. Events that were decided before (claimed) change nothing. An event that cannot be
decided, or whose rows the database refuses, is set aside with its error and leaves no trace; to find
it among many, the unit is halved until it stands alone.
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Protocol

from shared.clock import Clock
from shared.errors import DataError, Retry
from shared.lead.events.envelope import Event, emitted, encode
from shared.messaging.manifest import RECORD_BYTES_MAX
from shared.messaging.port import Outgoing
from shared.storage.database import Database, Tx
from shared.storage.rows import IdentityMap, Put
from shared.worker.decision import Outcome, Step
from shared.worker.handler import Handler, Store
from shared.worker.outbox import Outbox
from shared.worker.rows import InputRow, TimerRow, TombstoneRow
from shared.worker.timers import fired_timer

Failpoint = Callable[[str], None]
"""Called by name at the places where a crash must not matter; fault tests die there."""

_ATTEMPTS_MAX = 5
EMIT_BYTES_MAX = RECORD_BYTES_MAX - 16 * 1024
"""Leaves room for the headers of a record."""


@dataclass(slots=True)
class Result:
    """What a unit of work gave. `rejected` are the events that can never be decided, with the reason."""

    outgoing: list[Outgoing] = field(default_factory=list)
    outbox_ids: list[int] = field(default_factory=list)
    outcomes: list[tuple[Event[Any], Outcome]] = field(default_factory=list)
    rejected: list[tuple[Event[Any], DataError]] = field(default_factory=list)

    def extend(self, other: Result) -> None:
        self.outgoing += other.outgoing
        self.outbox_ids += other.outbox_ids
        self.outcomes += other.outcomes
        self.rejected += other.rejected


class Work(Protocol):
    """What a drive hands its events to."""

    async def run(self, events: Sequence[Event[Any]]) -> Result:
        """Decide the events in order; durable when it returns.

        Raises `Retry` when it is not known to be: the same events may be given again. What had become
        durable of them by then changes nothing again, and is published from the outbox.
        """
        ...


class StatelessUnit:
    """Work of a handler that keeps nothing: decide, and that is all."""

    def __init__(self, handler: Handler, clock: Clock) -> None:
        self._handler = handler
        self._clock = clock

    async def run(self, events: Sequence[Event[Any]]) -> Result:
        result = Result()
        fold(self._handler.for_unit(), IdentityMap(), events, self._clock.now(), result=result)
        return result


class UnitOfWork:
    """Work of a handler with rows."""

    def __init__(
        self,
        handler: Handler,
        store: Store,
        database: Database,
        outbox: Outbox,
        clock: Clock,
        *,
        tombstone_of: Callable[[str], str],
        failpoint: Failpoint = lambda _name: None,
    ) -> None:
        self._handler = handler
        self._store = store
        self._database = database
        self._outbox = outbox
        self._clock = clock
        self._tombstone_of = tombstone_of
        self._failpoint = failpoint

    async def run(self, events: Sequence[Event[Any]]) -> Result:
        if not events:
            return Result()
        try:
            return await self._insist(events)
        except DataError as error:
            if len(events) == 1:
                return Result(rejected=[(events[0], error)])
        middle = len(events) // 2
        result = await self.run(events[:middle])
        result.extend(await self.run(events[middle:]))
        return result

    async def _insist(self, events: Sequence[Event[Any]]) -> Result:
        """Try again a few times when another transaction won."""
        for attempt in range(1, _ATTEMPTS_MAX):
            try:
                return await self._once(events)
            except Retry:
                await asyncio.sleep(random.uniform(0.005, 0.02) * 2**attempt)
        return await self._once(events)

    async def _once(self, events: Sequence[Event[Any]]) -> Result:
        at, handler = self._clock.now(), self._handler.for_unit()
        result = Result()
        async with self._database.begin() as tx:
            hashes = {event.subject: self._tombstone_of(event.subject) for event in events}
            world = await self._load(tx, events, hashes)
            self._failpoint("after_claim")
            fold(handler, world, events, at, result=result, tombstone_of=hashes.__getitem__)
            await tx.write(world)
            result.outbox_ids = await self._outbox.put(tx, result.outgoing, at)
        self._failpoint("after_commit")
        return result

    async def _load(self, tx: Tx, events: Sequence[Event[Any]], hashes: Mapping[str, str]) -> IdentityMap:
        """Load the role's rows, and the claims, timers and tombstones that the fold itself looks at."""
        role = self._handler.role
        world = IdentityMap(await self._store.load(tx, events))
        claims = [event.id for event in events if event.type in self._handler.claimed]
        world.add(await tx.load(InputRow, "id", claims, role=role))
        fired = [event.subject for event in events if fired_timer(event)]
        world.add(await tx.load(TimerRow, "subject", fired, lock=True, role=role))
        erased = [hashed for subject, hashed in hashes.items() if subject]
        world.add(await tx.load(TombstoneRow, "hash", erased, role=role))
        return world


def fold(
    handler: Handler,
    world: IdentityMap,
    events: Sequence[Event[Any]],
    at: datetime,
    *,
    result: Result,
    tombstone_of: Callable[[str], str] = lambda _subject: "",
) -> None:
    """Decide the events one after the other; `world` and `result` take what follows. No I/O."""
    for event in events:
        try:
            step = _skip(handler, world, event, tombstone_of) or handler.decide(world, event, at)
        except DataError as error:
            result.rejected.append((event, error))
            continue
        except OverflowError as error:
            result.rejected.append((event, out_of_range(error)))
            continue
        emits = [
            emitted(emit, by=handler.role, cause=event, ordinal=ordinal, at=at)
            for ordinal, emit in enumerate(step.emits)
        ]
        if any(len(out.raw) > EMIT_BYTES_MAX for out in emits):
            too_large = DataError("what follows from this record is too large to publish", kind="oversized")
            result.rejected.append((event, too_large))
            continue
        world.apply(step.changes)
        if event.type in handler.claimed and world.get(InputRow, *_claim(handler, event)) is None:
            world.apply([Put(InputRow(*_claim(handler, event), step.outcome, event.subject, at))])
        result.outcomes.append((event, step.outcome))
        result.outgoing += map(encode, emits)


def out_of_range(error: OverflowError) -> DataError:
    """Return what it means that reckoning with a record overflowed: its instants are at the edge of time."""
    return DataError(f"a value is out of range: {error}", kind="overflow")


def _skip(
    handler: Handler, world: IdentityMap, event: Event[Any], tombstone_of: Callable[[str], str]
) -> Step | None:
    """Return the outcome of an event that must not be decided: claimed before, erased, or no longer due."""
    if event.type in handler.claimed and world.get(InputRow, *_claim(handler, event)):
        return Step(Outcome.UNCHANGED)
    tombstone = world.get(TombstoneRow, tombstone_of(event.subject), handler.role)
    if tombstone is not None and event.time <= tombstone.at:
        return Step(Outcome.SUPERSEDED)
    timer = fired_timer(event)
    if timer is not None:
        stored = world.get(TimerRow, *timer.key)
        if stored is None or stored.due_at != timer.due_at:
            return Step(Outcome.SUPERSEDED)
    return None


def _claim(handler: Handler, event: Event[Any]) -> tuple[str, str, str]:
    return (event.id, event.source, handler.role)
