"""The enricher on both databases: forms, joins, opt-outs and erasures through the unit of work."""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from msgspec.structs import replace
from sqlalchemy import func, insert, select

from services.enricher.account_context import AccountContextReader
from services.enricher.daily_budget import DailyBudget
from services.enricher.domain.form import normalise_form
from services.enricher.domain.providers import ProviderAnswer, ProviderFacts, ProviderQuery
from services.enricher.domain.record import AliasRow, LeadRow
from services.enricher.handlers import EnricherHandler
from services.enricher.lookup import WaterfallLookup
from services.enricher.ownership_queries import unworked_last
from services.enricher.providers.vendor_facts import provider_facts
from services.enricher.storage import EnricherStore
from services.enricher.tables import provider_spend
from services.router.tables import routed_leads
from services.tables import metadata
from shared.errors import DataError
from shared.lead.events.envelope import Event, decode_data
from shared.lead.events.lead_enriched import LeadEnrichedV1
from shared.lead.events.lead_received import LeadReceivedV1
from shared.lead.events.parts import Person
from shared.lead.events.person_erased import PersonErasedV1
from shared.lead.events.registry import BY_NAME
from shared.lead.events.signal_received import SignalPerson, SignalReceivedV1
from shared.lead.ids import lead_id_of
from shared.messaging.port import Outgoing, Sink
from shared.resilience.priority_limiter import Turn
from shared.storage.database import Database
from shared.worker.decision import Outcome
from shared.worker.outbox import Outbox
from shared.worker.timers import Timers
from shared.worker.unit_of_work import Result, UnitOfWork
from tests.support.fixed_clock import FixedClock
from tests.support.waterfall import FakeProvider, default_policy, registry_of

NOW = datetime(2026, 3, 1, 9, 0, tzinfo=UTC)
ANA = "ana@brightloom.example"
PHONE = "+4930901820"


class NoSink:
    async def send(self, out: Sequence[Outgoing]) -> Any:
        raise AssertionError("a unit of work publishes nothing")

    async def close(self) -> None: ...


class Enricher:
    """The role without its stream: events in, what it would publish out."""

    def __init__(self, database: Database) -> None:
        self.clock = FixedClock(NOW)
        self.provider = FakeProvider("peopledatalabs", self.clock)
        self.database = database
        sink: Sink = NoSink()
        self.handler = EnricherHandler(_look_up(database, self.clock, self.provider))
        outbox = Outbox("enricher", database, sink, self.clock, partitions=6)
        self.outbox = outbox
        self._count = 0

    @property
    def work(self) -> UnitOfWork:
        return UnitOfWork(
            self.handler, EnricherStore(_hash), self.database, self.outbox, self.clock, keyed_hash=_hash
        )

    async def fire_timers(self) -> Result:
        events = await Timers("enricher", self.database, self.clock).lease_due(10)
        return await self.work.run([await self.handler.prepare(event) for event in events])

    async def spent(self) -> list[tuple[Any, ...]]:
        async with self.database.read() as tx:
            return [tuple(row) for row in await tx.execute(select(provider_spend))]

    async def run(self, *data: Any) -> Result:
        return await self.work.run([await self.handler.prepare(self.event(item)) for item in data])

    def event(self, data: Any, *, at: datetime | None = None) -> Event[Any]:
        self._count += 1
        name = next(name for name, kind in BY_NAME.items() if kind.model is type(data))
        return Event(f"event-{self._count}", "/test", name, "", at or self.clock.now(), data)

    async def rows(self, table: str) -> int:
        async with self.database.read() as tx:
            counted = await tx.execute(select(func.count()).select_from(metadata.tables[table]))
            return int(counted.scalar_one())


def _look_up(database: Database, clock: FixedClock, provider: FakeProvider, **terms: Any) -> WaterfallLookup:
    """Return a look-up whose clock of deadlines stands still, so that no call begins too late."""
    registry = registry_of({provider.name: provider}, **terms)
    budget = DailyBudget(database, clock)
    return WaterfallLookup(registry, database, budget, clock, monotonic_s=lambda: 0.0)


@pytest.fixture
def enricher(database: Database) -> Enricher:
    return Enricher(database)


def _hash(lead_id: str) -> str:
    return hashlib.sha256(lead_id.encode()).hexdigest()


def form(**person: Any) -> LeadReceivedV1:
    return LeadReceivedV1(person=Person(**person))


def enriched(result: Result) -> list[LeadEnrichedV1]:
    assert not result.rejected
    kind = BY_NAME["baton.lead.enriched.v1"]
    return [decode_data(kind, out.value or b"") for out in result.outgoing]


def outcomes(result: Result) -> list[Outcome]:
    return [outcome for _event, outcome in result.outcomes]


async def test_a_form_becomes_an_enriched_lead(enricher):
    [lead] = enriched(await enricher.run(form(email="Ana+x@Brightloom.example", title="VP of Sales")))
    assert (lead.lead_id, lead.revision, lead.sequence) == (lead_id_of(f"email:{ANA}"), 1, 1)
    assert lead.account == "brightloom.example"
    assert (lead.company.employees, lead.company.industry, lead.company.country) == (350, "software", "US")
    assert (lead.person.email_kind, lead.person.seniority, lead.person.department) == ("work", "vp", "sales")
    assert lead.provenance["person.email"].source == "form"
    assert lead.provenance["company.employees"].source == "peopledatalabs"
    assert sum(origin.cost for origin in lead.provenance.values()) == lead.enrichment.cost == 10
    assert (lead.enrichment.status, [step.outcome for step in lead.enrichment.steps]) == (
        "complete",
        ["match"],
    )


async def test_a_second_form_is_a_revision_and_buys_nothing(enricher):
    await enricher.run(form(email=ANA, title="VP of Sales"))
    [lead] = enriched(await enricher.run(form(email=ANA, phone=PHONE)))
    assert (lead.revision, lead.sequence) == (2, 2)
    assert (lead.person.title, lead.person.phone, lead.company.employees) == ("VP of Sales", PHONE, 350)
    assert (lead.enrichment.status, lead.enrichment.cost) == ("complete", 0)
    assert enricher.provider.asked == ["brightloom.example"]


async def test_an_answer_about_an_account_is_bought_once(enricher):
    await enricher.run(form(email=ANA))
    [lead] = enriched(await enricher.run(form(email="ben@brightloom.example")))
    assert [(step.outcome, step.cost) for step in lead.enrichment.steps] == [("cached", 0)]
    assert lead.company.employees == 350
    enricher.clock.advance(timedelta(days=181))
    await enricher.run(form(email="eva@brightloom.example"))
    assert len(enricher.provider.asked) == 2


async def test_the_same_event_counts_once(enricher):
    event = await enricher.handler.prepare(enricher.event(form(email=ANA)))
    assert outcomes(await enricher.work.run([event, event])) == [Outcome.APPLIED, Outcome.UNCHANGED]
    assert outcomes(await enricher.work.run([event])) == [Outcome.UNCHANGED]


async def test_a_new_email_joins_the_lead_of_its_phone(enricher):
    [caller] = enriched(await enricher.run(form(phone=PHONE)))
    [joined] = enriched(await enricher.run(form(email=ANA, phone=PHONE)))
    [later] = enriched(await enricher.run(form(email=ANA)))
    assert joined.lead_id == later.lead_id == caller.lead_id
    assert (later.revision, later.person.email, later.person.phone) == (3, ANA, PHONE)
    [other] = enriched(await enricher.run(form(email="ben@brightloom.example", phone=PHONE)))
    assert (other.revision, other.lead_id) == (1, lead_id_of("email:ben@brightloom.example"))


async def test_joins_hold_within_one_unit_of_work(enricher):
    leads = enriched(
        await enricher.run(
            form(phone=PHONE), form(email=ANA, phone=PHONE), form(email=ANA), form(phone=PHONE)
        )
    )
    assert {lead.lead_id for lead in leads} == {lead_id_of(f"phone:{PHONE}")}
    assert [lead.revision for lead in leads] == [1, 2, 3, 4]


async def test_a_phone_alone_joins_its_one_owner(enricher):
    [ana] = enriched(await enricher.run(form(email=ANA, phone=PHONE)))
    [call] = enriched(await enricher.run(form(phone=PHONE)))
    assert (call.lead_id, call.revision) == (ana.lead_id, 2)
    assert await enricher.rows("lead_aliases") == 1


async def test_an_opt_out_makes_no_revision(enricher):
    await enricher.run(form(email=ANA))
    opt_out = SignalReceivedV1(type="opt_out", occurred_at=NOW, person=SignalPerson(email=ANA))
    [lead] = enriched(await enricher.run(opt_out))
    assert (lead.revision, lead.sequence, lead.consent.opted_out) == (1, 2, True)
    assert outcomes(await enricher.run(opt_out)) == [Outcome.UNCHANGED]


async def test_an_opt_out_before_the_first_form_is_kept_for_it(enricher):
    opt_out = SignalReceivedV1(type="opt_out", occurred_at=NOW, person=SignalPerson(email=ANA))
    assert outcomes(await enricher.run(opt_out)) == [Outcome.PARKED]
    [lead] = enriched(await enricher.run(form(email=ANA)))
    assert (lead.revision, lead.sequence, lead.consent.opted_out) == (1, 1, True)


async def test_an_erasure_leaves_nothing_and_drops_what_is_older(enricher):
    await enricher.run(form(phone=PHONE), form(email=ANA, phone=PHONE))
    old = await enricher.handler.prepare(enricher.event(form(email=ANA, phone=PHONE)))
    enricher.clock.advance(timedelta(minutes=1))
    erasure = PersonErasedV1(lead_ids=[lead_id_of(f"email:{ANA}")], email_hash="x", at=enricher.clock.now())
    await enricher.run(erasure)
    for table in ("leads", "lead_aliases", "lead_identifiers"):
        assert await enricher.rows(table) == 0
    assert outcomes(await enricher.work.run([old])) == [Outcome.SUPERSEDED]

    enricher.clock.advance(timedelta(minutes=1))
    [again] = enriched(await enricher.run(form(email=ANA)))
    assert again.revision == 1
    await enricher.run(erasure)  # the same erasure, read again
    assert await enricher.rows("leads") == 1


async def test_an_erasure_leaves_others_who_share_a_phone(enricher):
    ben = "ben@brightloom.example"
    profile = "https://www.linkedin.com/in/ben"
    await enricher.run(form(email=ANA, phone=PHONE), form(email=ben, phone=PHONE, linkedin_url=profile))
    await enricher.run(PersonErasedV1(lead_ids=[lead_id_of(f"email:{ANA}")], email_hash="x", at=NOW))
    assert await enricher.rows("leads") == 1
    enricher.clock.advance(timedelta(minutes=1))
    [call] = enriched(await enricher.run(form(phone=PHONE)))
    assert (call.lead_id, call.revision) == (lead_id_of(f"email:{ben}"), 2)


async def test_an_erasure_in_the_same_unit_as_a_join_leaves_nothing(enricher):
    """The join makes the lead that is erased; its profile and alias are of earlier forms and must go too."""
    profile = "https://www.linkedin.com/in/ana"
    await enricher.run(form(linkedin_url=profile), form(phone=PHONE, linkedin_url=profile))
    assert await enricher.rows("lead_aliases") == 1
    erasure = PersonErasedV1(lead_ids=[lead_id_of(f"email:{ANA}")], email_hash="x", at=NOW)
    await enricher.run(form(email=ANA, phone=PHONE), erasure)
    for table in ("leads", "lead_aliases", "lead_identifiers"):
        assert await enricher.rows(table) == 0


async def test_a_lead_costs_three_rows(enricher):
    """Lead, claim and identifier; the answer about its account is one more, once."""
    await enricher.run(
        *[form(email=f"p{n}@brightloom.example", phone=f"+49309018{n}") for n in range(10, 20)]
    )
    counted = {
        table: await enricher.rows(table)
        for table in ("leads", "lead_identifiers", "inputs", "provider_answers")
    }
    assert counted == {"leads": 10, "lead_identifiers": 10, "inputs": 10, "provider_answers": 1}


async def test_a_join_and_a_new_lead_at_the_same_time_end_in_one_lead(enricher):
    """Whichever form of the address is first: the lead that one begins is never an alias of another."""
    for turn in range(12):
        phone, email = f"+49309018{turn:03}", f"p{turn}@brightloom.example"
        await enricher.run(form(phone=phone))
        results = await asyncio.gather(
            enricher.run(form(email=email, phone=phone)), enricher.run(form(email=email))
        )
        leads = [lead for result in results for lead in enriched(result)]
        last = enriched(await enricher.run(form(email=email)))[0]
        assert last.lead_id in {lead.lead_id for lead in leads}
        async with enricher.database.read() as tx:
            aliases = [
                row.alias_id for row in await tx.load(AliasRow, "alias_id", [lead_id_of(f"email:{email}")])
            ]
            rows = await tx.load(LeadRow, "lead_id", aliases)
        assert [row.revision for row in rows] == [0] * len(aliases)
        if aliases:
            assert {lead.lead_id for lead in leads} == {last.lead_id}


async def test_leads_of_one_person_are_merged_once_whatever_comes_at_the_same_time(enricher):
    """Forms of all identifiers race each other, twice each; the form that has all of them is among them."""
    for turn in range(8):
        email = f"m{turn}@brightloom.example"
        known = {"phone": f"+49309017{turn:03}", "linkedin_url": f"https://www.linkedin.com/in/m-{turn}"}
        alone = [{"email": email}, *({name: value} for name, value in known.items())]
        names_all = {"email": email, **known}
        forms = [*alone, names_all, *alone, names_all]
        forms = forms[turn % 4 :] + forms[: turn % 4]
        await asyncio.gather(*(enricher.run(form(**person)) for person in forms))
        [lead] = enriched(await enricher.run(form(**names_all)))
        ids = [lead_id_of(name) for name in (f"email:{email}", f"phone:{known['phone']}")]
        ids.append(lead_id_of(f"linkedin:{known['linkedin_url']}"))
        async with enricher.database.read() as tx:
            rows = [row for row in await tx.load(LeadRow, "lead_id", ids) if row.revision]
            aliases = await tx.load(AliasRow, "alias_id", ids)
        assert [row.lead_id for row in rows] == [lead.lead_id]
        assert {row.alias_id: row.lead_id for row in aliases} == dict.fromkeys(
            {*ids} - {lead.lead_id}, lead.lead_id
        )
        for person in alone:
            [again] = enriched(await enricher.run(form(**person)))
            assert again.lead_id == lead.lead_id


async def test_forms_of_one_person_at_the_same_time_are_revisions_of_one_lead(enricher):
    results = await asyncio.gather(*(enricher.run(form(email=ANA, phone=PHONE)) for _ in range(8)))
    leads = [lead for result in results for lead in enriched(result)]
    assert sorted(lead.revision for lead in leads) == list(range(1, 9))
    assert sorted(lead.sequence for lead in leads) == list(range(1, 9))
    assert len({lead.lead_id for lead in leads}) == 1


async def test_a_form_that_names_nobody_is_set_aside(enricher):
    with pytest.raises(DataError) as refused:
        await enricher.run(form(first_name="Ana"))
    assert refused.value.kind == "identity"


async def test_the_first_lead_that_gets_a_shared_answer_is_billed(database):
    class Slow(FakeProvider):
        def __init__(self) -> None:
            super().__init__("peopledatalabs", FixedClock(NOW))
            self.ready = asyncio.Event()

        async def query(self, query: ProviderQuery, *, within_s: float, turn: Turn) -> ProviderAnswer:
            answer = await super().query(query, within_s=within_s, turn=turn)
            await self.ready.wait()
            return answer

    provider = Slow()
    look_up = _look_up(database, FixedClock(NOW), provider, deadline_s=60.0)
    forms = [normalise_form(form(email=f"p{n}@brightloom.example")) for n in range(3)]
    async with asyncio.timeout(20):
        waiting = [asyncio.create_task(look_up.look_up(received, NOW)) for received in forms]
        while not provider.asked:
            await asyncio.sleep(0.01)
        provider.ready.set()
        looked_up = await asyncio.gather(*waiting)
    await look_up.close()
    answers = [result.answers[0] for result in looked_up]
    assert {answer.outcome for answer in answers} == {"match"}
    assert sorted(answer.billed for answer in answers) == [False, False, True]
    assert provider.asked == ["brightloom.example"]


async def test_a_lead_goes_on_at_its_deadline_and_gets_the_late_answer_with_a_later_event(database):
    ready = asyncio.Event()

    class Late(FakeProvider):
        async def query(self, query: ProviderQuery, *, within_s: float, turn: Turn) -> ProviderAnswer:
            answer = await super().query(query, within_s=within_s, turn=turn)
            await ready.wait()
            return answer

    enricher = Enricher(database)
    provider = Late("peopledatalabs", enricher.clock)
    enricher.handler = EnricherHandler(_look_up(database, enricher.clock, provider, deadline_s=0.2))
    [lead] = enriched(await enricher.run(form(email=ANA)))
    assert (lead.enrichment.status, lead.company.employees) == ("incomplete", None)
    assert [step.outcome for step in lead.enrichment.steps] == ["timeout"]
    ready.set()
    enricher.clock.advance(timedelta(seconds=15))
    [late] = enriched(await enricher.fire_timers())
    assert (late.revision, late.sequence, late.company.employees) == (1, 2, 350)
    assert late.trigger is not None
    assert late.trigger.kind == "enrichment"
    assert provider.asked == ["brightloom.example"]
    assert late.enrichment.cost == 10
    enricher.clock.advance(timedelta(minutes=1))
    assert not enriched(await enricher.fire_timers())


async def test_when_the_budget_of_the_day_is_spent_no_provider_is_asked(database):
    enricher = Enricher(database)
    budget = default_policy().policy.providers.budget.model_copy(update={"per_day_cents": 9})
    provider = FakeProvider("peopledatalabs", enricher.clock)
    lookup = WaterfallLookup(
        registry_of({"peopledatalabs": provider}, default_policy(budget=budget)),
        database,
        DailyBudget(database, enricher.clock),
        enricher.clock,
    )
    enricher.handler = EnricherHandler(lookup)
    [lead] = enriched(await enricher.run(form(email=ANA)))
    assert provider.asked == []
    assert [(step.outcome, step.cost, step.detail) for step in lead.enrichment.steps] == [
        ("skipped", 0, "the day's budget is spent")
    ]


async def test_when_the_budget_for_public_sources_is_spent_other_leads_go_on(database):
    class ChargesAlways(FakeProvider):
        async def query(self, query: ProviderQuery, *, within_s: float, turn: Turn) -> ProviderAnswer:
            return replace(await super().query(query, within_s=within_s, turn=turn), cost=10)

    enricher = Enricher(database)
    budget = default_policy().policy.providers.budget.model_copy(update={"public_per_day_cents": 10})
    provider = ChargesAlways("peopledatalabs", enricher.clock)
    lookup = WaterfallLookup(
        registry_of({"peopledatalabs": provider}, default_policy(budget=budget)),
        database,
        DailyBudget(database, enricher.clock),
        enricher.clock,
    )
    enricher.handler = EnricherHandler(lookup)
    details = []
    for name, trust in (("a", "public"), ("b", "public"), ("c", None), ("b", "signed"), ("d", "public")):
        received = replace(form(email=f"kim@{name}loom.example"), trust=trust)
        [lead] = enriched(await enricher.run(received))
        details.append([step.detail for step in lead.enrichment.steps])
    assert provider.asked == ["aloom.example", "cloom.example", "bloom.example"]
    spent = ["the day's budget for public sources is spent"]
    assert details == [[""], spent, [""], [""], spent]
    enricher.clock.advance(timedelta(days=1))
    [lead] = enriched(await enricher.run(replace(form(email="kim@eloom.example"), trust="public")))
    assert [step.detail for step in lead.enrichment.steps] == [""]


async def test_a_failed_answer_is_not_shared_with_the_next_lead(database):
    class Failing(FakeProvider):
        async def query(self, query: ProviderQuery, *, within_s: float, turn: Turn) -> ProviderAnswer:
            answer = await super().query(query, within_s=within_s, turn=turn)
            return replace(answer, outcome="failed", facts=ProviderFacts(), cost=0)

    provider = Failing("peopledatalabs", FixedClock(NOW))
    lookup = _look_up(database, FixedClock(NOW), provider)
    for number in (1, 2):
        result = await lookup.look_up(normalise_form(form(email=f"p{number}@brightloom.example")), NOW)
        assert [answer.outcome for answer in result.answers] == ["failed"]
    await lookup.close()
    assert len(provider.asked) == 2


async def test_an_erased_lead_is_not_looked_up_again(database):
    provider = FakeProvider("peopledatalabs", FixedClock(NOW))
    lookup = _look_up(database, FixedClock(NOW), provider)
    assert (await lookup.refresh("nobody")).answers == ()
    await lookup.close()
    assert provider.asked == []


async def test_spending_is_stored_by_day_and_provider(enricher):
    await enricher.run(form(email=ANA), form(email="ben@brightloom.example"))
    shares = {"company.name": 3, "company.industry": 3, "company.country": 2, "company.employees": 2}
    assert await enricher.spent() == [("2026-03-01", "peopledatalabs", 1, 1, 10, 1, 0, shares)]


async def test_an_erasure_removes_cached_answers_about_the_person(database):
    person = provider_facts(0.9, person={"title": "CFO"})

    class Knows(FakeProvider):
        async def query(self, query: ProviderQuery, *, within_s: float, turn: Turn) -> ProviderAnswer:
            answer = await super().query(query, within_s=within_s, turn=turn)
            return replace(answer, outcome="match", facts=person) if query.subject == "person" else answer

    enricher = Enricher(database)
    policy = default_policy(decision_aware=False)
    provider = Knows("apollo", enricher.clock)
    look_up = WaterfallLookup(
        registry_of({"apollo": provider}, policy),
        database,
        DailyBudget(database, enricher.clock),
        enricher.clock,
    )
    enricher.handler = EnricherHandler(look_up)
    [lead] = enriched(await enricher.run(form(email=ANA)))
    assert (lead.person.title, lead.person.seniority) == ("CFO", "cxo")
    assert await enricher.rows("provider_answers") == 2
    await enricher.run(PersonErasedV1(lead_ids=[lead.lead_id], email_hash="x", at=NOW))
    assert await enricher.rows("provider_answers") == 1


async def test_timers_of_leads_that_nobody_works_are_due_last_however_old(database):
    """By what became of a lead; of one that was not decided yet, nothing is known."""
    became = {
        "a": ("assigned", "work"),
        "b": ("listed", "nurture"),
        "c": ("suppressed", "none"),
        "d": ("waiting", "work"),
    }
    rows = [
        {
            "lead_id": name,
            "account": name,
            "revision": 1,
            "scored_sequence": 1,
            "sequence": 1,
            "status": status,
            "queue": "sdr",
            "motion": motion,
            "rule": "fits",
            "high_intent": False,
        }
        for name, (status, motion) in became.items()
    ]
    timers = [
        {"subject": name, "role": "enricher", "kind": "enrich-again", "due_at": NOW - timedelta(minutes=age)}
        for name, age in {"a": 1, "b": 9, "c": 8, "d": 3, "new": 2, "later": -1}.items()
    ]
    async with database.begin() as tx:
        await tx.execute(insert(routed_leads), rows)
        await tx.execute(insert(metadata.tables["timers"]), timers)
    due = Timers("enricher", database, FixedClock(NOW), first=[unworked_last()])
    leased = [[event.subject for event in await due.lease_due(2)] for _ in range(3)]
    assert leased == [["d", "new"], ["a", "b"], ["c"]]
    contexts = AccountContextReader(database)
    assert [await contexts.is_unworked(name) for name in ("a", "b", "c", "d", "new")] == [
        False,
        True,
        True,
        False,
        False,
    ]
