"""Composition root of the enricher."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable
from typing import Any

import msgspec

from services.enricher.contact_discovery import ContactDiscovery
from services.enricher.daily_budget import DailyBudget
from services.enricher.domain.discovery import DISCOVERED_BY_TYPES, account_to_discover
from services.enricher.domain.for_sellers import OWNED_TYPES, seller_needs_more
from services.enricher.domain.form import identity_of
from services.enricher.domain.row_keys import keys_of_event
from services.enricher.handlers import EnricherHandler
from services.enricher.lookup import WaterfallLookup
from services.enricher.ownership_queries import unworked_last
from services.enricher.provider_registry import ProviderRegistry
from services.enricher.provider_reporter import ProviderReporter
from services.enricher.pruning import prune_answers
from services.enricher.storage import EnricherStore
from services.enricher.vendor_jobs import CallbackAddresses, VendorJobs
from services.gateway.domain.arrival import SOURCE as INTAKE_SOURCE
from shared.clock import Clock
from shared.errors import DataError
from shared.lead.events.envelope import Event
from shared.lead.events.lead_received import LeadReceivedV1
from shared.messaging.manifest import LEADS_ROUTED
from shared.messaging.port import Record
from shared.settings import EnricherSettings
from shared.web.egress import EgressPolicy
from shared.worker.role import Resources, Worker, run_worker

_PRUNE_EVERY_S = 600.0
_REPORT_EVERY_S = 1.0
_LATER_LOOKUPS_MAX = 16
"""How many leads are looked up again at a time: few, so that the calls of each get their turn."""


async def run(resources: Resources, stop: asyncio.Event, settings: EnricherSettings) -> None:
    """Run the enricher until `stop` is set."""
    clock, database = resources.clock, resources.database
    jobs = VendorJobs(database, clock)
    registry = ProviderRegistry(
        resources.policy,
        {name: folder.preset for name, folder in resources.integrations.providers.items()},
        EgressPolicy(settings.providers_allow),
        clock,
        resources.metrics,
        stubs_url=settings.providers_url,
        keys=os.environ,
        jobs=jobs,
        callbacks=callback_addresses(settings.public_url, resources.secret),
    )
    lookup = WaterfallLookup(registry, database, DailyBudget(database, clock), clock)
    discovery = ContactDiscovery(registry, database, lookup.calls, clock, keyed_hash=resources.keyed_hash)
    handler = EnricherHandler(
        lookup,
        lambda: resources.policy.active().policy.accounts.shared,
        discovery,
        lambda event, at: seller_needs_more(event, registry.current.waterfall, at),
    )

    async def prune() -> bool:
        await prune_answers(database, clock.now())
        return False

    reporter = ProviderReporter(
        registry.statuses, database, clock, metrics=resources.metrics, health=resources.health
    )

    async def wake_waiting() -> bool:
        return registry.has_jobs and await jobs.wake_waiting()

    steps = {
        "prune": (prune, _PRUNE_EVERY_S),
        "provider_states": (reporter.step, _REPORT_EVERY_S),
        "posted_answers": (wake_waiting, _REPORT_EVERY_S),
    }
    async with asyncio.TaskGroup() as tasks:
        for name, (step, every_s) in steps.items():
            tasks.create_task(resources.repeat(f"enricher.{name}", step, every_s=every_s, stop=stop))
        try:
            worker = Worker(
                handler,
                EnricherStore(resources.keyed_hash),
                order_key,
                timers=True,
                timers_at_once=_LATER_LOOKUPS_MAX,
                timers_first=(unworked_last(),),
                is_needed=lead_filter(registry, clock),
            )
            await run_worker(resources, worker, stop)
        finally:
            await lookup.close()
            await registry.close()


def callback_addresses(public_url: str | None, secret: bytes) -> CallbackAddresses | None:
    """Return what makes the addresses for vendors' answers; None where the gateway cannot be reached."""
    if public_url is None:
        return None
    from shared.vault import Vault

    return CallbackAddresses(public_url, Vault(secret, os.urandom).seal)


def lead_filter(registry: ProviderRegistry, clock: Clock) -> Callable[[Record], bool]:
    """Return whether a record matters to the enricher; of events about owned leads, few do."""

    def is_needed(record: Record) -> bool:
        if record.topic != LEADS_ROUTED.name:
            return True
        type_ = dict(record.headers).get("ce_type")
        if record.value is None or type_ not in DISCOVERED_BY_TYPES:
            return False
        providers, now = registry.current, clock.now()
        try:
            if account_to_discover(record.value, providers.discovery, now) is not None:
                return True
            return type_ in OWNED_TYPES and seller_needs_more(record.value, providers.waterfall, now)
        except msgspec.MsgspecError:
            return True  # the consumer says what is wrong with it

    return is_needed


def order_key(event: Event[Any]) -> str:
    """Return the key whose events are processed in order: the lead id that the event's own identifiers give.

    So the forms of one person keep their order unless they name that person differently, and a slow provider
    delays one person, not a whole account. Forms of one lead under different keys are settled by row locks.
    The gateway has worked the id out already: it is the subject of its events.
    """
    if isinstance(event.data, LeadReceivedV1):
        if event.source == INTAKE_SOURCE and event.subject:
            return event.subject
        try:
            return identity_of(event.data).lead_id
        except DataError:
            return event.id  # `EnricherHandler.prepare` raises the error
    return next(iter(keys_of_event(event.data).lead_ids), event.id)
