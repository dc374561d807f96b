"""The delivery role over a database and an embedded stream, and webhook endpoints that verify signatures."""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import datetime
from types import MappingProxyType
from typing import Any

import msgspec
from aiohttp import web
from sqlalchemy import select

from services.gateway.queries.delivery_orders import place_order
from services.gateway.tables import subscriptions
from services.router import bootstrap
from services.router.domain.delivery import DeliveryRow
from services.router.tables import deliveries, notified_leads
from shared.lead.events.envelope import Event, encode
from shared.lead.events.lead_suppressed import LeadSuppressedV1
from shared.lead.events.parts import Company, Person, Trigger
from shared.lead.events.routing import PolicyVersions, Suppression
from shared.lead.events.scoring import Score
from shared.messaging.port import publish
from shared.policy.compiled import compiled
from shared.policy.models import Destination, Manager, Team
from shared.settings import RouterSettings, load
from shared.vault import Vault
from shared.web.signing import new_secret, verify
from shared.webhooks import DeliveryOrder, QueuedOrder, SealedSecret, sealed_for
from shared.worker.role import Resources
from tests.support.fixed_clock import FixedClock
from tests.support.routing_policies import StandingPolicy, default_policy
from tests.support.scored_leads import AT, event_of, lead_id

SECRET = b"router-delivery-tests"
PARTITIONS = 3
NOWHERE: Mapping[str, str] = MappingProxyType({})


@dataclass
class Endpoint:
    """A customer's webhook endpoint. It responds with `status`, and hangs while `open` is not set."""

    url: str = ""
    secret: str = field(default_factory=lambda: new_secret(os.urandom(32)))
    status: int = 204
    headers: dict[str, str] = field(default_factory=dict)
    answer: str = ""
    open: asyncio.Event = field(default_factory=asyncio.Event)
    received: list[tuple[str, dict[str, Any]]] = field(default_factory=list)
    requests: int = 0

    @property
    def ids(self) -> list[str]:
        return [webhook_id for webhook_id, _body in self.received]


class DeliveryWorld:
    """The delivery role with its database, stream and clock, and the endpoints that it delivers to."""

    def __init__(self, resources: Resources, clock: FixedClock) -> None:
        self.resources = resources
        self.clock = clock
        self.runners: list[web.AppRunner] = []

    async def endpoint(self) -> Endpoint:
        """Start an endpoint that verifies every signature."""
        endpoint = Endpoint()
        endpoint.open.set()

        async def take(request: web.Request) -> web.Response:
            body = await request.read()
            endpoint.requests += 1
            verify(endpoint.secret, dict(request.headers), body, self.clock.now())
            await endpoint.open.wait()
            if endpoint.status < 300:
                endpoint.received.append((request.headers["webhook-id"], msgspec.json.decode(body)))
            return web.Response(status=endpoint.status, headers=endpoint.headers, text=endpoint.answer)

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
            "secrets": [SealedSecret(sealed)], "created_at": AT, "updated_at": AT, **given,
        }  # fmt: skip
        async with self.resources.database.begin() as tx:
            await tx.execute(subscriptions.insert(), row)

    async def publish(self, *events: Event[Any]) -> None:
        sink = await self.resources.stream.sink()
        await publish(sink, [encode(event) for event in events])
        await sink.close()

    def send_to(
        self, *, reps: Mapping[str, str] = NOWHERE, managers: Mapping[str, str] = NOWHERE, **urls: str
    ) -> None:
        """Activate a policy in which exactly these queues, reps and managers have a destination.

        The variables with the secrets are named after them, such as `SENIOR_AE_SECRET`.
        """
        policy, watch = default_policy(), self.resources.policy
        assert isinstance(watch, StandingPolicy)

        def to(name: str, given: Mapping[str, str]) -> dict[str, Destination]:
            variable = f"{name.upper().replace('-', '_')}_SECRET"
            return {"destination": Destination(url=given.get(name, ""), secret_env=variable)}

        queues = {
            name: queue.model_copy(update=to(name, urls)) for name, queue in policy.routing.queues.items()
        }
        team = Team(
            reps=tuple(rep.model_copy(update=to(rep.id, reps)) for rep in policy.team.reps),
            managers=tuple(Manager(id=id_, name=id_, **to(id_, managers)) for id_ in managers),
        )
        routing = policy.routing.model_copy(update={"queues": queues})
        watch.policy = compiled(policy.model_copy(update={"routing": routing, "team": team}))

    async def notified(self) -> dict[str, datetime]:
        """Return when each lead was first delivered to whoever should work it."""
        async with self.resources.database.read() as tx:
            return {row.lead_id: row.at for row in await tx.execute(select(notified_leads))}

    async def rows(self) -> list[DeliveryRow]:
        async with self.resources.database.read() as tx:
            found = await tx.execute(select(deliveries).order_by(deliveries.c.created_at, deliveries.c.id))
            return [DeliveryRow(*tuple(row)) for row in found]

    async def wait_for_rows(self, count: int) -> None:
        """Wait until there are exactly `count` deliveries."""

        async def reached() -> bool:
            return len(await self.rows()) == count

        await until(reached)

    async def wait_for_state(self, state: str) -> None:
        """Wait until there are deliveries and all of them are in `state`."""

        async def reached() -> bool:
            return {row.state for row in await self.rows()} == {state}

        await until(reached)

    async def order(self, content: DeliveryOrder, id_: str = "order-1") -> None:
        """Place an order to deliver, as the gateway does."""
        async with self.resources.database.begin() as tx:
            await place_order(tx, QueuedOrder(id_, content, self.clock.now()))

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


async def until(condition: Callable[[], bool | Awaitable[bool]], within_s: float = 300.0) -> None:
    """Wait until a condition holds; the limit is there for a test that fails, not for a slow machine."""
    async with asyncio.timeout(within_s):
        while True:
            held = condition()
            if held if isinstance(held, bool) else await held:
                return
            await asyncio.sleep(0.02)


def lead_event(name: str, number: int = 1) -> Event[Any]:
    """Return a small event about a lead, of a type that subscriptions receive."""
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
