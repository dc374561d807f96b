"""Plays golden cases against a running Baton over HTTP and receives the webhooks that they cause."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncGenerator, AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager, suppress
from datetime import UTC, datetime
from typing import Any

import msgspec
from msgspec import Struct

from services.cli.client import BatonClient
from services.cli.demo.cases import CaseResult, CaseStep, GoldenCase, differences, prepare
from services.cli.errors import Refused, Unreachable
from services.cli.webhook_receiver import ReceivedWebhook, create_app
from services.gateway.domain.forms import read_form
from services.gateway.domain.sources import HookSource
from shared.lead.events.lead_received import LeadReceivedV1, contact_lead_id
from shared.web.server import HttpServer

_TIMEOUT_S = 20.0
_POLL_INTERVAL_S = 0.05
_QUIET_S = 0.5
"""Time without another delivery after which a webhook counts as not sent."""


_RECEIVER_PATH = "/baton-demo"


class PlayedCase(Struct, frozen=True):
    """A case with its result. `differences` is empty if all expectations are met.

    `repeated`: its lead was there from an earlier run, so nothing was sent.
    """

    case: GoldenCase
    result: CaseResult
    differences: list[str]
    repeated: bool = False

    @property
    def view(self) -> Mapping[str, Any]:
        """The view of the lead that the case is about."""
        return self.result.subject or {}

    def summary(self) -> dict[str, Any]:
        """Return the result for programs (`--json`)."""
        lead = {name: self.view.get(name) for name in ("lead_id", "status", "owner", "decision")}
        return {
            "case": self.case.name,
            "held": not self.differences,
            "differences": self.differences,
            "webhooks": self.result.webhooks,
            **lead,
        }


class WebhookInbox:
    """The verified `lead.routed` deliveries, by lead."""

    def __init__(self) -> None:
        self._ids: dict[str, set[str]] = {}

    async def receive(self, webhook: ReceivedWebhook) -> int:
        """Record one delivery; return the status of the response."""
        if not webhook.verified:
            return 401
        body = msgspec.json.decode(webhook.body)
        if body["type"] == "lead.routed":
            self._ids.setdefault(body["data"]["lead_id"], set()).add(webhook.headers["webhook-id"])
        return 204

    def count(self, lead_id: str) -> int:
        """Return how many deliveries with distinct ids were about a lead."""
        return len(self._ids.get(lead_id, ()))


@asynccontextmanager
async def subscribed_inbox(client: BatonClient) -> AsyncIterator[WebhookInbox]:
    """Subscribe a receiver on this machine for as long as the block runs.

    Where Baton ends before the block does, the subscription stays; the next call removes it.
    """
    inbox = WebhookInbox()
    secret: list[str] = []

    app = create_app(inbox.receive, lambda: secret[0])
    server = HttpServer(app, host="127.0.0.1", port=0, port_field="port")
    await server.start()
    try:
        leftover = [
            subscription["id"]
            async for subscription in client.pages("/v1/subscriptions")
            if subscription["url"].startswith("http://127.0.0.1:")
            and subscription["url"].endswith(_RECEIVER_PATH)
        ]
        for subscription_id in leftover:
            await client.call("DELETE", f"/v1/subscriptions/{subscription_id}")
        body = {"url": f"http://127.0.0.1:{server.port}{_RECEIVER_PATH}", "events": ["lead.routed"]}
        subscription = await client.call("POST", "/v1/subscriptions", body=body)
        secret.append(subscription["secret"])
        try:
            yield inbox
        finally:
            with suppress(Unreachable, Refused):
                await client.call("DELETE", f"/v1/subscriptions/{subscription['id']}")
    finally:
        await server.stop()


async def play_cases(
    client: BatonClient, cases: Sequence[GoldenCase], *, run: str, timeout_s: float = _TIMEOUT_S
) -> AsyncGenerator[PlayedCase, None]:
    """Play the cases one after another and yield the result of each."""
    async with subscribed_inbox(client) as inbox:
        for case in cases:
            yield await _play(client, inbox, case, run=run, timeout_s=timeout_s)


async def _play(
    client: BatonClient, inbox: WebhookInbox, case: GoldenCase, *, run: str, timeout_s: float
) -> PlayedCase:
    """Send the steps one after another and wait until the case holds, `timeout_s` seconds a step at most.

    A step is sent once the one before has its outcome. A case whose lead is there already is not sent again.
    """
    case = prepare(case, datetime.now(UTC), run)
    leads = [lead_id_of_step(step) for step in case.steps]
    before = sum(rep["credits"] for rep in await _reps(client))
    result = await _result_of(client, inbox, case, leads, before)
    if result.subject is not None:
        return PlayedCase(case, result, [], repeated=True)
    for step in case.steps:
        if step.kind == "action":
            await _act(client, step, leads, timeout_s)
        else:
            await _await_outcome(client, await _send(client, step), timeout_s)
    deadline = time.monotonic() + timeout_s / 2
    while True:
        result = await _result_of(client, inbox, case, leads, before)
        delivered = result.webhooks > 0 or case.expect.get("status") == "suppressed"
        if (delivered and not differences(case.expect, result)) or time.monotonic() > deadline:
            break
        await asyncio.sleep(_POLL_INTERVAL_S)
    if "webhooks" in case.expect:
        await asyncio.sleep(_QUIET_S)
        result = await _result_of(client, inbox, case, leads, before)
    return PlayedCase(case, result, differences(case.expect, result))


async def _result_of(
    client: BatonClient, inbox: WebhookInbox, case: GoldenCase, leads: list[str | None], before: int
) -> CaseResult:
    """Return the result of the case so far; `before` are the credits at its start."""
    views = [await _lead_view(client, lead) if lead else None for lead in leads]
    if "account_lead" in case.expect:
        query = {"account": case.expect["account_lead"]}
        listed = (await client.call("GET", "/v1/leads", query=query))["data"]
        subject = await _lead_view(client, listed[0]["lead_id"]) if listed else None
    else:
        subject = views[case.expect.get("of", 1) - 1]
    count, reps = inbox.count(subject["lead_id"]) if subject else 0, await _reps(client)
    owner = next((rep["name"] for rep in reps if subject and rep["id"] == subject["owner"]), None)
    return CaseResult(views, subject, count, sum(rep["credits"] for rep in reps) - before, owner)


async def _send(client: BatonClient, step: CaseStep) -> tuple[str | None, str | None]:
    """Send one step; return the id of its lead, if it has one, and of its event."""
    path = {
        "lead": "/v1/leads",
        "form": "/hooks/forms/website",
        "signal": "/v1/signals",
        "outcome": "/v1/outcomes",
    }[step.kind]
    answer = await client.call("POST", path, body=step.body) or {}
    return answer.get("lead_id"), answer.get("event_id")


async def _act(client: BatonClient, step: CaseStep, leads: list[str | None], timeout_s: float) -> None:
    """Act on the lead of the step number `lead`, as its owner, once its view meets `when`.

    An action that does not fit the lead's state is not done; the expectations of the case then say so.
    """
    body = dict(step.body)
    verb, lead, when = body.pop("type"), leads[body.pop("lead", 1) - 1], body.pop("when", {})
    deadline = time.monotonic() + timeout_s
    while True:
        view = await _lead_view(client, lead or "")
        if view is not None and not differences(when, CaseResult([view], view, webhooks=0, credits=0)):
            break
        if time.monotonic() > deadline:
            return
        await asyncio.sleep(_POLL_INTERVAL_S)
    with suppress(Refused):
        await client.call("POST", f"/v1/leads/{lead}/{verb}", body={"rep": view["owner"], **body})


async def _await_outcome(client: BatonClient, sent: tuple[str | None, str | None], timeout_s: float) -> None:
    """Wait until an event has its outcome; a signal has no lead to ask about and is not waited for."""
    lead, event = sent
    if lead is None or event is None:
        return

    async def decided() -> bool:
        try:
            entries = (await client.call("GET", f"/v1/leads/{lead}/timeline"))["data"]
        except Refused:
            return False
        return any(entry["id"] == event and entry.get("outcome") for entry in entries)

    deadline = time.monotonic() + timeout_s
    while not await decided() and time.monotonic() < deadline:  # noqa: ASYNC110 - over HTTP
        await asyncio.sleep(_POLL_INTERVAL_S)


async def _lead_view(client: BatonClient, lead: str) -> dict[str, Any] | None:
    try:
        view: dict[str, Any] = await client.call("GET", f"/v1/leads/{lead}")
    except Refused as refused:
        if refused.problem.get("status") == 404:
            return None
        raise
    return view


async def _reps(client: BatonClient) -> list[dict[str, Any]]:
    reps: list[dict[str, Any]] = (await client.call("GET", "/v1/reps"))["data"]
    return reps


def lead_id_of_step(step: CaseStep) -> str | None:
    """Return the id of the lead that a step is about, None for a signal, an outcome or an action."""
    if step.kind not in ("lead", "form"):
        return None
    if step.kind == "form":
        lead = read_form(step.body, HookSource("website"))
    else:
        lead = msgspec.convert(step.body, LeadReceivedV1)
    return contact_lead_id(lead) or None
