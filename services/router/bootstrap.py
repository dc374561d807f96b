"""Puts the router together: the half that decides, and the half that delivers."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Awaitable, Callable
from datetime import datetime, timedelta
from typing import Any, Literal

from services.router.adapters.delivery_store import DeliveryStore, DueDeliveries
from services.router.adapters.destinations import Destinations
from services.router.adapters.known import KnownDeliveries
from services.router.adapters.lanes import Lanes
from services.router.adapters.orders import DeliveryOrders
from services.router.adapters.post import BOUNDS, Poster
from services.router.adapters.pruning import ASSIGNMENTS_KEPT, prune_assignments, prune_deliveries
from services.router.adapters.retries import Retries
from services.router.adapters.standing import stand_up
from services.router.adapters.store import RouterStore
from services.router.domain.plan import Plans
from services.router.handlers.delivering import DeliveryHandler
from services.router.handlers.routing import LiveRouterHandler, drain_timer
from shared.events.envelope import Event
from shared.http.egress import EgressClient, EgressPolicy
from shared.runtime.background import repeat
from shared.runtime.process import wait_for
from shared.runtime.role import Resources, Worker, run_worker
from shared.settings import RouterSettings
from shared.sql.engine import Database
from shared.vault import Vault

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
    plans = Plans(lambda: resources.policy.current)
    drain = drain_timer(resources.clock.now())
    await wait_for("router.drain", lambda: stand_up(resources.database, drain), stop, resources.health)
    handler = LiveRouterHandler(plans, resources.tombstone_of)
    store = RouterStore(lambda: plans.current.places)
    async with asyncio.TaskGroup() as tasks:
        tasks.create_task(run_worker(resources, Worker(handler, store, timers=True), stop))
        await _prune(resources, "router", prune_assignments, ASSIGNMENTS_KEPT, stop)


async def _deliver(resources: Resources, stop: asyncio.Event, settings: RouterSettings) -> None:
    clock, database = resources.clock, resources.database
    destinations = Destinations(lambda: resources.policy.current, os.environ)
    known = KnownDeliveries(database, Vault(resources.secret, os.urandom), clock, destinations)
    lanes = Lanes(clock)
    policy = EgressPolicy(settings.egress_allow)
    async with EgressClient(policy, clock, bounds=BOUNDS) as client, asyncio.TaskGroup() as tasks:
        poster = Poster(client, lanes, clock, resources.metrics)
        handler = DeliveryHandler(known, poster, clock, resources.tombstone_of)
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
