"""Webhooks over real HTTP: signed, at least once, once per record when nothing dies, and never in the way."""

from __future__ import annotations

import asyncio
from datetime import timedelta

import msgspec
from sqlalchemy import select

from services.gateway.tables import subscriptions
from services.router.tables import delivery_attempts
from shared.lead.events.account_qualified import AccountQualifiedV1
from shared.lead.events.person_erased import PersonErasedV1
from shared.lead.events.scoring import AccountView
from shared.webhooks import TrialOrder
from tests.support.delivery_world import lead_event, until
from tests.support.scored_leads import AT, event_of, lead_id


async def test_every_subscriber_gets_the_event_once_signed_under_one_id(world):
    first, second, other = [await world.endpoint() for _ in range(3)]
    await world.subscribe(first, "first")
    await world.subscribe(second, "second", events=["lead.suppressed"], filter={"revision": [1, 2]})
    await world.subscribe(other, "other", filter={"decision.reason": "spam"})
    event = lead_event("ana")
    async with world.delivering():
        # The record is there twice, as after a crash of whoever published it.
        await world.publish(event, event, lead_event("ben"))
        await until(lambda: len(first.received) >= 2 and len(second.received) >= 2)
    assert sorted(first.ids) == sorted(second.ids) == ["ana-1", "ben-1"]
    body = dict(first.received)["ana-1"]
    assert (body["type"], body["timestamp"]) == ("lead.suppressed", "2026-03-02T09:00:00Z")
    assert body["data"] == msgspec.json.decode(event.raw)
    assert other.requests == 0
    assert {row.state for row in await world.rows()} == {"delivered"}
    assert all(row.body is None for row in await world.rows())


async def test_account_events_are_delivered_too(world):
    endpoint = await world.endpoint()
    await world.subscribe(endpoint, "first", events=["account.qualified"])
    data = AccountQualifiedV1("kestrel.example", AccountView(), [], "v", AT)
    async with world.delivering():
        await world.publish(lead_event("ana"), event_of(data, id_="q", subject="kestrel.example"))
        await until(lambda: endpoint.ids == ["q"])


async def test_a_failed_delivery_is_retried_when_the_endpoint_is_back(world):
    endpoint = await world.endpoint()
    endpoint.status = 503
    await world.subscribe(endpoint, "first")
    async with world.delivering():
        await world.publish(*(lead_event(name) for name in ("ana", "ben", "cy")))
        await world.wait_for_rows(3)
        rows = await world.rows()
        assert {(row.state, row.attempts, row.last_status) for row in rows} == {("pending", 1, 503)}
        assert {row.next_attempt_at for row in rows} == {AT + timedelta(seconds=5)}
        endpoint.status = 204
        world.clock.advance(timedelta(seconds=5))
        await world.wait_for_state("delivered")
    assert sorted(endpoint.ids) == ["ana-1", "ben-1", "cy-1"]
    assert {row.attempts for row in await world.rows()} == {2}


async def test_the_events_of_a_lead_arrive_in_sequence_although_the_first_one_failed(world):
    endpoint = await world.endpoint()
    endpoint.status = 503
    await world.subscribe(endpoint, "first")
    async with world.delivering():
        await world.publish(lead_event("ana", 1))
        await world.wait_for_rows(1)
        endpoint.status = 204
        await world.publish(lead_event("ana", 2), lead_event("ben", 1), lead_event("ana", 3))
        await world.wait_for_rows(4)
        assert endpoint.ids == ["ben-1"], "a later event waits for the one that failed, another lead does not"
        world.clock.advance(timedelta(seconds=5))
        await world.wait_for_state("delivered")
    assert [id_ for id_ in endpoint.ids if id_ != "ben-1"] == ["ana-1", "ana-2", "ana-3"]


async def test_a_retry_outlives_the_process(world):
    endpoint = await world.endpoint()
    endpoint.status = 500
    await world.subscribe(endpoint, "first")
    async with world.delivering():
        await world.publish(lead_event("ana"))
        await world.wait_for_rows(1)
    endpoint.status = 200
    world.clock.advance(timedelta(minutes=1))
    async with world.delivering():
        await until(lambda: endpoint.ids == ["ana-1"])
        await world.wait_for_state("delivered")


async def test_a_refused_connection_is_retried(world):
    endpoint = await world.endpoint()
    await world.subscribe(endpoint, "first")
    await world.runners[0].cleanup()
    async with world.delivering():
        await world.publish(*(lead_event(f"lead-{number}") for number in range(40)))
        await world.wait_for_rows(40)
    assert {row.state for row in await world.rows()} == {"pending"}


async def test_a_redirect_is_not_followed(world):
    endpoint, elsewhere = await world.endpoint(), await world.endpoint()
    endpoint.status, endpoint.headers = 302, {"location": elsewhere.url}
    await world.subscribe(endpoint, "first")
    async with world.delivering():
        await world.publish(lead_event("ana"))
        await world.wait_for_rows(1)
    assert elsewhere.requests == 0
    assert [(row.state, row.last_status) for row in await world.rows()] == [("pending", 302)]


async def test_an_endpoint_in_a_private_network_is_a_failed_attempt(world):
    endpoint = await world.endpoint()
    endpoint.url = "https://10.0.0.1/hook"
    await world.subscribe(endpoint, "first")
    async with world.delivering():
        await world.publish(lead_event("ana"))
        await world.wait_for_rows(1)
    (row,) = await world.rows()
    assert (row.state, row.attempts, row.last_status) == ("pending", 1, None)
    assert row.last_error == "the host has no address that may be reached"


async def test_an_endpoint_that_answers_410_is_not_retried(world):
    endpoint = await world.endpoint()
    endpoint.status = 410
    await world.subscribe(endpoint, "first")
    async with world.delivering():
        await world.publish(lead_event("ana"))
        await world.wait_for_state("gone")
        world.clock.advance(timedelta(days=1))
        endpoint.status = 204
        await world.order(TrialOrder("first"))  # would be sent after the delivery if that were due
        await until(lambda: endpoint.ids == ["order-1"])
    assert endpoint.requests == 2


async def test_an_endpoint_that_hangs_does_not_hold_up_the_others(world):
    hanging, good = await world.endpoint(), await world.endpoint()
    hanging.open.clear()
    await world.subscribe(hanging, "hanging")
    await world.subscribe(good, "good")
    async with world.delivering():
        await world.publish(*(lead_event(f"lead-{number}") for number in range(700)))
        await until(lambda: len(good.received) == 700)
        hanging.open.set()
        world.clock.advance(timedelta(minutes=1))
        await until(lambda: len({*hanging.ids}) == 700)
        await world.wait_for_state("delivered")
    assert len(good.ids) == 700


async def test_first_attempts_keep_the_order_of_a_lead(world):
    endpoint = await world.endpoint()
    await world.subscribe(endpoint, "first")
    events = [lead_event(name, number) for number in range(1, 9) for name in ("ana", "ben", "cy")]
    async with world.delivering():
        await world.publish(*events)
        await until(lambda: len(endpoint.received) == len(events))
    for name in ("ana", "ben", "cy"):
        mine = [webhook_id for webhook_id in endpoint.ids if webhook_id.startswith(name)]
        assert mine == [f"{name}-{number}" for number in range(1, 9)]


async def test_a_crash_before_the_commit_repeats_under_the_same_id(world):
    endpoint = await world.endpoint()
    endpoint.open.clear()
    await world.subscribe(endpoint, "first")
    async with world.delivering() as task:
        await world.publish(lead_event("ana"))
        await until(lambda: endpoint.requests == 1)
        task.cancel()
        await asyncio.wait({task}, timeout=10)
    endpoint.open.set()
    async with world.delivering():
        await world.wait_for_state("delivered")
    assert endpoint.requests == 2
    assert {*endpoint.ids} == {"ana-1"}


async def test_an_erased_person_is_not_delivered_any_more(world):
    """Nor is what the endpoint answered about the person kept, which may repeat what it was sent."""
    endpoint = await world.endpoint()
    endpoint.status, endpoint.answer = 500, "cannot store ana@kestrel.example"

    async def answers() -> list[str | None]:
        async with world.resources.database.read() as tx:
            return [*(await tx.execute(select(delivery_attempts.c.answer))).scalars()]

    await world.subscribe(endpoint, "first")
    async with world.delivering():
        await world.publish(lead_event("ana"))
        await world.wait_for_rows(1)
        assert await answers() == [endpoint.answer]
        world.clock.advance(timedelta(seconds=1))
        erased = PersonErasedV1([lead_id("ana")], "hash", world.clock.now())
        await world.publish(event_of(erased, id_="e1"))
        await world.wait_for_state("failed")
        assert await answers() == []
        endpoint.status, endpoint.answer = 200, ""
        world.clock.advance(timedelta(days=1))
        await world.publish(lead_event("ana", 2), lead_event("ben"))
        await until(lambda: endpoint.ids == ["ben-1"])
    assert endpoint.requests == 2
    redacted = next(row for row in await world.rows() if row.state == "failed")
    assert (redacted.body, redacted.lead_id) == (None, world.resources.keyed_hash(lead_id("ana")))


async def test_deliveries_of_a_deleted_subscription_fail(world):
    endpoint = await world.endpoint()
    endpoint.status = 500
    await world.subscribe(endpoint, "first")
    async with world.delivering():
        await world.publish(lead_event("ana"))
        await world.wait_for_rows(1)
        async with world.resources.database.begin() as tx:
            await tx.execute(subscriptions.delete())
        world.clock.advance(timedelta(seconds=10))
        await world.wait_for_state("failed")
    assert endpoint.requests == 1
