"""What the public port tells strangers about the operation, and what it tells a key."""

from __future__ import annotations

import aiohttp
import pytest

NOBODY = {"Authorization": ""}


@pytest.fixture
async def stranger(gateway):
    """A client that sends no Authorization header."""
    async with aiohttp.ClientSession(f"http://127.0.0.1:{gateway.server.port}") as http:
        yield http


@pytest.mark.parametrize("ready", [True, False])
async def test_readiness_is_bare_without_a_key_and_detailed_with_one(gateway, stranger, ready):
    gateway.resources.health.set("stream", ok=ready, detail="kafka:9092 is not reachable")
    status = 200 if ready else 503
    for headers in ({}, NOBODY):
        async with stranger.get("/readyz", headers=headers) as response:
            assert (response.status, await response.json()) == (status, {"ready": ready})
    async with stranger.get("/readyz", headers=await gateway.key_headers("read")) as response:
        assert response.status == status
        answer = await response.json()
    assert answer["ready"] is ready
    assert answer["checks"]["stream"] == {"ok": ready, "detail": "kafka:9092 is not reachable"}


@pytest.mark.parametrize("path", ["/readyz", "/metrics"])
async def test_a_key_has_to_be_one_that_reads(gateway, stranger, path):
    async with stranger.get(path, headers={"Authorization": "Bearer unknown"}) as response:
        assert response.status == 401
    async with stranger.get(path, headers=await gateway.key_headers("intake")) as response:
        assert response.status == 403


async def test_metrics_need_a_key(gateway, stranger):
    async with stranger.get("/metrics") as response:
        assert (response.status, response.content_type) == (401, "application/problem+json")
    async with stranger.get("/metrics", headers=await gateway.key_headers("read")) as response:
        assert response.headers["Content-Type"].startswith("text/plain")
        assert "baton_http_requests_total" in await response.text()


async def test_liveness_needs_no_key(stranger):
    for method in ("GET", "HEAD"):
        async with stranger.request(method, "/livez") as response:
            assert response.status == 200
