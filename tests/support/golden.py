"""Golden cases played against a Baton that a test runs, and expectations turned round."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from typing import Any

from msgspec.structs import replace

from services.cli.client import connect
from services.cli.demo.cases import SUBJECT_KEYS, CaseResult, GoldenCase, differences
from services.cli.demo.runner import PlayedCase, play_cases
from services.standalone import bootstrap as standalone
from shared.observability.tracing import Tracing
from shared.readiness import Readiness
from shared.settings import StandaloneSettings, load
from tests.support.topology import Topology

_PATIENCE_S = 300.0


async def play_all(topology: Topology, cases: Sequence[GoldenCase]) -> list[PlayedCase]:
    """Play the cases in the order given; more patient than the demo, since machines of tests are busy."""
    key = topology.secrets.admin_key
    async with connect(topology.url, key) as client:
        return [played async for played in play_cases(client, cases, run="test", timeout_s=_PATIENCE_S)]


def assert_held(played: Sequence[PlayedCase]) -> None:
    """Every case was sent, held, and would have failed with any of its expectations turned round."""
    assert not [case.case.name for case in played if case.repeated]
    assert {case.case.name: case.differences for case in played if case.differences} == {}
    for case in played:
        for name in case.case.expect.keys() - SUBJECT_KEYS:
            turned, result = flipped(case.case.expect, name, case.result)
            assert differences(turned, result), f"{case.case.name}: {name} cannot fail"


def flipped(expect: Mapping[str, Any], name: str, seen: CaseResult) -> tuple[dict[str, Any], CaseResult]:
    """Turn one expectation round; of those that compare leads, what was seen of them."""
    wanted = expect[name]
    match name:
        case "same_lead" | "same_owner" | "different_lead":
            first, *others = seen.views
            assert first is not None
            owner_or_lead = "owner" if name == "same_owner" else "lead_id"
            value = first["lead_id"] if name == "different_lead" else "another"
            changed = [{**(other or {}), owner_or_lead: value} for other in others]
            return dict(expect), replace(seen, views=[first, *changed])
        case "rule_is_not":
            return {**expect, name: ((seen.subject or {}).get("decision") or {}).get("rule")}, seen
        case "webhooks" | "rotation_credits" | "revision":
            return {**expect, name: wanted + 1}, seen
        case "provenance":
            return {**expect, name: [*wanted, "company.nobody_asked_for"]}, seen
    return {**expect, name: "something else"}, seen


async def backtest_of(topology: Topology, candidate: str, **terms: Any) -> dict[str, Any]:
    """Run a backtest of what a Baton has recorded; return its report."""
    async with asyncio.timeout(_PATIENCE_S), connect(topology.url, topology.secrets.admin_key) as client:
        accepted = await client.call("POST", f"/v1/policies/{candidate}/backtest", body=terms)
        while True:
            found = await client.call("GET", accepted["status_url"])
            if found["state"] not in ("queued", "running"):
                assert found["state"] == "done", found
                report: dict[str, Any] = found["report"]
                return report
            await asyncio.sleep(0.1)


@asynccontextmanager
async def in_this_process(topology: Topology) -> AsyncIterator[None]:
    """Run every role within the test: a fresh Baton, on either topology, for the price of its tables."""
    settings = load(StandaloneSettings, topology.environ | topology.secrets.as_environ())
    ready, stop = asyncio.Event(), asyncio.Event()

    async def tell(_stop: asyncio.Event, _readiness: Readiness) -> None:
        ready.set()

    async with asyncio.timeout(_PATIENCE_S * 4), asyncio.TaskGroup() as tasks:
        tasks.create_task(standalone.run(settings, stop, tracing=Tracing(None), ready=tell))
        await ready.wait()
        try:
            yield
        finally:
            stop.set()
