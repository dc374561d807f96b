"""Webhooks over real HTTP: signed, at least once, once per record when nothing dies, and never in the way."""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import Any

import msgspec
import pytest
from aiohttp import web
from sqlalchemy import select

from services.router import bootstrap
from services.router.domain.delivery import DeliveryRow
from shared.clock import FixedClock
from shared.events.account_qualified import AccountQualifiedV1
from shared.events.envelope import Event, encode
from shared.events.lead_routed import LeadSuppressedV1
from shared.events.parts import Company, Person, Trigger
from shared.events.person_erased import PersonErasedV1
from shared.events.routing import PolicyVersions, Suppression
from shared.events.scoring import AccountView, Score
from shared.http.signing import new_secret, verify
from shared.observability.metrics import Metrics
from shared.observability.tracing import Tracing
from shared.policy.store import PolicyWatch
from shared.runtime.ops import Health
from shared.runtime.role import Resources
from shared.settings import RouterSettings, load
from shared.sql.engine import Database
from shared.sql.queries.subscriptions import sealed_for
from shared.sql.tables.gateway import subscriptions
from shared.sql.tables.router import deliveries
from shared.stream.embedded import EmbeddedStream
from shared.stream.port import publish
from shared.vault import Vault
from tests.support.databases import database, database_url  # noqa: F401
from tests.support.scored_leads import AT, event_of, lead_id

SECRET = b"router-delivery-tests"
PARTITIONS = 3


@dataclass
class Endpoint:
    """A customer's endpoint; `answer` is the next status, and it hangs while `open` is not set."""

    url: str = ""
    secret: str = field(default_factory=lambda: new_secret(os.urandom(32)))
    status: int = 204
    headers: dict[str, str] = field(default_factory=dict)
    open: asyncio.Event = field(default_factory=asyncio.Event)
    got: list[tuple[str, dict[str, Any]]] = field(default_factory=list)
    asked: int = 0

    @property
    def ids(self) -> list[str]:
        return [webhook_id for webhook_id, _body in self.got]


class World:
    """A delivering router over a database and an embedded stream, and the endpoints it delivers to."""

    def __init__(self, resources: Resources, clock: FixedClock) -> None:
        self.resources = resources
        self.clock = clock
        self.runners: list[web.AppRunner] = []

    async def endpoint(self) -> Endpoint:
        """Start an endpoint that verifies what it gets."""
        endpoint = Endpoint()
        endpoint.open.set()

        async def take(request: web.Request) -> web.Response:
            body = await request.read()
            endpoint.asked += 1
            verify(endpoint.secret, dict(request.headers), body, self.clock.now())
            await endpoint.open.wait()
            if endpoint.status < 300:
                endpoint.got.append((request.headers["webhook-id"], msgspec.json.decode(body)))
            return web.Response(status=endpoint.status, headers=endpoint.headers)

        app = web.Application()
        app.router.add_post("/hook", take)
        runner = web.AppRunner(app, shutdown_timeout=0.1)
        await runner.setup()
        self.runners.append(runner)
        site = web.TCPSite(runner, "127.0.0.1", 0)
        await site.start()
        port = runner.addresses[0][1]
        endpoint.url = f"http://127.0.0.1:{port}/hook"
        return endpoint

    async def subscribe(self, endpoint: Endpoint, id_: str, **given: Any) -> None:
        sealed = Vault(SECRET, os.urandom).seal(endpoint.secret, purpose=sealed_for(id_))
        row = {
            "id": id_, "url": endpoint.url, "events": ["lead.*"], "filter": None, "state": "active",
            "secrets": [sealed], "created_at": AT, "updated_at": AT, **given,
        }  # fmt: skip
        async with self.resources.database.begin() as tx:
            await tx.execute(subscriptions.insert(), row)

    async def publish(self, *events: Event[Any]) -> None:
        sink = await self.resources.stream.sink()
        await publish(sink, [encode(event) for event in events])
        await sink.close()

    async def rows(self) -> list[DeliveryRow]:
        async with self.resources.database.read() as tx:
            found = await tx.execute(select(deliveries).order_by(deliveries.c.created_at, deliveries.c.id))
            return [DeliveryRow(*tuple(row)) for row in found]

    async def states(self) -> list[str]:
        return [row.state for row in await self.rows()]

    @asynccontextmanager
    async def delivering(self) -> AsyncIterator[asyncio.Task[None]]:
        stop = asyncio.Event()
        environ = {"BATON_SECRET_KEY": "x", "BATON_EGRESS_ALLOW": "127.0.0.0/8"}
        settings = load(RouterSettings, environ)
        task = asyncio.create_task(bootstrap.run(self.resources, stop, settings, only="deliver"))
        try:
            yield task
        finally:
            stop.set()
            if not task.cancelled():
                await asyncio.wait({task}, timeout=30)
        if not task.cancelled():
            task.result()


@pytest.fixture
async def world(database: Database, tmp_path: Path) -> AsyncIterator[World]:  # noqa: F811
    clock = FixedClock(AT)
    stream = EmbeddedStream(
        tmp_path / "stream", prefix="baton", partitions=PARTITIONS, retention_days=7, clock=clock
    )
    await stream.open()
    resources = Resources(
        clock=clock,
        database=database,
        stream=stream,
        policy=PolicyWatch(database),
        health=Health(),
        metrics=Metrics(),
        tracing=Tracing(None),
        secret=SECRET,
        partitions=PARTITIONS,
    )
    made = World(resources, clock)
    yield made
    for runner in made.runners:
        await runner.cleanup()
    await stream.close()


async def until(true: Callable[[], bool | Awaitable[bool]], within_s: float = 15.0) -> None:
    async with asyncio.timeout(within_s):
        while True:
            held = true()
            if held if isinstance(held, bool) else await held:
                return
            await asyncio.sleep(0.02)


def told(name: str, number: int = 1) -> Event[Any]:
    """Return an event about a lead, small and of a type that subscribers get."""
    data = LeadSuppressedV1(
        lead_id=lead_id(name),
        revision=number,
        sequence=number,
        account="kestrel.example",
        trigger=Trigger("lead", "cause"),
        person=Person(),
        company=Company(),
        provenance={},
        score=Score(0, 0, 0, "D4", "cold", None, []),
        decision=Suppression("opted_out"),
        policy_versions=PolicyVersions("a", "b"),
        occurred_at=AT,
    )
    return event_of(data, id_=f"{name}-{number}", source="/baton/router")


async def test_every_subscriber_gets_the_event_once_signed_under_one_id(world):
    first, second, other = [await world.endpoint() for _ in range(3)]
    await world.subscribe(first, "first")
    await world.subscribe(second, "second", events=["lead.suppressed"], filter={"revision": [1, 2]})
    await world.subscribe(other, "other", filter={"decision.reason": "spam"})
    event = told("ana")
    async with world.delivering():
        # The record is there twice, as after a crash of whoever published it.
        await world.publish(event, event, told("ben"))
        await until(lambda: len(first.got) >= 2 and len(second.got) >= 2)
    assert sorted(first.ids) == sorted(second.ids) == ["ana-1", "ben-1"]
    body = dict(first.got)["ana-1"]
    assert (body["type"], body["timestamp"]) == ("lead.suppressed", "2026-03-02T09:00:00Z")
    assert body["data"] == msgspec.json.decode(event.raw)
    assert other.asked == 0
    assert {row.state for row in await world.rows()} == {"delivered"}
    assert all(row.body is None for row in await world.rows())


async def test_what_is_about_an_account_is_delivered_too(world):
    endpoint = await world.endpoint()
    await world.subscribe(endpoint, "first", events=["account.qualified"])
    data = AccountQualifiedV1("kestrel.example", AccountView(), [], "v", AT)
    async with world.delivering():
        await world.publish(told("ana"), event_of(data, id_="q", subject="kestrel.example"))
        await until(lambda: endpoint.ids == ["q"])


async def test_what_failed_is_tried_again_when_the_endpoint_is_back(world):
    endpoint = await world.endpoint()
    endpoint.status = 503
    await world.subscribe(endpoint, "first")
    async with world.delivering():
        await world.publish(*(told(name) for name in ("ana", "ben", "cy")))
        await until(lambda: _rows_are(world, 3))
        rows = await world.rows()
        assert {(row.state, row.attempts, row.last_status) for row in rows} == {("pending", 1, 503)}
        assert {row.next_attempt_at for row in rows} == {AT + timedelta(seconds=5)}
        endpoint.status = 204
        world.clock.advance(timedelta(seconds=5))
        await until(lambda: _all_are(world, "delivered"))
    assert sorted(endpoint.ids) == ["ana-1", "ben-1", "cy-1"]
    assert {row.attempts for row in await world.rows()} == {2}


async def test_a_retry_outlives_the_process(world):
    endpoint = await world.endpoint()
    endpoint.status = 500
    await world.subscribe(endpoint, "first")
    async with world.delivering():
        await world.publish(told("ana"))
        await until(lambda: _rows_are(world, 1))
    endpoint.status = 200
    world.clock.advance(timedelta(minutes=1))
    async with world.delivering():
        await until(lambda: endpoint.ids == ["ana-1"])
        await until(lambda: _all_are(world, "delivered"))


async def test_an_endpoint_where_nobody_listens_is_tried_again(world):
    endpoint = await world.endpoint()
    await world.subscribe(endpoint, "first")
    await world.runners[0].cleanup()
    async with world.delivering():
        await world.publish(*(told(f"lead-{number}") for number in range(40)))
        await until(lambda: _rows_are(world, 40))
    assert {row.state for row in await world.rows()} == {"pending"}


async def test_a_redirect_is_not_followed(world):
    endpoint, elsewhere = await world.endpoint(), await world.endpoint()
    endpoint.status, endpoint.headers = 302, {"location": elsewhere.url}
    await world.subscribe(endpoint, "first")
    async with world.delivering():
        await world.publish(told("ana"))
        await until(lambda: _rows_are(world, 1))
    assert elsewhere.asked == 0
    assert [(row.state, row.last_status) for row in await world.rows()] == [("pending", 302)]


async def test_an_endpoint_on_our_own_network_is_a_failed_attempt(world):
    endpoint = await world.endpoint()
    endpoint.url = "https://10.0.0.1/hook"
    await world.subscribe(endpoint, "first")
    async with world.delivering():
        await world.publish(told("ana"))
        await until(lambda: _rows_are(world, 1))
    (row,) = await world.rows()
    assert (row.state, row.attempts, row.last_status) == ("pending", 1, None)
    assert row.last_error == "the host has no address that may be reached"


async def test_an_endpoint_that_is_gone_is_left_alone(world):
    endpoint = await world.endpoint()
    endpoint.status = 410
    await world.subscribe(endpoint, "first")
    async with world.delivering():
        await world.publish(told("ana"))
        await until(lambda: _all_are(world, "gone"))
        world.clock.advance(timedelta(days=1))
        await asyncio.sleep(1.2)
    assert endpoint.asked == 1


async def test_an_endpoint_that_hangs_does_not_hold_up_the_others(world):
    hanging, good = await world.endpoint(), await world.endpoint()
    hanging.open.clear()
    await world.subscribe(hanging, "hanging")
    await world.subscribe(good, "good")
    async with world.delivering():
        await world.publish(*(told(f"lead-{number}") for number in range(700)))
        await until(lambda: len(good.got) == 700, within_s=20)
        hanging.open.set()
        world.clock.advance(timedelta(minutes=1))
        await until(lambda: len({*hanging.ids}) == 700, within_s=40)
        await until(lambda: _all_are(world, "delivered"))
    assert len(good.ids) == 700


async def test_first_attempts_keep_the_order_of_a_lead(world):
    endpoint = await world.endpoint()
    await world.subscribe(endpoint, "first")
    events = [told(name, number) for number in range(1, 9) for name in ("ana", "ben", "cy")]
    async with world.delivering():
        await world.publish(*events)
        await until(lambda: len(endpoint.got) == len(events))
    for name in ("ana", "ben", "cy"):
        mine = [webhook_id for webhook_id in endpoint.ids if webhook_id.startswith(name)]
        assert mine == [f"{name}-{number}" for number in range(1, 9)]


async def test_a_crash_before_the_commit_repeats_under_the_same_id(world):
    endpoint = await world.endpoint()
    endpoint.open.clear()
    await world.subscribe(endpoint, "first")
    async with world.delivering() as task:
        await world.publish(told("ana"))
        await until(lambda: endpoint.asked == 1)
        task.cancel()
        await asyncio.wait({task}, timeout=10)
    endpoint.open.set()
    async with world.delivering():
        await until(lambda: _all_are(world, "delivered"))
    assert endpoint.asked == 2
    assert {*endpoint.ids} == {"ana-1"}


async def test_an_erased_person_is_not_delivered_any_more(world):
    endpoint = await world.endpoint()
    endpoint.status = 500
    await world.subscribe(endpoint, "first")
    async with world.delivering():
        await world.publish(told("ana"))
        await until(lambda: _rows_are(world, 1))
        world.clock.advance(timedelta(seconds=1))
        erased = PersonErasedV1([lead_id("ana")], "hash", world.clock.now())
        await world.publish(event_of(erased, id_="e1"))
        await until(lambda: _all_are(world, "failed"))
        endpoint.status = 200
        world.clock.advance(timedelta(days=1))
        await world.publish(told("ana", 2), told("ben"))
        await until(lambda: endpoint.ids == ["ben-1"])
    assert endpoint.asked == 2
    redacted = next(row for row in await world.rows() if row.state == "failed")
    assert (redacted.body, redacted.lead_id) == (None, world.resources.tombstone_of(lead_id("ana")))


async def test_what_is_for_a_deleted_subscription_is_given_up(world):
    endpoint = await world.endpoint()
    endpoint.status = 500
    await world.subscribe(endpoint, "first")
    async with world.delivering():
        await world.publish(told("ana"))
        await until(lambda: _rows_are(world, 1))
        async with world.resources.database.begin() as tx:
            await tx.execute(subscriptions.delete())
        world.clock.advance(timedelta(seconds=10))
        await until(lambda: _all_are(world, "failed"))
    assert endpoint.asked == 1


async def _rows_are(world: World, count: int) -> bool:
    return len(await world.rows()) == count


async def _all_are(world: World, state: str) -> bool:
    states = await world.states()
    return bool(states) and {*states} == {state}
