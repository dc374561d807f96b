"""A provider that refuses, limits, hangs or has no key holds no lead, is told about, and comes back by itself."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.support.api import Api, eventually
from tests.support.moved_clock import MovedClock
from tests.support.topology import Topology

ASKED = ("peopledatalabs", "apollo")
CASES = [
    ("brightloom.example", 401, "paused", "its API key is refused (status 401)"),
    ("ironharbor.example", 429, "limited", "it turned calls away as too many (status 429)"),
]


@pytest.fixture(scope="module")
def policy_dir(default_policy_dir: Path) -> Path:
    """The default policy; the stubs are named in other ways, and one provider is a vendor whose key is missing."""
    file = default_policy_dir / "providers.yaml"
    text = file.read_text()
    for provider, base_url in (
        ("peopledatalabs", "http://localhost:8090/peopledatalabs"),
        ("apollo", "http://[::1]:8090/apollo"),
        ("clearbit", "https://clearbit.example"),
    ):
        text = text.replace(f"http://127.0.0.1:8090/{provider}", base_url)
    file.write_text(text)
    return default_policy_dir


@pytest.fixture
def stubs(baton: Topology) -> Iterator[httpx.Client]:
    """The provider stubs, without faults at the end."""
    with httpx.Client(base_url=baton.environ["BATON_PROVIDERS_URL"], timeout=120) as http:
        yield http
        http.delete("/faults")


def provider(api: Api, name: str) -> dict[str, Any]:
    listed = api.http.get("/v1/providers").json()["data"]
    return next(item for item in listed if item["name"] == name)


def await_state(api: Api, name: str, state: str) -> dict[str, Any]:
    return eventually(
        lambda: one if (one := provider(api, name))["state"] == state else None, what=f"{name} {state}"
    )


def detail(api: Api) -> str:
    return str(api.http.get("/readyz").json()["checks"]["enricher.providers"]["detail"])


def test_a_missing_key_is_told_from_the_start_and_readiness_holds(api: Api):
    clearbit = await_state(api, "clearbit", "no_key")
    assert clearbit["reason"] == "CLEARBIT_API_KEY is not set"
    assert "clearbit is no_key: CLEARBIT_API_KEY is not set" in detail(api)
    assert api.http.get("/readyz").status_code == 200


@pytest.mark.parametrize("case", CASES, ids=lambda case: case[0])
def test_the_lead_goes_on_and_gets_its_answer_when_the_provider_works_again(
    api: Api, moved_clock: MovedClock, stubs: httpx.Client, case: tuple[str, int, str, str]
):
    domain, status, state, reason = case
    for name in ASKED:
        assert stubs.put(f"/faults/{name}", json={"status": status}).status_code == 200
    sent = api.post_lead({"person": {"email": f"sam@{domain}", "title": "CFO"}})
    view = api.settled(sent)
    assert (view["status"], view["enrichment"]["status"]) == ("routed", "incomplete")
    assert "employees" not in view["company"]
    for name in ASKED:
        assert await_state(api, name, state)["reason"] == reason
    eventually(lambda: f"apollo is {state}: {reason}" in detail(api), what="the readiness detail")
    assert f'baton_provider_state{{provider="apollo",state="{state}"}} 1.0' in api.http.get("/metrics").text

    stubs.delete("/faults")
    moved_clock.move(timedelta(minutes=15), api)
    view = eventually(
        lambda: v if (v := api.view(sent["lead_id"])) and v["company"].get("employees") else None,
        what="the late answer",
    )
    assert view["revision"] == 1
    assert [one["type"].split(".")[2] for one in api.timeline(sent["lead_id"])].count("enriched") == 2
    # A provider that was not needed for the answer is tried when it is asked next.
    given = [name for name in ASKED if name in {one["source"] for one in view["provenance"].values()}]
    for name in given:
        one = await_state(api, name, "active")
        assert (one["reason"], one["hit_rate"] > 0, one["cost_today"] >= 0) == ("", True, True)
        assert sum(one["cost_by_field"].values()) == one["cost"] > 0
