"""A gateway that serves on a free port, on the embedded stream and SQLite in one directory."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import aiohttp
from fastapi import FastAPI

from services.gateway.app import create_app
from services.gateway.bootstrap import build, vendor_work
from services.gateway.event_stream.feed import EventFeed
from services.gateway.intake.vendor_work import VendorWork
from shared.clock import Clock, SystemClock
from shared.health import Health
from shared.integrations.catalog import load_integrations
from shared.lead.events.envelope import Event, decode
from shared.messaging.connect import connect
from shared.messaging.port import Record, Sink, Source, Stream
from shared.observability.metrics import Metrics
from shared.observability.tracing import Tracing
from shared.policy.load import texts_in
from shared.policy.versions import PolicyWatch, check_policy, put
from shared.settings import GatewaySettings, load
from shared.storage.database import Database
from shared.storage.rows import IdentityMap, Put, Row
from shared.web.server import HttpServer, connection_limits
from shared.worker.role import Resources
from tests.support.databases import create_tables

ADMIN_KEY = "the administrator's key of a test gateway"
_GIVE_UP_S = 600


@dataclass
class RunningGateway:
    """`http` sends requests with the administrator's key unless they say otherwise."""

    http: aiohttp.ClientSession
    resources: Resources
    stream: Stream
    sink: Sink
    server: HttpServer
    work: VendorWork
    feed: EventFeed
    app: FastAPI
    settings: GatewaySettings

    @asynccontextmanager
    async def another(self) -> AsyncIterator[RunningGateway]:
        """Serve a second gateway on the same stream and database until the end of the context."""
        resources = replace(
            self.resources,
            database=Database(self.settings.database_url),
            policy=PolicyWatch(Database(self.settings.database_url)),
            health=Health(),
            metrics=Metrics(),
        )
        async with _served(resources, self.settings) as other:
            yield other
        await resources.database.close()

    @property
    def database(self) -> Database:
        return self.resources.database

    async def apply_policy(self, directory: Path = Path("config"), **changed: str) -> None:
        """Put the files of a directory in force, some of them with other texts: `sources="…"`."""
        texts = {**texts_in(directory), **{f"{name}.yaml": text for name, text in changed.items()}}
        async with self.database.begin() as tx:
            await put(tx, await check_policy(texts), by="test", at=self.resources.clock.now())
        await self.resources.policy.start()

    async def ask(self, method: str, path: str, **more: Any) -> tuple[int, Any, Mapping[str, str]]:
        """Return status, body and headers; a failure must be a problem document that says its status."""
        async with self.http.request(method, path, allow_redirects=False, **more) as response:
            raw = await response.read()
            body: Any = json.loads(raw) if raw and "json" in response.content_type else raw
            if response.status >= 400:
                assert response.content_type == "application/problem+json", (response.status, raw)
                assert body["status"] == response.status
                assert body["type"].startswith("urn:baton:problem:")
                assert body["title"]
                assert body["detail"]
            return response.status, body, response.headers

    async def key_headers(self, *scopes: str, rep: str | None = None) -> dict[str, str]:
        """Create an API key; return the headers that send it."""
        new = {"name": "test", "scopes": scopes, **({"rep": rep} if rep else {})}
        status, made, _ = await self.ask("POST", "/v1/api-keys", json=new)
        assert status == 201, made
        return {"Authorization": f"Bearer {made['key']}"}

    async def store(self, *rows: Row) -> None:
        """Write rows as the role that owns them would."""
        changes = IdentityMap()
        changes.apply([Put(row) for row in rows])
        async with self.database.begin() as tx:
            await tx.write(changes)

    async def records(self, topic: str, count: int) -> list[Record]:
        """Return the first `count` records of a topic, in the order of their offsets per partition."""
        source = await self.stream.source("test", [topic], _revoking)
        try:
            async with asyncio.timeout(_GIVE_UP_S):
                return await _read(source, count)
        finally:
            await source.close()

    async def events(self, topic: str, count: int) -> list[Event[Any]]:
        """Return the first `count` events of a topic."""
        return [decode(record) for record in await self.records(topic, count)]


@asynccontextmanager
async def running_gateway(
    directory: Path, clock: Clock | None = None, **environ: str
) -> AsyncIterator[RunningGateway]:
    """Serve until the end of the context."""
    settings = load(
        GatewaySettings,
        {
            "BATON_DATA_DIR": str(directory),
            "BATON_ADMIN_KEY": ADMIN_KEY,
            "BATON_SECRET_KEY": "the secret key",
            "BATON_HTTP_PORT": "0",
            **environ,
        },
    )
    await create_tables(settings.database_url)
    resources = gateway_resources(settings, clock or SystemClock())
    await resources.stream.open()
    async with _served(resources, settings) as running:
        yield running
    await resources.stream.close()
    await resources.database.close()


@asynccontextmanager
async def _served(resources: Resources, settings: GatewaySettings) -> AsyncIterator[RunningGateway]:
    """Serve on a free port until the end of the context."""
    sink = await resources.stream.sink()
    state = build(resources, sink, settings)
    app = create_app(state)
    server = HttpServer(
        app,
        host="127.0.0.1",
        port=0,
        port_field="http_port",
        trusted_proxies=settings.trusted_proxies,
        limits=connection_limits(settings),
    )
    await server.start()
    stop = asyncio.Event()
    following = asyncio.create_task(state.feed.run(stop))
    try:
        async with aiohttp.ClientSession(
            f"http://127.0.0.1:{server.port}", headers={"Authorization": f"Bearer {ADMIN_KEY}"}
        ) as http:
            work = vendor_work(state, resources, settings)
            yield RunningGateway(
                http, resources, resources.stream, sink, server, work, state.feed, app, settings
            )
    finally:
        stop.set()
        await following
        await server.stop()
        await state.captcha.close()
        await sink.close()


def gateway_resources(settings: GatewaySettings, clock: Clock, partitions: int = 2) -> Resources:
    """Return the resources of a gateway that is not traced."""
    stream = connect(
        settings.stream_url,
        data_dir=settings.data_dir,
        prefix=settings.topic_prefix,
        partitions=partitions,
        retention_days=7,
        clock=clock,
        create_topics=True,
    )
    return Resources(
        clock=clock,
        database=Database(settings.database_url),
        stream=stream,
        policy=PolicyWatch(Database(settings.database_url)),
        health=Health(),
        metrics=Metrics(),
        tracing=Tracing(None),
        secret=settings.secret_key.get_secret_value().encode(),
        partitions=partitions,
        integrations=load_integrations(settings.policy_dir),
    )


async def _read(source: Source, count: int) -> list[Record]:
    records: list[Record] = []
    while len(records) < count:
        records.extend((await source.poll(100, 0.2)).records)
    return sorted(records, key=lambda record: (record.partition, record.offset))


async def _revoking(_partitions: object) -> None:
    return None
