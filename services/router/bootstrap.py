"""Puts the router together: the half that decides, and the half that delivers."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Awaitable, Callable
from datetime import datetime, timedelta
from typing import Any, Literal

from services.router.delivery.bulkhead import Bulkheads
from services.router.delivery.commands import DeliveryOrders
from services.router.delivery.delivery_reader import KnownDeliveries
from services.router.delivery.destinations import Destinations
from services.router.delivery.handler import DeliveryHandler
from services.router.delivery.retries import Retries
from services.router.delivery.sender import LIMITS, Poster
from services.router.delivery.storage import DeliveryStore, DueDeliveries
from services.router.domain.policy import RoutingPolicies
from services.router.handlers import LiveRouterHandler, drain_timer
from services.router.pruning import ASSIGNMENTS_KEPT, prune_assignments, prune_deliveries
from services.router.recurring_timer import stand_up
from services.router.storage import RouterStore
from shared.lead.events.envelope import Event
from shared.resilience.periodic import repeat
from shared.settings import RouterSettings
from shared.storage.database import Database
from shared.vault import Vault
from shared.web.aiohttp_egress import AiohttpEgressClient
from shared.web.egress import EgressPolicy
from shared.worker.process import wait_for
from shared.worker.role import Resources, Worker, run_worker

Half = Literal["decide", "deliver"]

_RETRIES_EVERY_S = 0.5
_PRUNE_EVERY_S = 600.0


async def run(
    resources: Resources, stop: asyncio.Event, settings: RouterSettings, only: Half | None = None
) -> None:
    """Route and deliver, or do one half only, until `stop`."""
    async with asyncio.TaskGroup() as halves:
        if only != "deliver":
            halves.create_task(_decide(resources, stop))
        if only != "decide":
            halves.create_task(_deliver(resources, stop, settings))


async def _decide(resources: Resources, stop: asyncio.Event) -> None:
    plans = RoutingPolicies(lambda: resources.policy.current)
    drain = drain_timer(resources.clock.now())
    await wait_for("router.drain", lambda: stand_up(resources.database, drain), stop, resources.health)
    handler = LiveRouterHandler(plans)
    store = RouterStore(lambda: plans.current.places)
    async with asyncio.TaskGroup() as tasks:
        tasks.create_task(run_worker(resources, Worker(handler, store, timers=True), stop))
        await _prune(resources, "router", prune_assignments, ASSIGNMENTS_KEPT, stop)


async def _deliver(resources: Resources, stop: asyncio.Event, settings: RouterSettings) -> None:
    clock, database = resources.clock, resources.database
    destinations = Destinations(lambda: resources.policy.current, os.environ)
    known = KnownDeliveries(database, Vault(resources.secret, os.urandom), clock, destinations)
    lanes = Bulkheads(clock)
    policy = EgressPolicy(settings.egress_allow)
    async with AiohttpEgressClient(policy, clock, limits=LIMITS) as client, asyncio.TaskGroup() as tasks:
        poster = Poster(client, lanes, clock, resources.metrics)
        handler = DeliveryHandler(known, poster, clock, resources.keyed_hash)
        worker = Worker(handler, DeliveryStore(), order_key=_lead_of)
        retries = Retries(
            due=DueDeliveries(database),
            known=known,
            poster=poster,
            lanes=lanes,
            clock=clock,
            tasks=tasks,
            stop=stop,
        )
        orders = DeliveryOrders(database, clock)

        async def step() -> bool:
            more = await orders.step()
            await retries.step()
            return more

        tasks.create_task(run_worker(resources, worker, stop))
        tasks.create_task(_prune(resources, "router-deliver", prune_deliveries, resources.claims_kept, stop))
        name = "router-deliver.retries"
        await repeat(name, step, every_s=_RETRIES_EVERY_S, stop=stop, health=resources.health)


async def _prune(
    resources: Resources,
    name: str,
    some: Callable[[Database, datetime], Awaitable[bool]],
    kept: timedelta,
    stop: asyncio.Event,
) -> None:
    """Let go, now and then, of what is older than it is kept."""

    async def step() -> bool:
        return await some(resources.database, resources.clock.now() - kept)

    await repeat(f"{name}.prune", step, every_s=_PRUNE_EVERY_S, stop=stop, health=resources.health)


def _lead_of(event: Event[Any]) -> str:
    return event.subject or event.id
