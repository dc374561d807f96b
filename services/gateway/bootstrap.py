"""Puts the gateway together and runs it."""

from __future__ import annotations

import asyncio
import os
from datetime import timedelta
from typing import cast

import structlog

from services.gateway.api_keys import StoredKeys
from services.gateway.app import create_app
from services.gateway.console.session import SessionCodec
from services.gateway.domain.access import SCOPES, Scope
from services.gateway.domain.oidc import OIDC_CALLBACK, OidcSettings
from services.gateway.event_stream.feed import EventFeed
from services.gateway.event_stream.recorded import RecordedEvents
from services.gateway.guesses import Guesses
from services.gateway.idempotency_store import IdempotencyStore
from services.gateway.intake.captcha import CaptchaVerifier
from services.gateway.intake.entity_store import StoredEntities, prune_entities
from services.gateway.intake.fetch_store import StoredFetches
from services.gateway.intake.ignored_items import IgnoredItems
from services.gateway.intake.provider_posts import prune_posts
from services.gateway.intake.publisher import StreamPublisher
from services.gateway.intake.rejected_store import RejectedSubmissions, prune_rejected
from services.gateway.intake.sources import PolicySources
from services.gateway.intake.vendor_work import VendorWork
from services.gateway.oidc.provider import OidcProvider
from services.gateway.queries.audit import prune_audit
from services.gateway.queries.idempotency import prune_records
from services.gateway.sign_in_links import prune_links
from services.gateway.state import GatewayState
from shared.messaging.port import Sink
from shared.resilience.sliding_window import SlidingWindowLimiter
from shared.settings import GatewaySettings, SettingsError
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
                # Its streams end before the server stops: it waits for the requests in hand.
                tasks.create_task(gateway.feed.run(stop))
                tasks.create_task(_prune(resources, stop, timedelta(days=settings.audit_days)))
                tasks.create_task(_work(gateway, resources, stop, settings))
        finally:
            await server.stop()
            await gateway.captcha.close()
    finally:
        await sink.close()


async def _prune(resources: Resources, stop: asyncio.Event, audit_kept: timedelta) -> None:
    """Delete what was kept long enough, every minute until `stop`."""

    async def step() -> bool:
        now = resources.clock.now()
        more_rejected = await prune_rejected(resources.database, now)
        await prune_posts(resources.database, now)
        await prune_links(resources.database, now)
        more_records = await prune_records(resources.database, now - resources.claims_kept)
        more_entities = await prune_entities(resources.database, now)
        more_audit = await prune_audit(resources.database, now - audit_kept)
        return more_audit or more_rejected or more_records or more_entities

    await resources.repeat("gateway.prune", step, every_s=_PRUNE_EVERY_S, stop=stop)


async def _work(
    gateway: GatewayState, resources: Resources, stop: asyncio.Event, settings: GatewaySettings
) -> None:
    """Do what vendors' posts left to be done later, until `stop`."""
    work = vendor_work(gateway, resources, settings)
    await resources.repeat("gateway.vendors", work.step, every_s=_WORK_EVERY_S, stop=stop)
    await gateway.ignored.flush()


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
        sessions=SessionCodec(resources.secret, secure=(settings.public_url or "").startswith("https:")),
        oidc=_oidc_provider(resources, settings),
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
        ignored=IgnoredItems(resources.database, resources.clock),
        post_limits=SlidingWindowLimiter(),
        guesses=Guesses(resources.clock),
        captcha=CaptchaVerifier(egress, resources.clock, os.environ, resources.metrics),
        policies=resources.policy,
        integrations=resources.integrations,
        keyed_hash=resources.keyed_hash,
        feed=EventFeed(resources.stream, resources.database, resources.keyed_hash),
        recorded=RecordedEvents(resources.database),
    )


def _oidc_provider(resources: Resources, settings: GatewaySettings) -> OidcProvider | None:
    """Return the provider of the settings, if they name one. Raises `SettingsError` for an unknown scope."""
    if settings.oidc_issuer is None:
        return None
    unknown = sorted(set(settings.oidc_groups.values()) - set(SCOPES))
    if unknown:
        raise SettingsError((f"BATON_OIDC_GROUPS names {unknown[0]!r}, which is no scope",))
    secret = settings.oidc_client_secret
    return OidcProvider(
        OidcSettings(
            issuer=settings.oidc_issuer,
            client_id=settings.oidc_client_id or "",
            redirect_uri=(settings.public_url or "").rstrip("/") + OIDC_CALLBACK,
            label=settings.oidc_label,
            scope=settings.oidc_scope,
            groups_claim=settings.oidc_groups_claim,
            groups=cast("dict[str, Scope]", settings.oidc_groups),
            reps={address.casefold(): rep for address, rep in settings.oidc_reps.items()},
        ),
        secret.get_secret_value() if secret else None,
        EgressPolicy(settings.oidc_allow),
        resources.clock,
    )
