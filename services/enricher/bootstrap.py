"""Puts the enricher together."""

from __future__ import annotations

import asyncio
from typing import Any

import aiohttp

from services.enricher.adapters.clearbit import Clearbit
from services.enricher.adapters.lookup import ProviderLookUp
from services.enricher.adapters.store import EnricherStore
from services.enricher.domain.form import identity_of
from services.enricher.domain.reach import reach
from services.enricher.handlers import EnricherHandler
from shared.errors import DataError
from shared.events.envelope import Event
from shared.events.lead_received import LeadReceivedV1
from shared.runtime.role import Resources, Worker, run_worker
from shared.settings import EnricherSettings

_CONNECTIONS_MAX = 64


async def run(resources: Resources, stop: asyncio.Event, settings: EnricherSettings) -> None:
    """Enrich until `stop`."""
    base_url = settings.providers_url.rstrip("/") + "/"
    connector = aiohttp.TCPConnector(limit=_CONNECTIONS_MAX)
    async with aiohttp.ClientSession(base_url, connector=connector) as session:
        provider = Clearbit(session, resources.clock)
        look_up = ProviderLookUp(provider, resources.database, resources.clock)
        handler = EnricherHandler(look_up, resources.tombstone_of)
        try:
            await run_worker(resources, Worker(handler, EnricherStore(), order_key), stop)
        finally:
            await look_up.close()


def order_key(event: Event[Any]) -> str:
    """Return what events take turns by: the lead id that the event's own identifiers give.

    So the forms of one person keep their order unless they name that person differently, and a slow
    provider holds up one person, not a whole account. What is left over the row locks settle.
    """
    if isinstance(event.data, LeadReceivedV1):
        try:
            return identity_of(event.data).lead_id
        except DataError:
            return event.id  # `prepare` says what is wrong with it
    return next(iter(reach(event.data).lead_ids), event.id)
