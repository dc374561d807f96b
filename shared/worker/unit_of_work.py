"""The unit of work: one transaction that loads rows, decides events, writes changes and fills the outbox.

It is the only code that takes row locks. Events are decided in order, and each sees the rows as the events
before it left them. An event that was decided before (claimed) changes nothing.

An event that cannot be decided, or whose rows the database refuses, is rejected with its error and leaves
no trace. The database does not say which event of many it refused, so the unit is halved until the event
is alone in it.
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from functools import cache
from typing import Any, Protocol

from msgspec.structs import replace

from shared.clock import Clock
from shared.errors import BatonError, DataError, Retry
from shared.lead.events.envelope import Event, emitted, encode
from shared.lead.events.person_erased import PersonErasedV1
from shared.messaging.manifest import RECORD_BYTES_MAX
from shared.messaging.port import Outgoing
from shared.storage.database import Database, Tx
from shared.storage.rows import IdentityMap, Put
from shared.worker.decision import Outcome, Step
from shared.worker.erasure import (
    KeyedHash,
    accounts_of,
    after_erasure,
    contact_again,
    erase,
    is_erased,
    mentions_in,
    subject_of,
    unread_erasure,
)
from shared.worker.handler import Handler, Store
from shared.worker.outbox import Outbox
from shared.worker.rows import ErasedMentionsRow, InputRow, TimerRow, TombstoneRow
from shared.worker.timers import fired_timer

Failpoint = Callable[[str], None]
"""Called by name at the places where a crash must do no harm; fault tests kill the process there."""

BUG = "bug"
"""The kind of the error with which a record is rejected that triggered an unforeseen exception."""

_ATTEMPTS_MAX = 5
EMIT_BYTES_MAX = RECORD_BYTES_MAX - 16 * 1024
"""The most that an emitted event may hold; the rest of a record is for its headers."""


@dataclass(slots=True)
class Result:
    """The result of a unit of work: records to publish, their outbox rows, and the outcome of each event.

    `rejected` holds the events that can never be decided, each with the reason.
    """

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
    """Decides events for a consumer."""

    async def run(self, events: Sequence[Event[Any]]) -> Result:
        """Decide the events in order; their effects are durable when it returns.

        Raises `Retry` when it is not known whether they are durable: the caller then passes the same events
        again. What was committed the first time changes nothing the second, and is published from the outbox.
        """
        ...


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
        keyed_hash: KeyedHash,
        failpoint: Failpoint = lambda _name: None,
    ) -> None:
        self._handler = handler
        self._store = store
        self._database = database
        self._outbox = outbox
        self._clock = clock
        self._keyed_hash = keyed_hash
        self._failpoint = failpoint

    async def run(self, events: Sequence[Event[Any]]) -> Result:
        if not events:
            return Result()
        try:
            return await self._run_with_retry(events)
        except Exception as error:  # noqa: BLE001 - a record must not stop its role, whatever it triggers
            rejection = rejection_of(error)
            if len(events) == 1:
                return Result(rejected=[(events[0], rejection)])
        middle = len(events) // 2
        result = await self.run(events[:middle])
        result.extend(await self.run(events[middle:]))
        return result

    async def _run_with_retry(self, events: Sequence[Event[Any]]) -> Result:
        """Repeat a few times, with jitter, when another transaction came first."""
        for number in range(1, _ATTEMPTS_MAX):
            try:
                return await self._attempt(events)
            except Retry:
                await asyncio.sleep(random.uniform(0.005, 0.02) * 2**number)
        return await self._attempt(events)

    async def _attempt(self, events: Sequence[Event[Any]]) -> Result:
        at, handler = self._clock.now(), self._handler.for_unit()
        keyed_hash = cache(self._keyed_hash)  # a lead's events are hashed when loaded and when decided
        result = Result()
        async with self._database.begin() as tx:
            erasures = [event for event in events if isinstance(event.data, PersonErasedV1)]
            unread = await self._unread_erasures(tx, events, keyed_hash)
            erases = bool(erasures or unread)
            # An erasure waits for the units that have not seen it, and those that follow see all of it.
            await tx.lock(f"erasure:{handler.role}", exclusive=erases)
            rows = await self._load(tx, [*events, *unread], keyed_hash)
            self._failpoint("after_claim")
            fold(handler, rows, events, at, result=result, keyed_hash=keyed_hash)
            rows.apply(handler.end_unit(rows))
            await tx.write(rows)
            result.outbox_ids = await self._outbox.store(tx, result.outgoing, at)
        if erases:
            await self._database.truncate_log()
        self._failpoint("after_commit")
        return result

    async def _load(self, tx: Tx, events: Sequence[Event[Any]], keyed_hash: KeyedHash) -> IdentityMap:
        """Load the role's rows, and the claims, timers and traces of erasures that `fold` itself reads."""
        role = self._handler.role
        loaded = [*await self._store.load(tx, events)]
        rows = IdentityMap(loaded)
        claims = [event.id for event in events if event.type in self._handler.claimed]
        rows.add(await tx.load(InputRow, "id", claims, role=role))
        fired = [event.subject for event in events if fired_timer(event)]
        rows.add(await tx.load(TimerRow, "subject", fired, lock=True, role=role))
        leads = {subject_of(event) for event in events} | {getattr(row, "lead_id", "") for row in loaded}
        leads.update(
            lead_id
            for event in events
            if isinstance(event.data, PersonErasedV1)
            for lead_id in event.data.lead_ids
        )
        rows.add(await self._tombstones(tx, leads, keyed_hash))
        accounts = {account for event in events for account in accounts_of(event)}
        rows.add(await tx.load(ErasedMentionsRow, "account", accounts, role=role))
        return rows

    async def _unread_erasures(
        self, tx: Tx, events: Sequence[Event[Any]], keyed_hash: KeyedHash
    ) -> list[Event[PersonErasedV1]]:
        """Return the erasures that the role learns of from events that follow them; there are hardly any."""
        following = [event for event in events if event.after_erasure is not None]
        if not following:
            return []
        subjects = {event.subject for event in following}
        rows = IdentityMap(await self._tombstones(tx, subjects, keyed_hash))
        found = [unread_erasure(self._handler.role, rows, event, keyed_hash) for event in following]
        return [erasure for erasure in found if erasure is not None]

    async def _tombstones(
        self, tx: Tx, lead_ids: Collection[str], keyed_hash: KeyedHash
    ) -> list[TombstoneRow]:
        hashes = {keyed_hash(lead_id) for lead_id in lead_ids if lead_id}
        return await tx.load(TombstoneRow, "hash", hashes, role=self._handler.role)


def fold(
    handler: Handler,
    rows: IdentityMap,
    events: Sequence[Event[Any]],
    at: datetime,
    *,
    result: Result,
    keyed_hash: KeyedHash = lambda _lead_id: "",
) -> None:
    """Decide the events one after the other, applying each decision to `rows` and `result`. Pure."""
    for event in events:
        try:
            step = _decide(handler, rows, event, at, keyed_hash)
        except Exception as error:  # noqa: BLE001 - a record must not stop its role, whatever it triggers
            result.rejected.append((event, rejection_of(error)))
            continue
        emits = [
            emitted(emit, by=handler.role, cause=event, ordinal=ordinal, at=at)
            for ordinal, emit in enumerate(step.emits)
        ]
        if any(len(out.raw) > EMIT_BYTES_MAX for out in emits):
            too_large = DataError(
                "an event that follows from this record is too large to publish", kind="oversized"
            )
            result.rejected.append((event, too_large))
            continue
        rows.apply(step.changes)
        if event.type in handler.claimed and rows.get(InputRow, *_claim(handler, event)) is None:
            rows.apply([Put(InputRow(*_claim(handler, event), step.outcome, event.subject, at))])
        result.outcomes.append((event, step.outcome))
        for out in emits:
            erased_at = after_erasure(handler.role, rows, out.subject, keyed_hash)
            result.outgoing.append(encode(replace(out, after_erasure=erased_at) if erased_at else out))


def rejection_of(error: Exception) -> DataError:
    """Return the error with which a record is rejected whose decision raised `error`.

    That is of kind `overflow` for instants so far out that arithmetic on them failed, and of kind `bug` for
    anything unforeseen: the record then waits among the dead letters until the bug is mended, and the records
    after it go on. Raises `error` if it says something else of the caller's next step (`Retry`, `Crash`).
    """
    if isinstance(error, DataError):
        # The caller's frame keeps the error, and a traceback would keep the frame: such a cycle would hold
        # the record, maybe 16 MiB, until the next garbage collection.
        return error.with_traceback(None)
    if isinstance(error, BatonError):
        raise error
    if isinstance(error, OverflowError):
        return DataError(f"a value is out of range: {error}", kind="overflow")
    rejection = DataError(f"{type(error).__name__}: {error}", kind=BUG)
    rejection.__cause__ = error
    return rejection


def _decide(
    handler: Handler, rows: IdentityMap, event: Event[Any], at: datetime, keyed_hash: KeyedHash
) -> Step:
    """Decide one event, unless it was claimed before, its lead was erased, or its timer was moved."""
    if event.type in handler.claimed and rows.get(InputRow, *_claim(handler, event)):
        return Step(Outcome.UNCHANGED)
    if is_erased(handler.role, rows, event, keyed_hash):
        return Step(Outcome.SUPERSEDED)
    timer = fired_timer(event)
    if timer is not None:
        stored = rows.get(TimerRow, *timer.key)
        if stored is None or stored.due_at != timer.due_at:
            return Step(Outcome.SUPERSEDED)
    if isinstance(event.data, PersonErasedV1):
        return erase(handler, rows, event, at, keyed_hash)
    unread = unread_erasure(handler.role, rows, event, keyed_hash)
    forgotten = erase(handler, rows, unread, at, keyed_hash) if unread else None
    if forgotten is not None:
        rows.apply(forgotten.changes)  # the person was erased, whatever becomes of this event
    mentions = mentions_in(handler.role, rows, event, keyed_hash)
    if mentions is not None:
        event = handler.without_mentions(event, mentions)
    lifted = contact_again(handler.role, rows, event, keyed_hash)
    step = handler.decide(rows, event, at)
    emits = (*forgotten.emits, *step.emits) if forgotten else step.emits
    return Step(step.outcome, (*lifted, *step.changes), emits) if lifted else step


def _claim(handler: Handler, event: Event[Any]) -> tuple[str, str, str]:
    return (event.id, event.source, handler.role)
