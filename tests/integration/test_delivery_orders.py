"""Delivery orders: executed once by any number of processes, and never about an erased person."""

from __future__ import annotations

import asyncio
import os
from datetime import timedelta
from typing import Any

from sqlalchemy import delete
from structlog.testing import capture_logs

from services.ledger.domain.rows import EventRow
from services.router.delivery.commands import DeliveryCommands
from services.router.delivery.delivery_reader import DeliveryReader
from services.router.domain.delivery import DELIVERY_ROLE, delivery_id
from services.router.tables import deliveries
from shared.lead.events.person_erased import PersonErasedV1
from shared.storage.rows import IdentityMap, Put
from shared.vault import Vault
from shared.webhooks import (
    ReplayOrder,
    RetryOrder,
    SealedSecret,
    TrialOrder,
    sealed_for,
)
from shared.worker.background import prune_step
from tests.support.delivery_world import SECRET, DeliveryWorld, lead_event, until
from tests.support.scored_leads import AT, event_of, lead_id

HOUR = timedelta(hours=1)


async def record(world: DeliveryWorld, *events: Any) -> None:
    """Store events as the ledger does."""
    rows = IdentityMap()
    for event in events:
        data = event.raw.decode()
        row = EventRow(event.id, event.source, event.type, event.subject, "k", AT, AT, "", None, None, data)
        rows.apply([Put(row)])
    async with world.resources.database.begin() as tx:
        await tx.write(rows)


async def test_a_test_delivery_reaches_the_endpoint(world):
    endpoint = await world.endpoint()
    await world.subscribe(endpoint, "first", events=["lead.handed_off"])
    async with world.delivering():
        await world.order(TrialOrder("first"))
        await world.order(TrialOrder("deleted"), "order-2")
        await world.wait_for_state("delivered")
    ((webhook_id, body),) = endpoint.received
    assert (webhook_id, body["type"]) == ("order-1", "webhook.test")
    assert body["data"]["subscription_id"] == "first"
    assert [row.id for row in await world.rows()] == [delivery_id("order-1", "first")]


async def test_a_failed_delivery_is_sent_again_with_the_same_body(world):
    endpoint = await world.endpoint()
    endpoint.status = 410
    await world.subscribe(endpoint, "first")
    event = lead_event("ana")
    await record(world, event)
    async with world.delivering():
        await world.publish(event)
        await world.wait_for_state("gone")
        endpoint.status = 204
        (row,) = await world.rows()
        await world.order(RetryOrder(row.id))
        await until(lambda: endpoint.ids == ["ana-1"])
        await world.wait_for_state("delivered")
    (row,) = await world.rows()
    assert endpoint.received[0][1]["data"]["lead_id"] == lead_id("ana")
    assert [(failure.status, failure.error) for failure in row.failures or ()] == [(410, "answered 410")]


async def test_a_replay_sends_the_deliveries_of_a_time_range_with_the_same_ids(world):
    endpoint, other = await world.endpoint(), await world.endpoint()
    await world.subscribe(endpoint, "first")
    await world.subscribe(other, "other")
    events = [lead_event(name) for name in ("ana", "ben", "cy")]
    await record(world, *events)
    async with world.delivering():
        for event in events:
            await world.publish(event)
            made = 2 * (events.index(event) + 1)
            await world.wait_for_rows(made)
            world.clock.advance(HOUR)
        await world.order(ReplayOrder("first", AT + HOUR, AT + 3 * HOUR))
        await until(lambda: len(endpoint.ids) == 5)
        await world.wait_for_state("delivered")
        await world.order(ReplayOrder("first", AT, AT + 3 * HOUR, failed_only=True), "order-2")
        world.clock.advance(HOUR)
        # Orders are executed by id, and the longest due deliveries are sent first.
        await world.order(TrialOrder("first"), "order-3")
        await until(lambda: "order-3" in endpoint.ids)
    assert endpoint.ids[:3] == ["ana-1", "ben-1", "cy-1"]
    assert sorted(endpoint.ids[3:5]) == ["ben-1", "cy-1"]
    assert all(again in endpoint.received[:3] for again in endpoint.received[3:5])
    assert endpoint.ids[5:] == ["order-3"]
    assert len(other.ids) == 3


async def test_an_order_is_executed_once_by_any_number_of_processes(world):
    endpoint = await world.endpoint()
    await world.subscribe(endpoint, "first")
    for number in range(10):
        await world.order(TrialOrder("first"), f"order-{number}")
    several = [DeliveryCommands(world.resources.database, world.clock) for _ in range(3)]
    for _ in range(2):
        await asyncio.gather(*(commands.step() for commands in several))
    async with world.delivering():
        await until(lambda: len(endpoint.ids) == 10)
        await world.wait_for_state("delivered")
    assert len({*endpoint.ids}) == endpoint.requests == 10


async def test_an_order_is_not_executed_again_after_its_claim_was_pruned(world):
    tables, clock = world.resources.database, world.clock
    await world.subscribe(await world.endpoint(), "first")
    orders = DeliveryCommands(tables, clock)
    await world.order(TrialOrder("first"))
    await orders.step()
    async with tables.begin() as tx:
        await tx.execute(delete(deliveries))
    clock.advance(world.resources.claims_kept + timedelta(seconds=1))
    await prune_step(DELIVERY_ROLE, tables, clock, world.resources.claims_kept)()
    await orders.step()
    assert await world.rows() == []


async def test_an_erased_person_is_not_sent_again(world):
    endpoint = await world.endpoint()
    await world.subscribe(endpoint, "first")
    event = lead_event("ana")
    await record(world, event)
    async with world.delivering():
        await world.publish(event)
        await world.wait_for_state("delivered")
        erased = PersonErasedV1([lead_id("ana")], "hash", world.clock.now())
        await world.publish(event_of(erased, id_="e1"))
        hashed = world.resources.keyed_hash(lead_id("ana"))
        await until(lambda: _is_about(world, hashed))
        await world.order(RetryOrder(delivery_id("ana-1", "first")))
        await world.order(ReplayOrder("first", AT, AT + HOUR), "order-2")
        await world.order(TrialOrder("first"), "order-3")
        await until(lambda: endpoint.ids == ["ana-1", "order-3"])
    assert endpoint.requests == 2


async def test_a_delivery_whose_event_the_ledger_has_pruned_fails(world):
    endpoint = await world.endpoint()
    await world.subscribe(endpoint, "first")
    async with world.delivering():
        await world.publish(lead_event("ana"))
        await world.wait_for_state("delivered")
        await world.order(RetryOrder(delivery_id("ana-1", "first")))
        await world.wait_for_state("pending")
    (row,) = await world.rows()
    assert (row.last_error, endpoint.requests) == ("the event is not kept any more", 1)


async def test_during_a_secret_rotation_both_secrets_sign(world):
    knows_old, knows_new = await world.endpoint(), await world.endpoint()
    for id_, endpoint in (("old", knows_old), ("new", knows_new)):
        vault = Vault(SECRET, os.urandom)
        new, old = (vault.seal(knows.secret, purpose=sealed_for(id_)) for knows in (knows_new, knows_old))
        await world.subscribe(endpoint, id_, secrets=[SealedSecret(new), SealedSecret(old, AT + HOUR)])
    async with world.delivering():
        await world.publish(lead_event("ana"))
        await until(lambda: knows_old.ids == ["ana-1"] == knows_new.ids)
        world.clock.advance(HOUR)
        await world.publish(lead_event("ben"))
        await world.wait_for_rows(4)
    assert (knows_old.ids, knows_new.ids) == (["ana-1"], ["ana-1", "ben-1"])


async def test_undecryptable_secrets_of_a_subscription_are_logged_once(world):
    another = Vault(b"another secret", os.urandom).seal("whsec_", purpose=sealed_for("first"))
    await world.subscribe(await world.endpoint(), "first", secrets=[SealedSecret(another)])
    vault = Vault(SECRET, os.urandom)
    reader = DeliveryReader(world.resources.database, vault, world.clock, tuple)
    with capture_logs() as logged:
        assert [[*await reader.targets()] for _ in range(3)] == [[]] * 3
    assert [entry["event"] for entry in logged] == ["cannot decrypt the secrets of a subscription"]


async def _is_about(world: DeliveryWorld, lead: str) -> bool:
    return {row.lead_id for row in await world.rows()} == {lead}
