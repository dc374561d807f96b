"""The operator's endpoints over real HTTP, and the server that carries them."""

from __future__ import annotations

import asyncio
import signal
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import aiohttp
import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse
from starlette.routing import Route

from shared.errors import Crash
from shared.health import Health
from shared.observability.metrics import Metrics
from shared.settings import CommonSettings, SettingsError, load
from shared.web.ops import OpsServer
from shared.web.server import HttpServer

ANY_PORT = load(CommonSettings, {"BATON_OPS_PORT": "0"})
TIMEOUT = aiohttp.ClientTimeout(total=300)


@asynccontextmanager
async def _serving(server: HttpServer) -> AsyncIterator[aiohttp.ClientSession]:
    await server.start()
    try:
        async with aiohttp.ClientSession(f"http://127.0.0.1:{server.port}", timeout=TIMEOUT) as session:
            yield session
    finally:
        await server.stop()


async def test_readiness_follows_the_checks():
    health = Health(awaited=["database"])
    async with _serving(OpsServer(health, Metrics(), ANY_PORT)) as session:
        async with session.get("/readyz") as starting:
            assert starting.status == 503
            assert await starting.json() == {
                "ready": False,
                "checks": {"database": {"ok": False, "detail": "starting"}},
            }
        health.set("database", True)
        health.set("stream", False, "no broker answers")
        async with session.get("/readyz") as waiting:
            assert waiting.status == 503
            assert (await waiting.json())["checks"]["stream"] == {"ok": False, "detail": "no broker answers"}
        health.set("stream", True)
        async with session.get("/readyz") as ready:
            assert ready.status == 200
            assert (await ready.json())["ready"] is True


async def test_life_does_not_depend_on_readiness():
    server = OpsServer(Health(awaited=["stream"]), Metrics(), ANY_PORT)
    async with _serving(server) as session, session.get("/livez") as live:
        assert live.status == 200


async def test_metrics_are_exposed_as_they_stand():
    metrics = Metrics()
    async with _serving(OpsServer(Health(), metrics, ANY_PORT)) as session:
        metrics.dead_letters.labels("enricher", "leads.received.v1", "malformed").inc()
        async with session.get("/metrics") as exposed:
            assert exposed.headers["content-type"].startswith("text/plain; version=")
            expected = (
                'baton_dead_letters_total{kind="malformed",role="enricher",topic="leads.received.v1"} 1.0'
            )
            assert expected in await exposed.text()


async def test_a_busy_port_is_an_error_that_names_the_variable():
    with socket.create_server(("127.0.0.1", 0)) as busy:
        settings = load(CommonSettings, {"BATON_OPS_PORT": str(busy.getsockname()[1])})
        with pytest.raises(SettingsError, match=r"^BATON_OPS_PORT: .*in use"):
            await OpsServer(Health(), Metrics(), settings).start()


async def test_an_address_of_another_machine_names_the_host():
    settings = load(CommonSettings, {"BATON_OPS_PORT": "0", "BATON_HTTP_HOST": "192.0.2.1"})
    with pytest.raises(SettingsError, match=r"^BATON_HTTP_HOST: "):
        await OpsServer(Health(), Metrics(), settings).start()


async def test_the_port_is_free_after_a_stop_and_signals_stay_with_the_role():
    before = signal.getsignal(signal.SIGTERM)
    server = OpsServer(Health(), Metrics(), ANY_PORT)
    await server.start()
    assert signal.getsignal(signal.SIGTERM) is before
    await server.stop()
    await server.stop()
    with socket.create_server(("127.0.0.1", server.port)):
        pass


async def test_a_stop_lets_an_open_request_finish():
    begun, may_finish = asyncio.Event(), asyncio.Event()

    async def slow(_request: Request) -> PlainTextResponse:
        begun.set()
        await may_finish.wait()
        return PlainTextResponse("done")

    app = Starlette(routes=[Route("/", slow)])
    server = HttpServer(app, host="127.0.0.1", port=0, port_field="http_port", drain_s=300)
    async with asyncio.timeout(300), _serving(server) as session:
        answer = asyncio.create_task(_text(session))
        await begun.wait()
        stopping = asyncio.create_task(server.stop())
        await _refuses_connections(server.port)
        may_finish.set()
        await stopping
        assert await answer == "done"


async def _refuses_connections(port: int) -> None:
    while True:
        try:
            _, writer = await asyncio.open_connection("127.0.0.1", port)
        except ConnectionError:  # refused, or reset: the listener closed with this one in its queue
            return
        writer.close()
        await asyncio.sleep(0.01)


async def _text(session: aiohttp.ClientSession) -> str:
    async with session.get("/") as response:
        return await response.text()


async def test_an_application_that_does_not_start_is_a_crash():
    @asynccontextmanager
    async def lifespan(_app: Starlette) -> AsyncIterator[None]:
        await _find_policy()
        yield

    server = HttpServer(Starlette(lifespan=lifespan), host="127.0.0.1", port=0, port_field="http_port")
    with pytest.raises(Crash):
        await server.start()


async def _find_policy() -> None:
    raise RuntimeError("there is none")
