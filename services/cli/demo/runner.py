"""Plays golden cases against a running Baton over HTTP and receives the webhooks that come of them."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager, suppress
from datetime import UTC, datetime
from typing import Any

import msgspec
from msgspec import Struct

from services.cli.client import Client
from services.cli.demo.cases import Case, Seen, Step, differences, prepared
from services.cli.errors import Refused, Unreachable
from services.cli.listen import Received, receiver
from shared.lead.identity import identify
from shared.web.server import HttpServer

_PATIENCE_S = 20.0
_LOOK_EVERY_S = 0.05
_QUIET_S = 0.5
"""How long nothing more may come before an absence counts."""


_RECEIVER_PATH = "/baton-demo"


class Played(Struct, frozen=True):
    """How a case went. `wrong` is empty when it held; `repeated`: it was here already, nothing was sent."""

    case: Case
    seen: Seen
    wrong: list[str]
    repeated: bool = False

    @property
    def view(self) -> Mapping[str, Any]:
        """The lead that the case is about, as it is now."""
        return self.seen.subject or {}

    def told(self) -> dict[str, Any]:
        """Return how it went, for programs."""
        lead = {name: self.view.get(name) for name in ("lead_id", "status", "owner", "decision")}
        return {
            "case": self.case.name,
            "held": not self.wrong,
            "differences": self.wrong,
            "webhooks": self.seen.webhooks,
            **lead,
        }


class Inbox:
    """The verified `lead.routed` deliveries, by lead."""

    def __init__(self) -> None:
        self._ids: dict[str, set[str]] = {}

    async def take(self, received: Received) -> int:
        """Note one delivery; the status to answer with."""
        if not received.verified:
            return 401
        body = msgspec.json.decode(received.body)
        if body["type"] == "lead.routed":
            self._ids.setdefault(body["data"]["lead_id"], set()).add(received.headers["webhook-id"])
        return 204

    def count(self, lead_id: str) -> int:
        """Return how many deliveries with distinct ids there were about a lead."""
        return len(self._ids.get(lead_id, ()))


@asynccontextmanager
async def listening(client: Client) -> AsyncIterator[Inbox]:
    """Subscribe a receiver on this machine for as long as the block runs.

    Where Baton ends before the block does, the subscription stays; the next one to listen removes it.
    """
    inbox = Inbox()
    secret: list[str] = []

    server = HttpServer(receiver(inbox.take, lambda: secret[0]), host="127.0.0.1", port=0, port_field="port")
    await server.start()
    try:
        await _unsubscribe_leftovers(client)
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


async def _unsubscribe_leftovers(client: Client) -> None:
    left = [each["id"] async for each in client.pages("/v1/subscriptions") if _is_ours(each["url"])]
    for subscription in left:
        await client.call("DELETE", f"/v1/subscriptions/{subscription}")


def _is_ours(url: str) -> bool:
    return url.startswith("http://127.0.0.1:") and url.endswith(_RECEIVER_PATH)


async def play(
    client: Client, inbox: Inbox, case: Case, *, run: str, patience_s: float = _PATIENCE_S
) -> Played:
    """Send the steps, each after the one before has settled, and wait until the case holds or time is up.

    `patience_s` is for each step, and half of it for the end. A case whose lead is there already is not
    sent again.
    """
    case = prepared(case, datetime.now(UTC), run)
    leads = [_lead_of(step) for step in case.steps]
    before = await _credits(client)
    seen = await _seen(client, inbox, case, leads, before)
    if seen.subject is not None:
        return Played(case, seen, [], repeated=True)
    for step in case.steps:
        await _settled(client, await _send(client, step), patience_s)
    deadline = time.monotonic() + patience_s / 2
    while True:
        seen = await _seen(client, inbox, case, leads, before)
        wrong = differences(case.expect, seen)
        if (not wrong and _delivered(case, seen)) or time.monotonic() > deadline:
            break
        await asyncio.sleep(_LOOK_EVERY_S)
    if "webhooks" in case.expect:
        await asyncio.sleep(_QUIET_S)
        seen = await _seen(client, inbox, case, leads, before)
    return Played(case, seen, differences(case.expect, seen))


def _delivered(case: Case, seen: Seen) -> bool:
    return seen.webhooks > 0 or case.expect.get("status") == "suppressed"


async def _seen(client: Client, inbox: Inbox, case: Case, leads: list[str | None], before: int) -> Seen:
    views = [await _view(client, lead) if lead else None for lead in leads]
    if "account_lead" in case.expect:
        subject = await _account_lead(client, case.expect["account_lead"])
    else:
        subject = views[case.expect.get("of", 1) - 1]
    count = inbox.count(subject["lead_id"]) if subject else 0
    return Seen(views, subject, count, await _credits(client) - before)


async def _send(client: Client, step: Step) -> tuple[str | None, str | None]:
    """Send one step; return the id of its lead, if it has one, and of its event."""
    path = {
        "lead": "/v1/leads",
        "form": "/hooks/forms/website",
        "signal": "/v1/signals",
        "outcome": "/v1/outcomes",
    }[step.kind]
    answer = await client.call("POST", path, body=step.body) or {}
    return answer.get("lead_id"), answer.get("event_id")


async def _settled(client: Client, sent: tuple[str | None, str | None], patience_s: float) -> None:
    """Wait until what was sent has its outcome; for a signal, which has no lead, the case's end waits."""
    lead, event = sent
    if lead is None or event is None:
        return

    async def decided() -> bool:
        try:
            entries = (await client.call("GET", f"/v1/leads/{lead}/timeline"))["data"]
        except Refused:
            return False
        return any(entry["id"] == event and entry.get("outcome") for entry in entries)

    deadline = time.monotonic() + patience_s
    while not await decided() and time.monotonic() < deadline:  # noqa: ASYNC110 - over HTTP
        await asyncio.sleep(_LOOK_EVERY_S)


async def _view(client: Client, lead: str) -> dict[str, Any] | None:
    try:
        view: dict[str, Any] = await client.call("GET", f"/v1/leads/{lead}")
    except Refused as refused:
        if refused.problem.get("status") == 404:
            return None
        raise
    return view


async def _account_lead(client: Client, account: str) -> dict[str, Any] | None:
    found = (await client.call("GET", "/v1/leads", query={"account": account}))["data"]
    return await _view(client, found[0]["lead_id"]) if found else None


async def _credits(client: Client) -> int:
    return sum(rep["credits"] for rep in (await client.call("GET", "/v1/reps"))["data"])


def _lead_of(step: Step) -> str | None:
    if step.kind not in ("lead", "form"):
        return None
    person = step.body.get("person") or step.body
    company = step.body.get("company") or {}
    identity = identify(
        person.get("email"), person.get("phone"), person.get("linkedin_url"), company.get("domain")
    )
    return identity.lead_id if identity else None
