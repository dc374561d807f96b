"""Laws of the enricher's core: merging, and which lead any sequence of forms ends in."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

import msgspec
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule
from msgspec import UNSET

from services.enricher.domain.form import Form, normalise_form, stated
from services.enricher.domain.merge import merge
from services.enricher.domain.providers import LookupResult
from services.enricher.domain.record import AliasRow, IdentifierRow, LeadRow
from services.enricher.domain.row_keys import stored_lead, surviving_lead_id
from services.enricher.handlers import EnricherHandler
from shared.lead.events.envelope import Event
from shared.lead.events.lead_enriched import LeadEnrichedV1
from shared.lead.events.lead_received import LeadReceivedV1
from shared.lead.events.parts import Activity, Company, Consent, Person
from shared.lead.events.person_erased import PersonErasedV1
from shared.lead.events.signal_received import SignalPerson, SignalReceivedV1
from shared.lead.identity import identify
from shared.lead.normalise.emails import normalise_email
from shared.storage.rows import IdentityMap
from shared.worker.unit_of_work import Result, fold

NO_WORD = (0, False)
AT = datetime(2026, 3, 1, 9, 0, tzinfo=UTC)

emails = st.sampled_from(
    ["ana@brightloom.example", "Ana+x@Brightloom.example", "ben@copperfen.example", "x@gmail.com"]
)
phones = st.sampled_from(["+4930901820", "+4930901821"])
profiles = st.sampled_from(["https://linkedin.com/in/ana", "https://de.linkedin.com/in/ben/"])
words = st.one_of(st.none(), st.sampled_from(["", " ", "CTO", "VP of Sales", "Wizard", "DE", "Germany"]))
maybe = st.none()

people = st.builds(
    Person,
    email=maybe | emails,
    phone=maybe | phones,
    linkedin_url=maybe | profiles,
    title=words,
    first_name=words,
    country=words,
)
companies = st.builds(
    Company,
    name=words,
    domain=st.sampled_from([None, "brightloom.example", "copperfen.example", "gmail.com"]),
    employees=st.none() | st.integers(0, 10_000),
    country=words,
    technologies=st.lists(st.sampled_from(["sap", "hubspot", "snowflake"]), max_size=3),
)
activities = st.builds(
    Activity,
    type=st.sampled_from(["page_view", "demo_request"]),
    at=st.integers(0, 5).map(lambda hours: AT + timedelta(hours=hours)),
)
received = st.builds(
    LeadReceivedV1,
    person=people,
    company=companies,
    message=words,
    answers=st.dictionaries(st.sampled_from("abc"), words | st.integers(0, 2), max_size=3),
    activities=st.lists(activities, max_size=4),
    consent=st.builds(
        Consent, marketing=st.none() | st.booleans(), opted_out=st.sampled_from([UNSET, True, False])
    ),
)
named = received.filter(lambda form: bool(form.person.email or form.person.phone or form.person.linkedin_url))
forms = named.map(normalise_form)


def _folded(sequence: Sequence[Form]) -> LeadRow:
    lead = LeadRow("lead")
    for form in sequence:
        lead = merge(lead, form, AT)
    return lead


@given(st.lists(forms, max_size=3), forms)
def test_merging_the_same_form_again_changes_nothing(before, form):
    once = merge(_folded(before), form, AT)
    assert merge(once, form, AT) == once


@given(st.lists(forms, max_size=3), forms)
def test_what_is_said_holds_and_what_is_not_said_stays(before, form):
    lead = _folded(before)
    after = merge(lead, form, AT)
    for known, told, result in (
        (lead.person, form.normalised.person, after.person),
        (lead.company, form.normalised.company, after.company),
    ):
        said = stated(told)
        for name, value in stated(known).items():
            follows = name in ("seniority", "department") and "title" in said
            if name not in said and not follows and name != "domain":
                assert getattr(result, name) == value
        for name, value in said.items():
            if name not in form.unparsed and name not in ("technologies", "hiring"):
                assert getattr(result, name) == value
    assert after.answers.items() >= form.normalised.answers.items()
    assert after.answers.keys() >= lead.answers.keys()
    assert {a.at for a in after.activities} == {a.at for a in (*lead.activities, *form.normalised.activities)}
    # All are of one instant, at which an opt-out holds.
    assert bool(after.consent.opted_out) == (
        bool(lead.consent.opted_out) or bool(form.normalised.consent.opted_out)
    )


def _hashed(lead_id: str) -> str:
    return f"hash of {lead_id}"


class NoLookUp:
    async def look_up(self, form: Form, sent_at: datetime) -> LookupResult:
        return LookupResult()

    async def refresh(self, lead_id: str) -> LookupResult:
        return LookupResult()


class Enrichment(RuleBasedStateMachine):
    """Any sequence of forms, opt-outs and erasures, decided as the runtime decides them."""

    def __init__(self) -> None:
        super().__init__()
        self.handler = EnricherHandler(NoLookUp())
        self.world = IdentityMap()
        self.at = AT
        self.count = 0
        self.words: dict[str, tuple[int, bool]] = {}  # by lead id: the latest word on an opt-out
        self.sequences: dict[str, int] = {}
        self.answered: dict[str, str] = {}

    def _decide(self, type_: str, data: object) -> Result:
        self.count += 1
        self.at += timedelta(seconds=1)
        event = Event(f"{self.count}", "/test", type_, "", self.at, data)
        prepared = asyncio.run(self.handler.prepare(event))
        result = Result()
        fold(self.handler, self.world, [prepared], self.at, result=result, keyed_hash=_hashed)
        assert not result.rejected
        self.subject = prepared.subject
        return result

    @rule(form=named)
    def send(self, form: LeadReceivedV1) -> None:
        result = self._decide("baton.lead.received.v1", form)
        [enriched] = self._emitted(result)
        lead_id = enriched.lead_id
        email = normalise_email(form.person.email)
        lead = stored_lead(self.world, lead_id)
        assert lead is not None
        assert surviving_lead_id(self.world, self.subject) == lead_id
        if email:  # two e-mails never join
            own = normalise_email(lead.person.email)
            assert own is not None
            assert own.identity == email.identity
        said = form.consent.opted_out
        words = [self.words.pop(one, NO_WORD) for one in {lead_id, self.subject, *enriched.merged}]
        words += [(self.count, bool(said))] if said is not UNSET else []
        self.words[lead_id] = max(words)  # the newest word counts
        assert bool(enriched.consent.opted_out) == self.words[lead_id][1]
        for merged in enriched.merged:
            assert surviving_lead_id(self.world, merged) == lead_id
            assert stored_lead(self.world, merged) is None
            self.sequences.pop(merged, None)
        assert enriched.sequence == self.sequences.get(lead_id, 0) + 1
        assert enriched.revision <= enriched.sequence
        self.sequences[lead_id] = enriched.sequence
        before = self.answered.setdefault(self.subject, lead_id)
        # Whoever answers for an id answers for ever, or is merged into the lead that does.
        assert surviving_lead_id(self.world, before) == lead_id

    @rule(email=emails)
    def opt_out(self, email: str) -> None:
        signal = SignalReceivedV1(type="opt_out", occurred_at=self.at, person=SignalPerson(email=email))
        result = self._decide("baton.signal.received.v1", signal)
        for enriched in self._emitted(result):
            assert enriched.sequence == self.sequences[enriched.lead_id] + 1
            self.sequences[enriched.lead_id] = enriched.sequence
        identity = identify(email)
        assert identity is not None
        self.words[surviving_lead_id(self.world, identity.lead_id)] = (self.count, True)

    @rule(data=st.data())
    def erase(self, data: st.DataObject) -> None:
        leads = [row.lead_id for row in self.world.all(LeadRow)]
        if not leads:
            return
        lead_id = data.draw(st.sampled_from(leads))
        gone = surviving_lead_id(self.world, lead_id)
        aliases = [row.alias_id for row in self.world.all(AliasRow) if row.lead_id == gone]
        self._decide("baton.person.erased.v1", PersonErasedV1(lead_ids=[lead_id], email_hash="x", at=self.at))
        self.sequences.pop(gone, None)
        self.answered = {own: lead for own, lead in self.answered.items() if lead not in (gone, *aliases)}
        erased = {gone, lead_id, *aliases}
        self.words = {one: word for one, word in self.words.items() if one not in erased}
        assert self.world.get(LeadRow, gone) is None
        assert not any(gone in row.lead_ids for row in self.world.all(IdentifierRow))

    @invariant()
    def aliases_answer_with_a_lead(self) -> None:
        for alias in self.world.all(AliasRow):
            assert stored_lead(self.world, alias.lead_id) is not None
            assert self.world.get(AliasRow, alias.lead_id) is None
            assert stored_lead(self.world, alias.alias_id) is None

    @invariant()
    def identifiers_lead_to_leads_that_know_them(self) -> None:
        for row in self.world.all(IdentifierRow):
            for lead_id in row.lead_ids:
                lead = stored_lead(self.world, surviving_lead_id(self.world, lead_id))
                assert lead is not None
                assert row.identifier in lead.identifiers

    @staticmethod
    def _emitted(result: Result) -> list[LeadEnrichedV1]:
        return [msgspec.json.decode(out.value or b"", type=LeadEnrichedV1) for out in result.outgoing]


TestEnrichment = Enrichment.TestCase
TestEnrichment.settings = settings(max_examples=60, stateful_step_count=25)
