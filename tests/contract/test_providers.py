"""The vendors of the default policy, against the provider stubs over HTTP.

What every vendor's folder says is held by its examples, and how each may fail by `test_vendor_faults`.
"""

from __future__ import annotations

from typing import Any

import httpx2
import pytest

from services.enricher.domain.providers import LookupTarget, ProviderAnswer, ProviderQuery, Subject
from services.enricher.provider_client import Lane, ProviderClient
from services.enricher.providers.vendor_facts import range_midpoint
from shared.clock import SystemClock
from shared.integrations.given_fields import answer_reading
from shared.integrations.vendor_replies import HttpReply
from shared.observability.metrics import Metrics
from shared.policy.models import Provider
from shared.resilience.priority_limiter import Turn
from shared.rules.times import Duration
from shared.web.egress import EgressPolicy
from shared.web.httpx_egress import egress_client
from tests.support.integrations import INTEGRATIONS

ALL = sorted(INTEGRATIONS)
NOT_PLAYED = {
    (name, subject)
    for name in ("dropcontact", "fullenrich", "rocketreach")
    for subject in INTEGRATIONS[name].gives
    if INTEGRATIONS[name].is_polled(subject)
}
"""What is answered by a job, later than a call."""
BY_SUBJECT = [
    (name, subject)
    for name in ALL
    for subject in INTEGRATIONS[name].gives
    if (name, subject) not in NOT_PLAYED and subject != "contacts"
]
ANA = LookupTarget("brightloom.example", "ana@brightloom.example", "Ana", "Lopez")
LOOPBACK = EgressPolicy.parse("127.0.0.0/8")
NOBODY = LookupTarget("nowhere.example", "ana@nowhere.example", "Ana", "Lopez")


class Providers:
    """Queries the stubs by a new client each time, so that no breaker or rate limit carries over."""

    def __init__(self, stubs_url: str) -> None:
        self._stubs_url = stubs_url

    async def query(
        self, name: str, subject: Subject, target: LookupTarget = ANA, *, timeout_s: int = 30
    ) -> ProviderAnswer:
        client = ProviderClient(
            name,
            Provider(
                integration=name, base_url="", price_cents=7, per_second=100, timeout=Duration(timeout_s)
            ),
            INTEGRATIONS[name],
            key="any",
            http=egress_client(LOOPBACK, f"{self._stubs_url}/{name}", connections_max=1),
            clock=SystemClock(),
            metrics=Metrics(),
        )
        try:
            return await client.query(query_of(name, subject, target), within_s=30, turn=Turn(Lane.FRESH, 30))
        finally:
            await client.close()

    async def set_fault(self, name: str, **fault: Any) -> None:
        async with httpx2.AsyncClient(base_url=self._stubs_url, timeout=30) as http:
            (await http.put(f"/faults/{name}", json=fault)).raise_for_status()


def query_of(name: str, subject: Subject, target: LookupTarget = ANA) -> ProviderQuery:
    fields = tuple(INTEGRATIONS[name].gives[subject])
    return ProviderQuery(name, subject, target.about(subject) or "", target, fields)


@pytest.fixture
def providers(stubs_url: str) -> Providers:
    return Providers(stubs_url)


@pytest.mark.parametrize("name", [name for name, subject in BY_SUBJECT if subject == "company"])
async def test_a_known_company_is_a_match_in_the_vocabulary_of_the_policy(providers, name):
    answer = await providers.query(name, "company")
    assert (answer.outcome, answer.cost) == ("match", 7)
    facts = {field: value for field, value, _confidence in answer.facts.values()}
    truth = {"company.employees": 350, "company.industry": "software", "company.country": "US"}
    given = INTEGRATIONS[name].gives["company"]
    assert {field: facts.get(field) for field in truth if field in given} == {
        field: value for field, value in truth.items() if field in given
    }
    assert all(0 < confidence <= 1 for confidence in answer.facts.confidence.values())
    dated = answer_reading(INTEGRATIONS[name].preset, "company").as_of is not None
    assert (answer.facts.as_of is not None) == dated


@pytest.mark.parametrize(("name", "subject"), [pair for pair in BY_SUBJECT if pair[1] != "email"])
async def test_an_unknown_company_or_person_is_no_match(providers, name, subject):
    answer = await providers.query(name, subject, NOBODY)
    cost = 7 if INTEGRATIONS[name].price(subject).call else 0
    assert (answer.outcome, answer.cost, dict(answer.facts.confidence)) == ("no_match", cost, {})


@pytest.mark.parametrize(("name", "subject"), BY_SUBJECT)
async def test_an_answer_has_no_other_fields_than_the_integration_declares(providers, name, subject):
    answer = await providers.query(name, subject)
    assert set(answer.facts.confidence) <= INTEGRATIONS[name].gives[subject]


@pytest.mark.parametrize(("name", "subject"), BY_SUBJECT)
@pytest.mark.parametrize(
    ("fault", "outcome"),
    [
        ({"status": 500}, "failed"),
        ({"status": 401}, "failed"),
        ({"status": 402}, "failed"),
        ({"malformed": True}, "failed"),
        ({"hang": True}, "timeout"),
    ],
    ids=str,
)
async def test_a_failure_is_an_answer_that_costs_nothing(providers, name, subject, fault, outcome):
    await providers.set_fault(name, **fault)
    answer = await providers.query(name, subject, timeout_s=1 if "hang" in fault else 30)
    assert (answer.outcome, answer.cost) == (outcome, 0)
    assert answer.detail


@pytest.mark.parametrize(("name", "subject"), BY_SUBJECT)
@pytest.mark.parametrize("body", [b"", b"[]", b"<html>", b'"\xff"', b'{"x":' + b"[" * 100_000], ids=range(5))
def test_any_other_body_is_malformed(name, subject, body):
    reply = INTEGRATIONS[name].parse(query_of(name, subject), HttpReply(200, body), SystemClock().now())
    assert reply.verdict == "malformed"
    assert reply.facts.confidence == {}


@pytest.mark.parametrize(
    ("text", "seconds"), [("7", 7), ("soon", None), ("-1", 0), ("nan", None), ("1e9", 3600)]
)
def test_the_wait_that_a_provider_asks_for_is_bounded(text, seconds):
    parse = INTEGRATIONS["apollo"].parse
    headers = {"retry-after": text}
    reply = parse(query_of("apollo", "company"), HttpReply(429, b"", headers), SystemClock().now())
    assert (reply.verdict, reply.again_after_s) == ("retry_later", seconds)


@pytest.mark.parametrize(
    ("text", "midpoint"),
    [("201-500", 350), ("1K-5K", 3_000), ("10001+", 10_001), ("251-1K", 625), ("many", None), (None, None)],
)
def test_the_midpoint_of_a_range(text, midpoint):
    assert range_midpoint(text) == midpoint
