"""Captchas of forms, against a stand-in for the providers' verification."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from typing import Any

import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer

from tests.support.gateway import RunningGateway

LEADS = "leads.received.v1"
SECRET = "the site's secret"
FIELDS = {
    "turnstile": "cf-turnstile-response",
    "hcaptcha": "h-captcha-response",
    "recaptcha": "g-recaptcha-response",
}


class ProviderSimulator:
    """Answers `siteverify` as the three providers do: a form with `secret` and `response`, a JSON verdict."""

    def __init__(self) -> None:
        self.asked: list[dict[str, Any]] = []
        self.answers: dict[str, web.Response] = {}

    async def verify(self, request: web.Request) -> web.Response:
        self.asked.append(dict(await request.post()))
        token = self.asked[-1]["response"]
        return self.answers.get(token) or web.json_response(
            {"success": False, "error-codes": ["invalid-input-response"]}
        )


@pytest.fixture
def simulator() -> ProviderSimulator:
    return ProviderSimulator()


@pytest.fixture
async def address(simulator: ProviderSimulator) -> AsyncIterator[str]:
    """The URL at which the stand-in answers."""
    app = web.Application()
    app.router.add_post("/siteverify", simulator.verify)
    async with TestServer(app) as server:
        yield str(server.make_url("/siteverify"))


@pytest.fixture
async def gateway(start_gateway, address: str, monkeypatch) -> RunningGateway:
    monkeypatch.setenv("CAPTCHA_SECRET", SECRET)
    captchas = {name: (name, "CAPTCHA_SECRET", address) for name in FIELDS} | {
        "away": ("turnstile", "CAPTCHA_SECRET", "http://127.0.0.1:1/"),
        "unset": ("turnstile", "NOT_SET", address),
        "inside": ("turnstile", "CAPTCHA_SECRET", "http://10.0.0.1/"),
    }
    sources = {
        name: {
            "kind": "form",
            "public": True,
            "captcha": {"provider": provider, "secret_env": secret, "url": url},
        }
        for name, (provider, secret, url) in captchas.items()
    }
    running: RunningGateway = await start_gateway(BATON_EGRESS_ALLOW="127.0.0.0/8")
    await running.apply_policy(sources=json.dumps({"sources": sources}))
    return running


def form(source: str, token: str) -> dict[str, str]:
    return {"email": "ana@kestrel.example", FIELDS.get(source, FIELDS["turnstile"]): token}


@pytest.mark.parametrize("source", FIELDS)
async def test_a_solved_captcha_lets_the_form_in_and_is_not_stored(gateway, simulator, source):
    simulator.answers["solved"] = web.json_response({"success": True, "hostname": "www.shop.example"})
    status, _, _ = await gateway.ask("POST", f"/hooks/forms/{source}", data=form(source, "solved"))
    assert (status, simulator.asked) == (202, [{"secret": SECRET, "response": "solved"}])
    (event,) = await gateway.events(LEADS, 1)
    assert event.data.answers == {}


@pytest.mark.parametrize("fields", [{}, form("turnstile", ""), form("turnstile", "wrong")])
async def test_an_unsolved_captcha_keeps_the_form_for_a_manager(gateway, simulator, fields):
    fields = {"email": "ana@kestrel.example", **fields}
    status, problem, _ = await gateway.ask("POST", "/hooks/forms/turnstile", data=fields)
    assert (status, problem["type"]) == (422, "urn:baton:problem:captcha-failed")
    assert len(simulator.asked) == ("wrong" in fields.values())
    _, rejected, _ = await gateway.ask("GET", "/v1/sources/turnstile/rejected")
    assert rejected["data"][0]["cause"] == "captcha-failed"
    _, replayed, _ = await gateway.ask("POST", "/v1/sources/turnstile/replay")
    assert replayed["accepted"] == 1, "a manager has looked at it"


@pytest.mark.parametrize(("score", "status"), [(0.9, 202), (0.5, 202), (0.1, 422)])
async def test_a_score_has_to_be_high_enough(gateway, simulator, score, status):
    simulator.answers["scored"] = web.json_response({"success": True, "score": score})
    answer = await gateway.ask("POST", "/hooks/forms/recaptcha", data=form("recaptcha", "scored"))
    assert answer[0] == status


@pytest.mark.parametrize("source", ["away", "unset", "inside"])
async def test_a_provider_that_cannot_be_asked_costs_no_lead(gateway, source):
    assert (await gateway.ask("POST", f"/hooks/forms/{source}", data=form(source, "solved")))[0] == 202
    (event,) = await gateway.events(LEADS, 1)
    assert event.data.answers == {"captcha": "not verified"}
    _, text, _ = await gateway.ask("GET", "/metrics")
    assert f'baton_captcha_checks_total{{result="unavailable",source="{source}"}} 1.0' in text.decode()


@pytest.mark.parametrize(
    "answer", [web.Response(status=500), web.Response(text="<html>"), web.json_response({"ok": 1})]
)
async def test_an_answer_without_a_verdict_is_no_verdict(gateway, simulator, answer):
    simulator.answers["solved"] = answer
    assert (await gateway.ask("POST", "/hooks/forms/turnstile", data=form("turnstile", "solved")))[0] == 202
    (event,) = await gateway.events(LEADS, 1)
    assert event.data.answers == {"captcha": "not verified"}
