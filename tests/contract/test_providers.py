"""One suite for every integration of a data vendor, against the provider stubs over HTTP."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import aiohttp
import pytest

from services.enricher.domain.providers import LookupTarget, ProviderAnswer, ProviderQuery, Subject, value_of
from services.enricher.provider_client import ProviderClient
from services.enricher.providers import INTEGRATIONS
from services.enricher.providers.integration import HttpReply, range_midpoint
from services.provider_stubs.bootstrap import stub_server
from shared.clock import SystemClock
from shared.observability.metrics import Metrics
from shared.policy.models import Provider
from shared.rules.times import Duration
from shared.settings import StubsSettings, load

ALL = sorted(INTEGRATIONS)
BY_SUBJECT = [(name, subject) for name in ALL for subject in INTEGRATIONS[name].gives]
WHOM = LookupTarget("brightloom.example", "ana@brightloom.example", "Ana", "Lopez")
NOBODY = LookupTarget("nowhere.example", "ana@nowhere.example", "Ana", "Lopez")


class Asked:
    def __init__(self, base: str, http: aiohttp.ClientSession) -> None:
        self.base, self.http = base, http

    async def ask(
        self, name: str, subject: Subject, whom: LookupTarget = WHOM, *, key: str = "k", within_s: float = 5
    ) -> ProviderAnswer:
        client = ProviderClient(
            name,
            Provider(integration=name, base_url="", price_cents=7, per_second=100, timeout=Duration(1)),
            INTEGRATIONS[name],
            key=key,
            base_url=f"{self.base}/{name}",
            session=self.http,
            clock=SystemClock(),
            metrics=Metrics(),
        )
        return await client.query(question(name, subject, whom), within_s=within_s)

    async def fault(self, name: str, **fault: Any) -> None:
        async with self.http.put(f"{self.base}/faults/{name}", json=fault) as answer:
            assert answer.status == 200


def question(name: str, subject: Subject, whom: LookupTarget = WHOM) -> ProviderQuery:
    fields = tuple(INTEGRATIONS[name].gives[subject])
    return ProviderQuery(name, subject, whom.about(subject) or "", whom, fields)


@pytest.fixture
async def asked() -> AsyncIterator[Asked]:
    server = stub_server(SystemClock(), load(StubsSettings, {"BATON_STUBS_PORT": "0"}))
    await server.start()
    async with aiohttp.ClientSession() as http:
        yield Asked(f"http://127.0.0.1:{server.port}", http)
    await server.stop()


@pytest.mark.parametrize("name", [name for name, subject in BY_SUBJECT if subject == "company"])
async def test_a_company_that_is_known_is_a_match_in_words_of_ours(asked, name):
    answer = await asked.ask(name, "company")
    assert (answer.outcome, answer.cost) == ("match", 7)
    told = {
        each: value_of(answer.facts.person, answer.facts.company, each) for each in answer.facts.confidence
    }
    assert told["company.employees"] == 350
    assert (told["company.industry"], told["company.country"]) == ("software", "US")
    assert all(0 < sure <= 1 for sure in answer.facts.confidence.values())
    assert answer.facts.as_of is not None


@pytest.mark.parametrize(("name", "subject"), [each for each in BY_SUBJECT if each[1] != "email"])
async def test_what_is_not_known_is_no_match(asked, name, subject):
    answer = await asked.ask(name, subject, NOBODY)
    assert (answer.outcome, answer.cost, dict(answer.facts.confidence)) == ("no_match", 0, {})


@pytest.mark.parametrize(("name", "subject"), BY_SUBJECT)
async def test_only_what_is_promised_is_told(asked, name, subject):
    answer = await asked.ask(name, subject)
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
async def test_a_failure_is_an_answer_that_costs_nothing(asked, name, subject, fault, outcome):
    await asked.fault(name, **fault)
    answer = await asked.ask(name, subject, within_s=1.5)
    assert (answer.outcome, answer.cost) == (outcome, 0)
    assert answer.detail


@pytest.mark.parametrize(("name", "subject"), BY_SUBJECT)
@pytest.mark.parametrize("body", [b"", b"[]", b"<html>", b'"\xff"', b'{"x":' + b"[" * 100_000], ids=range(5))
def test_whatever_comes_is_told_as_malformed(name, subject, body):
    heard = INTEGRATIONS[name].parse(question(name, subject), HttpReply(200, body))
    assert heard.verdict == "malformed"
    assert heard.facts.confidence == {}


@pytest.mark.parametrize(("text", "seconds"), [("7", 7), ("soon", 1), ("-1", 0), ("nan", 1), ("1e9", 3600)])
def test_how_long_to_wait_is_bounded(text, seconds):
    parse = INTEGRATIONS["apollo"].parse
    heard = parse(question("apollo", "company"), HttpReply(429, b"", {"retry-after": text}))
    assert (heard.verdict, heard.retry_after_s) == ("rate_limited", seconds)


@pytest.mark.parametrize(
    ("span", "value"),
    [("201-500", 350), ("1K-5K", 3_000), ("10001+", 10_001), ("251-1K", 625), ("many", None), (None, None)],
)
def test_the_middle_of_a_range(span, value):
    assert range_midpoint(span) == value
