"""The poller over HTTP, on both databases: schedule, baseline, new rounds, budget, restarts, failing vendors."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from ipaddress import ip_network
from typing import Any

import pytest
from structlog.testing import capture_logs

from services.scorer.domain.poll_rows import PollSourceRow
from services.scorer.handlers import LiveScorerHandler
from services.scorer.policy import scoring_policy
from services.scorer.poll_reporter import CHECK, PollReporter
from services.scorer.poller import SignalPoller
from services.scorer.storage import ScorerStore
from services.scorer.tables import poll_sources, polled_accounts
from shared.health import Health
from shared.integrations.catalog import built_in_integrations
from shared.lead.events.account_received import AccountReceivedV1
from shared.lead.events.envelope import Event
from shared.lead.events.signal_received import SignalReceivedV1
from shared.observability.metrics import Metrics
from shared.policy.compiled import CompiledPolicy, compiled
from shared.policy.load import load
from shared.policy.per_version import PerVersion
from shared.web.egress import EgressPolicy
from shared.worker.outbox import Outbox
from shared.worker.timers import Timers
from shared.worker.unit_of_work import UnitOfWork
from tests.integration.scorer.conftest import NoSink, StoredScorer, decoded
from tests.support.enriched_leads import AT
from tests.support.scoring_policies import default_texts
from tests.support.signal_vendor import SignalVendorSimulator, running_vendor

DAY = timedelta(days=1)
POLL = "poll: {every: 24h, accounts: {list: [one.example, two.example, three.example]}, budget_cents_per_day: 100}"


class Polling:
    """A scorer that polls: `run` makes the steps that are due until the clock has moved by so much."""

    def __init__(self, scorer: StoredScorer, vendor: SignalVendorSimulator, url: str) -> None:
        self.scorer = scorer
        self.vendor, self.url = vendor, url
        self.clock = scorer.clock
        self.health, self.metrics = Health(), Metrics()
        self.keys = {"APOLLO_API_KEY": "k-1"}
        self.log: list[tuple[Any, ...]] = []
        self.signals: list[Event[Any]] = []
        self.configure(POLL)

    def configure(self, poll: str, **provider: object) -> None:
        """Set the source's `poll`, and change the terms of the provider."""
        terms = {"integration": "apollo", "base_url": f'"{self.url}"', "key_env": "APOLLO_API_KEY",
                 "price_cents": 10, "charged": "call", "per_second": 1000, "timeout": "20s", **provider}  # fmt: skip
        texts = dict(default_texts())
        texts["sources.yaml"] = (
            f"sources:\n  news: {{kind: apollo, secret_env: NEWS, {poll}}}\n" if poll else "sources: {}\n"
        )
        apollo = ", ".join(f"{name}: {value}" for name, value in terms.items())
        texts["providers.yaml"] = (
            "deadline: 8s\nbudget: {per_lead_cents: 60, per_day_cents: 20000}\n"
            f"providers:\n  apollo: {{{apollo}}}\n"
        )
        self.policy: CompiledPolicy = compiled(load(texts))
        self.restart()

    def restart(self) -> None:
        """Begin anew with what is stored."""
        self.poller = SignalPoller(
            lambda: self.policy,
            built_in_integrations(),
            self.scorer.database,
            self.clock,
            self.metrics,
            egress=EgressPolicy((ip_network("127.0.0.0/8"),)),
            stubs_url="http://127.0.0.1:1",
            keys=self.keys,
        )
        self.reporter = PollReporter(
            lambda: self.poller.targets,
            self.scorer.database,
            self.clock,
            metrics=self.metrics,
            health=self.health,
        )
        handler = LiveScorerHandler(PerVersion(lambda: self.policy, scoring_policy), self.poller.poll)
        box = Outbox("scorer", self.scorer.database, NoSink(), self.clock, partitions=6)  # type: ignore[arg-type]
        self.handler = handler
        self.work = UnitOfWork(handler, ScorerStore(), self.scorer.database, box, self.clock, keyed_hash=str)
        self.timers = Timers("scorer", self.scorer.database, self.clock, only={"poll"})

    async def step(self) -> bool:
        """Report, and make the step that is due; return whether one was."""
        with capture_logs() as lines:
            await self.reporter.step()
        self.log += [(line["event"], line.get("state")) for line in lines if "source" in line]
        fired = await self.timers.lease_due(4)
        for event in fired:
            result = await self.work.run([await self.handler.prepare(event)])
            assert result.rejected == []
            self.signals += map(decoded, result.outgoing)
        return bool(fired)

    async def run(self, moved: timedelta = timedelta()) -> None:
        """Move the clock, a minute at a time, and make every step that becomes due."""
        until = self.clock.now() + moved
        while True:
            while await self.step():
                pass
            if self.clock.now() >= until:
                break
            self.clock.advance(min(timedelta(minutes=10), until - self.clock.now()))
        await self.reporter.step()

    async def row(self) -> PollSourceRow:
        row = await self.scorer.row(PollSourceRow, poll_sources, "news")
        assert isinstance(row, PollSourceRow)
        return row

    def fired(self) -> list[str]:
        return [event.data.external_id for event in self.signals]


@pytest.fixture
def polling(scorer: StoredScorer) -> Iterator[Polling]:
    with running_vendor() as (vendor, url):
        yield Polling(scorer, vendor, url)


def round_of(name: str, at: datetime) -> dict[str, Any]:
    return {"id": name, "date": at.date().isoformat(), "type": "Series A", "amount": "11M", "currency": "$"}


async def test_only_rounds_after_the_baseline_are_signals_and_each_is_one(polling: Polling) -> None:
    polling.vendor.rounds["one.example"] = [round_of("old", AT - 90 * DAY)]
    await polling.run()
    assert sorted(polling.vendor.domains) == ["one.example", "three.example", "two.example"]
    assert {key for _domain, key in polling.vendor.asked} == {"k-1"}
    assert polling.fired() == []
    polling.vendor.rounds["one.example"].append(round_of("new", AT + DAY / 2))
    await polling.run(DAY)
    await polling.run(DAY)
    (event,) = polling.signals
    assert (event.source, event.type, event.subject) == (
        "/baton/scorer",
        "baton.signal.received.v1",
        "one.example",
    )
    signal = event.data
    assert isinstance(signal, SignalReceivedV1)
    assert (signal.type, signal.account.domain, signal.external_id) == ("funding_round", "one.example", "new")
    assert signal.details["amount_usd"] == 11_000_000
    assert signal.trust == "signed"
    assert len(polling.vendor.asked) == 9


async def test_a_signal_that_was_polled_scores_its_account(polling: Polling) -> None:
    """A target account without a lead gets one, as from any other signal."""
    polling.vendor.rounds["one.example"] = []
    await polling.run()
    polling.vendor.rounds["one.example"] = [round_of("new", AT)]
    await polling.run(DAY)
    told = Event(
        "account-1",
        "/crm",
        "baton.account.received.v1",
        "one.example",
        AT,
        AccountReceivedV1("one.example", relation="target"),
    )
    await polling.scorer.process(told)
    leads = await polling.scorer.emitted_by(*polling.signals)
    assert [(lead.company.domain, lead.trigger.type) for lead in leads] == [("one.example", "funding_round")]


async def test_accounts_by_relation_are_those_of_the_policy_and_of_crms(polling: Polling) -> None:
    for number in range(3):
        domain = f"crm{number}.example"
        relation = "target" if number else "customer"
        fact = AccountReceivedV1(domain, relation=relation, aliases=[f"alias{number}.example"])  # type: ignore[arg-type]
        await polling.scorer.process(
            Event(f"a{number}", "/crm", "baton.account.received.v1", domain, AT, fact)
        )
    polling.configure("poll: {accounts: {relation: target}, budget_cents_per_day: 1000}")
    await polling.run()
    seeds = ["northpeak.example", "targetworks.example"]
    assert sorted(polling.vendor.domains) == ["crm1.example", "crm2.example", *seeds]
    gone = AccountReceivedV1("targetworks.example", relation="customer")
    await polling.scorer.process(Event("gone", "/crm", "baton.account.received.v1", gone.domain, AT, gone))
    polling.vendor.asked.clear()
    await polling.run(DAY)
    assert sorted(polling.vendor.domains) == ["crm1.example", "crm2.example", "northpeak.example"]


async def test_the_budget_of_a_day_is_kept_and_the_next_day_goes_on(polling: Polling) -> None:
    polling.configure(POLL.replace("budget_cents_per_day: 100", "budget_cents_per_day: 25"))
    await polling.run(timedelta(minutes=10))
    assert len(polling.vendor.asked) == 2
    row = await polling.row()
    assert (row.state, row.spent_cents) == ("budget_spent", 20)
    check = polling.health.readiness().checks[CHECK]
    assert check.ok
    assert "25 cents are spent today" in check.detail
    midnight = datetime.combine(AT.date() + DAY, datetime.min.time(), UTC)
    await polling.run(midnight - AT + timedelta(minutes=10))
    assert len(polling.vendor.asked) == 3
    assert (await polling.row()).state == "active"


async def test_what_was_asked_is_kept_over_a_restart(polling: Polling) -> None:
    polling.vendor.rounds["two.example"] = [round_of("old", AT - DAY)]
    await polling.run()
    polling.restart()
    await polling.run(DAY / 2)
    assert len(polling.vendor.asked) == 3
    polling.vendor.rounds["two.example"].append(round_of("new", AT + DAY))
    await polling.run(DAY / 2)
    assert len(polling.vendor.asked) == 6
    assert polling.fired() == ["new"]


async def test_a_crash_after_the_calls_counts_them_and_asks_again(polling: Polling) -> None:
    """What a step reserved stays spent when it is never decided on, so the budget is not exceeded."""
    await polling.reporter.step()
    (event,) = await polling.timers.lease_due(4)
    await polling.handler.prepare(event)
    assert (await polling.row()).spent_cents == 30
    polling.restart()
    polling.clock.advance(timedelta(minutes=1))
    await polling.run()
    assert (await polling.row()).spent_cents == 60
    assert await polling.scorer.count(polled_accounts) == 3


@pytest.mark.parametrize(
    ("reply", "state"),
    [
        ((401, {}), "paused"),
        ((402, {}), "paused"),
        ((429, {"Retry-After": "120"}), "limited"),
        ((500, {}), "failing"),
    ],
)
async def test_a_vendor_that_fails_pauses_the_source_until_it_answers(
    polling: Polling, reply: tuple[int, dict[str, str]], state: str
) -> None:
    polling.vendor.reply = reply
    await polling.run(timedelta(minutes=2))
    assert (await polling.row()).state == state
    assert f"news is {state}: " in polling.health.readiness().checks[CHECK].detail
    gauge = {"source": "news", "state": state}
    assert polling.metrics.registry.get_sample_value("baton_signal_poll_state", gauge) == 1
    polling.vendor.reply = None
    await polling.run(timedelta(hours=1))
    assert (await polling.row()).state == "active"
    assert set(polling.vendor.domains) == {"one.example", "two.example", "three.example"}
    assert await polling.scorer.count(polled_accounts) == 3
    assert polling.log[0] == ("signals are not polled", state)
    assert polling.log[-1] == ("signals are polled again", None)
    assert polling.health.readiness().checks[CHECK].detail == ""


async def test_what_is_missing_is_named_and_looked_at_again(polling: Polling) -> None:
    polling.keys = {}
    polling.restart()
    await polling.run()
    assert polling.health.readiness().checks[CHECK].detail == "news is no_key: APOLLO_API_KEY is not set"
    polling.configure(POLL, integration="hunter")
    await polling.run(timedelta(minutes=10))
    assert "providers.yaml has no provider with integration: apollo" in (await polling.row()).reason
    polling.keys = {"APOLLO_API_KEY": "k-2"}
    polling.configure(POLL)
    await polling.run(timedelta(minutes=10))
    assert len(polling.vendor.asked) == 3


async def test_a_source_that_polls_no_more_is_forgotten(polling: Polling) -> None:
    await polling.run()
    polling.configure("")
    await polling.run(DAY)
    assert await polling.scorer.count(poll_sources) == 0
    assert await polling.scorer.count(polled_accounts) == 0
    assert len(polling.vendor.asked) == 3
