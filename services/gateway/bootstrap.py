"""Puts the gateway together and runs it."""

from __future__ import annotations

import asyncio
import os

import structlog

from services.gateway.api_keys import StoredKeys
from services.gateway.app import create_app
from services.gateway.guesses import Guesses
from services.gateway.idempotency_store import IdempotencyStore
from services.gateway.intake.captcha import CaptchaVerifier
from services.gateway.intake.entity_store import StoredEntities, prune_entities
from services.gateway.intake.fetch_store import StoredFetches
from services.gateway.intake.provider_posts import prune_posts
from services.gateway.intake.publisher import StreamPublisher
from services.gateway.intake.rejected_store import RejectedSubmissions, prune_rejected
from services.gateway.intake.sources import PolicySources
from services.gateway.intake.vendor_work import VendorWork
from services.gateway.queries.idempotency import prune_records
from services.gateway.state import GatewayState
from shared.messaging.port import Sink
from shared.resilience.periodic import repeat
from shared.resilience.sliding_window import SlidingWindowLimiter
from shared.settings import GatewaySettings
from shared.vault import Vault
from shared.web.egress import EgressPolicy
from shared.web.server import HttpServer, connection_limits
from shared.worker.role import Resources

ROLE = "gateway"

_PRUNE_EVERY_S = 60.0
_WORK_EVERY_S = 1.0

log = structlog.get_logger()


async def run(resources: Resources, stop: asyncio.Event, settings: GatewaySettings) -> None:
    """Serve until `stop`, then finish the requests in hand. Raises `SettingsError` for a busy port."""
    sink = await resources.stream.sink()
    try:
        gateway = build(resources, sink, settings)
        log.info("sources", names=sorted(gateway.sources.current))
        app = create_app(gateway)
        server = HttpServer(
            app,
            host=settings.http_host,
            port=settings.http_port,
            port_field="http_port",
            trusted_proxies=settings.trusted_proxies,
            limits=connection_limits(settings),
        )
        await server.start()
        resources.health.set(ROLE, ok=True, detail=f"port {server.port}")
        try:
            async with asyncio.TaskGroup() as tasks:
                tasks.create_task(_prune(resources, stop))
                tasks.create_task(_work(gateway, resources, stop, settings))
        finally:
            await server.stop()
            await gateway.captcha.close()
    finally:
        await sink.close()


async def _prune(resources: Resources, stop: asyncio.Event) -> None:
    """Delete what was kept long enough, every minute until `stop`."""

    async def step() -> bool:
        now = resources.clock.now()
        more_rejected = await prune_rejected(resources.database, now)
        await prune_posts(resources.database, now)
        more_records = await prune_records(resources.database, now - resources.claims_kept)
        more_entities = await prune_entities(resources.database, now)
        return more_rejected or more_records or more_entities

    await repeat("gateway.prune", step, every_s=_PRUNE_EVERY_S, stop=stop, health=resources.health)


async def _work(
    gateway: GatewayState, resources: Resources, stop: asyncio.Event, settings: GatewaySettings
) -> None:
    """Do what vendors' posts left to be done later, until `stop`."""
    work = vendor_work(gateway, resources, settings)
    await repeat("gateway.vendors", work.step, every_s=_WORK_EVERY_S, stop=stop, health=resources.health)


def vendor_work(gateway: GatewayState, resources: Resources, settings: GatewaySettings) -> VendorWork:
    """Return what does that work."""
    return VendorWork(
        gateway,
        StoredFetches(resources.database),
        EgressPolicy(settings.providers_allow),
        stubs_url=settings.providers_url,
        keys=os.environ,
    )


def build(resources: Resources, sink: Sink, settings: GatewaySettings) -> GatewayState:
    """Join the parts."""
    admin_key = settings.admin_key.get_secret_value()
    egress = EgressPolicy(settings.egress_allow)
    return GatewayState(
        clock=resources.clock,
        random=os.urandom,
        publisher=StreamPublisher(sink),
        keys=StoredKeys(admin_key, resources.database, resources.clock, os.urandom),
        database=resources.database,
        health=resources.health,
        metrics=resources.metrics,
        tracing=resources.tracing,
        vault=Vault(resources.secret, os.urandom),
        egress=egress,
        sources=PolicySources(resources.policy.active, resources.integrations, os.environ),
        idempotency=IdempotencyStore(resources.database),
        rejected=RejectedSubmissions(resources.database, resources.metrics),
        entities=StoredEntities(resources.database, resources.clock),
        fetches=StoredFetches(resources.database),
        post_limits=SlidingWindowLimiter(),
        guesses=Guesses(resources.clock),
        captcha=CaptchaVerifier(egress, resources.clock, os.environ, resources.metrics),
        policies=resources.policy,
        integrations=resources.integrations,
        keyed_hash=resources.keyed_hash,
    )
