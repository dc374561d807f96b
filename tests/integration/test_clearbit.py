"""The Clearbit adapter against answers that Clearbit, or something in between, might give."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any

import aiohttp
import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from services.enricher.adapters.clearbit import ANSWER_BYTES_MAX, Clearbit
from services.enricher.domain.providers import Answer
from shared.clock import SystemClock
from shared.http.server import HttpServer


@asynccontextmanager
async def _answering(status: int, body: bytes) -> AsyncIterator[Callable[[], Awaitable[Answer]]]:
    async def answer(_request: Request) -> Response:
        return Response(body, status, {"location": "/elsewhere"})

    app = Starlette(routes=[Route("/clearbit/v2/companies/find", answer)])
    server = HttpServer(app, host="127.0.0.1", port=0, port_field="stubs_port", drain_s=1)
    await server.start()
    async with aiohttp.ClientSession(f"http://127.0.0.1:{server.port}/") as session:
        yield lambda: Clearbit(session, SystemClock(), timeout_s=5).find_company("brightloom.example")
    await server.stop()


async def _asked(status: int, body: Any) -> Answer:
    text = body if isinstance(body, bytes) else json.dumps(body).encode()
    async with _answering(status, text) as ask:
        return await ask()


async def test_a_company_in_words_of_ours():
    answer = await _asked(
        200,
        {
            "name": " Brightloom  Inc ",
            "category": {"industry": "Software"},
            "metrics": {"employees": 350, "annualRevenue": None, "raised": 5},
            "geo": {"countryCode": "us"},
            "tech": ["sap", ""],
            "more": [1, {"x": None}],
        },
    )
    assert (answer.outcome, answer.cost) == ("match", 8)
    company = answer.company
    assert (company.name, company.industry, company.employees) == ("Brightloom Inc", "Software", 350)
    assert (company.country, company.funding_total_usd, company.technologies) == ("US", 5, ["sap"])


async def test_an_empty_company_is_no_error():
    empty = {"name": None, "category": None, "metrics": None, "geo": None, "tech": None, "parent": None}
    assert (await _asked(200, empty)).outcome == "match"


@pytest.mark.parametrize(
    ("status", "body", "outcome", "detail"),
    [
        (404, b"", "no_match", ""),
        (202, b"{}", "failed", "status 202"),
        (302, b"", "failed", "status 302"),
        (429, b"", "failed", "status 429"),
        (500, b"<html>", "failed", "status 500"),
        (200, b"", "failed", "malformed"),
        (200, b"[]", "failed", "malformed"),
        (200, b'"\xff"', "failed", "malformed"),
        (200, b'{"name": "\xff"}', "failed", "malformed"),
        (200, b'{"x":' + b"[" * 100_000, "failed", "malformed"),
        (200, {"metrics": {"employees": -1}}, "failed", "malformed"),
        (200, {"metrics": {"employees": 10**30}}, "failed", "malformed"),
        (200, {"metrics": {"employees": "many"}}, "failed", "malformed"),
        (200, b'{"name": "' + b"x" * ANSWER_BYTES_MAX + b'"}', "failed", "more than"),
    ],
    ids=lambda value: "long" if isinstance(value, bytes) and len(value) > 50 else None,
)
async def test_whatever_comes_is_an_answer(status, body, outcome, detail):
    answer = await _asked(status, body)
    assert (answer.outcome, answer.cost) == (outcome, 0)
    assert detail in answer.detail


async def test_nobody_there_is_an_answer():
    async with aiohttp.ClientSession("http://127.0.0.1:9/") as session:
        answer = await Clearbit(session, SystemClock(), timeout_s=2).find_company("brightloom.example")
    assert answer.outcome == "failed"
