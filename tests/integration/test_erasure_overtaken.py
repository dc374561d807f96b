"""Roles read an erasure at different times: what names the person and is written after it is redacted too."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Sequence
from datetime import timedelta
from pathlib import Path
from typing import Any

from msgspec.structs import replace
from sqlalchemy import text

from services.router.domain.delivery import DELIVERY_ROLE
from shared.lead.events.action_received import ActionReceivedV1
from shared.lead.events.envelope import Event
from shared.lead.events.lead_handed_off import LeadHandedOffV1
from shared.lead.events.parts import Person
from shared.lead.events.person_erased import PersonErasedV1
from shared.lead.events.routing import Decision
from shared.lead.mentions import STRUCK_OUT, hashes_of_person
from shared.storage.database import Database, Tx
from shared.storage.rows import Row
from shared.worker.outbox import Outbox
from shared.worker.rows import TombstoneRow
from shared.worker.unit_of_work import UnitOfWork
from tests.support.delivery_world import DeliveryWorld, until
from tests.support.fixed_clock import FixedClock
from tests.support.scored_leads import AT, event_of, lead_id
from tests.support.toy_role import PARTITIONS, ROLE, CounterRow, ToyHandler, ToyStore

ACCOUNT = "kestrel.example"
ANA = lead_id("ana")
DECISION = Decision("moved", "sdr", "work", "one", "rule", [], [])


def hand_off(lead: str, id_: str, account: str = ACCOUNT) -> Event[Any]:
    data = LeadHandedOffV1(
        lead_id=lead_id(lead),
        revision=1,
        sequence=1,
        account=account,
        decision=DECISION,
        previous_owner=None,
        reason="handoff",
        occurred_at=AT,
        notes={"next": "Call Ana Ruiz"},
    )
    return event_of(data, id_=id_)


def erasure_of_ana(world: DeliveryWorld) -> Event[PersonErasedV1]:
    names = hashes_of_person((), [Person(first_name="Ana", last_name="Ruiz")], world.resources.keyed_hash)
    return event_of(PersonErasedV1([ANA], "hash", AT, [ACCOUNT], names), id_="erasure", subject=ANA)


async def until_erased(world: DeliveryWorld) -> None:
    async def is_erased() -> bool:
        async with world.resources.database.read() as tx:
            hashed = world.resources.keyed_hash(ANA)
            return bool(await tx.load(TombstoneRow, "hash", [hashed], role=DELIVERY_ROLE))

    await until(is_erased)


async def test_an_attempt_that_began_before_an_erasure_stores_no_name_after_it(world):
    endpoint = await world.endpoint()
    endpoint.open.clear()
    endpoint.status = 503
    await world.subscribe(endpoint, "first")
    async with world.delivering():
        await world.publish(hand_off("ben", "h1"))
        await until(lambda: endpoint.requests == 1)
        await world.publish(erasure_of_ana(world))
        await until_erased(world)
        assert await world.rows() == []  # the first attempt still waits for the response
        endpoint.open.set()
        await world.wait_for_rows(1)
        [row] = await world.rows()
        assert (row.state, row.attempts) == ("pending", 1)
        assert b"Ruiz" not in row.body
        endpoint.status = 204
        world.clock.advance(timedelta(seconds=5))
        await world.wait_for_state("delivered")
    [(_id, body)] = endpoint.received
    assert body["data"]["notes"] == {"next": f"Call {STRUCK_OUT}"}


async def test_an_event_that_arrives_after_an_erasure_is_sent_without_the_name(world):
    endpoint = await world.endpoint()
    await world.subscribe(endpoint, "first")
    async with world.delivering():
        await world.publish(erasure_of_ana(world))
        await until_erased(world)
        later = AT + timedelta(hours=1)
        await world.publish(replace(hand_off("ben", "h1"), time=later))
        await until(lambda: endpoint.ids == ["h1"])
        # Somebody of that name at another account, and she herself when she is a contact again.
        other = hand_off("cy", "h2", "other.example")
        await world.publish(other, replace(hand_off("ana", "h3"), time=later, after_erasure=AT))
        await until(lambda: sorted(endpoint.ids) == ["h1", "h2", "h3"])
    notes = {id_: body["data"]["notes"]["next"] for id_, body in endpoint.received}
    assert notes == {"h1": f"Call {STRUCK_OUT}", "h2": "Call Ana Ruiz", "h3": "Call Ana Ruiz"}


async def test_a_delivery_of_a_lead_that_the_ledger_does_not_know_yet_is_redacted(world):
    endpoint = await world.endpoint()
    endpoint.status = 503
    await world.subscribe(endpoint, "first")
    async with world.delivering():
        await world.publish(hand_off("ben", "h1"))
        await world.wait_for_rows(1)
        await world.publish(erasure_of_ana(world))
        await until_erased(world)
    [row] = await world.rows()
    assert row.body is not None
    assert b"Ruiz" not in row.body


class HeldStore(ToyStore):
    """Stops with its transaction open, after loading the rows of an action, until `go_on` is set."""

    def __init__(self) -> None:
        self.loaded, self.go_on = asyncio.Event(), asyncio.Event()
        self.seen_by_erasure: list[Row] = []

    async def load(self, tx: Tx, events: Sequence[Event[Any]]) -> Iterable[Row]:
        rows = list(await super().load(tx, events))
        if isinstance(events[0].data, PersonErasedV1):
            self.seen_by_erasure = rows
        else:
            self.loaded.set()
            await self.go_on.wait()
        return rows


async def test_an_erasure_waits_for_the_units_that_began_before_it(
    toy_table: None, database: Database, database_url: str
):
    store, clock = HeldStore(), FixedClock(AT)
    outbox = Outbox(ROLE, database, None, clock, partitions=PARTITIONS)  # type: ignore[arg-type]
    work = UnitOfWork(ToyHandler(), store, database, outbox, clock, keyed_hash=str)
    action = event_of(ActionReceivedV1("ben", "accept"), id_="a")
    erasure = event_of(PersonErasedV1(["ben"], "hash", AT), id_="e", subject="ben")
    async with asyncio.TaskGroup() as tasks:
        tasks.create_task(work.run([action]))
        await store.loaded.wait()
        erasing = tasks.create_task(work.run([erasure]))
        if database_url.startswith("postgresql"):
            await until(lambda: _waits_for_a_lock(database))
        assert not erasing.done()
        store.go_on.set()
    assert store.seen_by_erasure == [CounterRow("ben", 1, "")]
    async with database.read() as tx:
        assert await tx.load(CounterRow, "lead_id", ["ben"]) == []


async def _waits_for_a_lock(database: Database) -> bool:
    waiting = text(
        "select count(*) from pg_locks join pg_database on pg_database.oid = pg_locks.database"
        " where locktype = 'advisory' and not granted and datname = current_database()"
    )
    async with database.read() as tx:
        return bool((await tx.execute(waiting)).scalar_one())


async def test_what_is_deleted_after_the_log_was_emptied_leaves_the_file_too(tmp_path: Path):
    file = tmp_path / "tables.db"
    database = Database(f"sqlite+aiosqlite:///{file}")
    async with database.begin() as tx:
        await tx.execute(text("create table published (records text)"))
        await tx.execute(text("insert into published values ('Ana Ruiz')"))
    await database.truncate_log()
    assert b"Ana Ruiz" in file.read_bytes()
    async with database.begin() as tx:
        await tx.execute(text("delete from published"))
    await database.truncate_pending_log()
    assert b"Ana Ruiz" not in file.read_bytes()
    await database.close()
