"""Wires the router: the routing worker, which decides, and the delivery worker, which sends webhooks."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Awaitable, Callable
from datetime import datetime, timedelta
from typing import Literal

from services.router.delivery.commands import DeliveryCommands
from services.router.delivery.delivery_reader import DeliveryReader
from services.router.delivery.handler import DeliveryHandler
from services.router.delivery.retrier import DeliveryRetrier
from services.router.delivery.sender import IN_FLIGHT_MAX, LIMITS, WebhookSender
from services.router.delivery.storage import DeliveryStore, DueDeliveries
from services.router.delivery.targets import PolicyDestinations
from services.router.domain.dispatch import assign_waiting_timer
from services.router.domain.qualification.language import languages
from services.router.fairness_monitor import FairnessMonitor
from services.router.handlers import LiveRouterHandler
from services.router.policy import routing_policy_of
from services.router.pruning import (
    ASSIGNMENTS_KEPT,
    ATTEMPTS_KEPT,
    prune_assignments,
    prune_attempts,
    prune_deliveries,
)
from services.router.recurring_timer import ensure_timer
from services.router.storage import RouterStore
from shared.policy.per_version import PerVersion
from shared.resilience.bulkhead import Bulkheads
from shared.settings import RouterSettings
from shared.storage.database import Database
from shared.vault import Vault
from shared.web.egress import EgressPolicy
from shared.web.pooled_egress import PooledEgressClient
from shared.worker.process import wait_for
from shared.worker.role import Resources, Worker, run_worker

Half = Literal["decide", "deliver"]

_COMMANDS_EVERY_S = 0.5
_FAIRNESS_EVERY_S = 15.0
_PRUNE_EVERY_S = 600.0


async def run(
    resources: Resources, stop: asyncio.Event, settings: RouterSettings, only: Half | None = None
) -> None:
    """Run both workers, or `only` one of them, until `stop` is set."""
    async with asyncio.TaskGroup() as workers:
        if only != "deliver":
            workers.create_task(run_routing(resources, stop))
        if only != "decide":
            workers.create_task(run_delivery(resources, stop, settings))


async def run_routing(resources: Resources, stop: asyncio.Event) -> None:
    """Decide on leads until `stop` is set."""
    policies = PerVersion(resources.policy.active, routing_policy_of)
    timer = assign_waiting_timer(resources.clock.now())
    # "drain" is the name in readiness reports, which alerts may already match.
    await wait_for("router.drain", lambda: ensure_timer(resources.database, timer), stop, resources.health)
    languages()  # takes a second, which the first lead would wait for
    handler = LiveRouterHandler(policies)
    store = RouterStore(lambda: policies.current)
    async with asyncio.TaskGroup() as tasks:
        tasks.create_task(run_worker(resources, Worker(handler, store, timers=True), stop))
        monitor = FairnessMonitor(resources.database, resources.metrics)
        name = "router.fairness"
        tasks.create_task(resources.repeat(name, monitor.step, every_s=_FAIRNESS_EVERY_S, stop=stop))
        await _prune(resources, "router", prune_assignments, ASSIGNMENTS_KEPT, stop)


async def run_delivery(resources: Resources, stop: asyncio.Event, settings: RouterSettings) -> None:
    """Send webhooks until `stop` is set."""
    clock, database = resources.clock, resources.database
    destinations = PolicyDestinations(resources.policy.active, os.environ)
    reader = DeliveryReader(database, Vault(resources.secret, os.urandom), clock, destinations)
    bulkheads = Bulkheads(clock, slots=IN_FLIGHT_MAX)
    egress = EgressPolicy(settings.egress_allow)
    async with PooledEgressClient(egress, clock, limits=LIMITS) as client, asyncio.TaskGroup() as tasks:
        sender = WebhookSender(client, bulkheads, clock, resources.metrics)
        handler = DeliveryHandler(reader, sender, clock, resources.keyed_hash)
        # Deliveries about one lead are sent in order; those about different leads run concurrently.
        worker = Worker(handler, DeliveryStore(), order_key=lambda event: event.subject or event.id)
        retrier = DeliveryRetrier(
            due=DueDeliveries(database),
            reader=reader,
            sender=sender,
            bulkheads=bulkheads,
            clock=clock,
            tasks=tasks,
            stop=stop,
        )
        commands = DeliveryCommands(database, clock)

        async def step() -> bool:
            more = await commands.step()
            await retrier.step()
            return more

        tasks.create_task(run_worker(resources, worker, stop))
        kept = max(resources.claims_kept, ATTEMPTS_KEPT)
        tasks.create_task(_prune(resources, "router-deliver", prune_deliveries, kept, stop))
        tasks.create_task(_prune(resources, "router-attempts", prune_attempts, ATTEMPTS_KEPT, stop))
        name = "router-deliver.retries"
        await resources.repeat(
            name, step, every_s=_COMMANDS_EVERY_S, stop=stop, due_within=retrier.due_within
        )


async def _prune(
    resources: Resources,
    name: str,
    prune: Callable[[Database, datetime], Awaitable[bool]],
    kept: timedelta,
    stop: asyncio.Event,
) -> None:
    """Call `prune` every ten minutes with the time before which rows may be deleted."""

    async def step() -> bool:
        return await prune(resources.database, resources.clock.now() - kept)

    await resources.repeat(f"{name}.prune", step, every_s=_PRUNE_EVERY_S, stop=stop)
