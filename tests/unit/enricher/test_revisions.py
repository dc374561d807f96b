"""Forms become revisions of one lead record: who joins whom, and what is counted."""

from __future__ import annotations

from datetime import timedelta

import pytest

from services.enricher.domain.providers import LookupResult
from services.enricher.domain.record import (
    IDENTIFIERS_MAX,
    OWNERS_MAX,
    AliasRow,
    IdentifierRow,
    LeadRow,
    with_identifiers,
    with_owner,
)
from shared.errors import DataError
from shared.lead.events.lead_received import LeadReceivedV1
from shared.lead.events.parts import Activity, Company, Consent, Person, Trigger
from shared.lead.ids import lead_id_of
from shared.worker.decision import Outcome
from shared.worker.rows import TimerRow
from tests.support.forms import ANA, AT

PHONE, PROFILE = "+4930901820", "https://www.linkedin.com/in/ana"
BEN = "ben@brightloom.example"


async def test_the_first_form_is_revision_one_and_sequence_one(enricher):
    assert await enricher.submit(title="VP of Sales") is Outcome.APPLIED
    [lead] = enricher.emitted
    assert (lead.lead_id, lead.revision, lead.sequence) == (lead_id_of(f"email:{ANA}"), 1, 1)
    assert (lead.account, lead.person.seniority) == ("brightloom.example", "vp")
    assert enricher.stored == {"LeadRow": 1}


async def test_every_form_of_a_person_is_one_revision_more(enricher):
    for revision in range(1, 5):
        await enricher.submit(message=f"message {revision}")
        [lead] = enricher.emitted
        assert (lead.revision, lead.sequence, lead.message) == (revision, revision, f"message {revision}")
    assert len(enricher.rows.all(LeadRow)) == 1


async def test_spellings_of_an_address_are_one_lead(enricher):
    await enricher.submit("Ana+demo@Brightloom.example")
    await enricher.submit(" ana@brightloom.example ")
    assert (enricher.emitted[0].revision, enricher.emitted[0].lead_id) == (2, lead_id_of(f"email:{ANA}"))


async def test_the_event_has_the_trigger_of_its_form_and_the_fields_derived_from_it(enricher):
    trigger = Trigger(kind="lead", type="form", event_id="form-1")
    await enricher.submit(trigger=trigger, message="Hello")
    [lead] = enricher.emitted
    assert lead.trigger == trigger
    assert lead.occurred_at == AT
    assert lead.derived is not None
    assert lead.derived.email_domain == "brightloom.example"


async def test_a_form_from_the_future_counts_as_sent_now(enricher):
    event = enricher.event(LeadReceivedV1(person=Person(email=ANA)))
    enricher.at -= timedelta(minutes=5)
    await enricher.process([event])
    assert enricher.lead().last_at == AT - timedelta(minutes=5)


async def test_a_form_that_identifies_nobody_is_refused_before_any_look_up(enricher):
    with pytest.raises(DataError) as refused:
        await enricher.submit(None, first_name="Ana")
    assert refused.value.kind == "identity"
    assert enricher.lookup.asked == []


class TestJoins:
    async def test_a_new_address_joins_the_lead_that_has_its_phone_and_no_address(self, enricher):
        await enricher.submit(None, phone=PHONE)
        caller = enricher.emitted[0].lead_id
        await enricher.submit(ANA, phone=PHONE)
        [joined] = enricher.emitted
        assert (joined.lead_id, joined.revision, joined.person.email) == (caller, 2, ANA)
        assert enricher.rows.get(AliasRow, lead_id_of(f"email:{ANA}")) == AliasRow(
            lead_id_of(f"email:{ANA}"), caller
        )

    async def test_a_join_reserves_the_id_of_the_address(self, enricher):
        await enricher.submit(None, phone=PHONE)
        await enricher.submit(ANA, phone=PHONE)
        reserved = enricher.rows.get(LeadRow, lead_id_of(f"email:{ANA}"))
        assert reserved == LeadRow(lead_id_of(f"email:{ANA}"))
        assert reserved.revision == 0

    async def test_later_forms_of_the_address_alone_reach_the_joined_lead(self, enricher):
        await enricher.submit(None, phone=PHONE)
        await enricher.submit(ANA, phone=PHONE)
        await enricher.submit(ANA)
        assert (enricher.emitted[0].lead_id, enricher.emitted[0].revision) == (
            lead_id_of(f"phone:{PHONE}"),
            3,
        )

    async def test_two_addresses_with_one_phone_stay_two_leads(self, enricher):
        await enricher.submit(ANA, phone=PHONE)
        await enricher.submit(BEN, phone=PHONE)
        assert enricher.emitted[0].lead_id == lead_id_of(f"email:{BEN}")
        row = enricher.rows.get(IdentifierRow, f"phone:{PHONE}")
        assert row.lead_ids == [lead_id_of(f"email:{BEN}"), lead_id_of(f"email:{ANA}")]

    async def test_a_call_from_a_shared_phone_joins_neither_of_its_owners(self, enricher):
        await enricher.submit(ANA, phone=PHONE)
        await enricher.submit(BEN, phone=PHONE)
        await enricher.submit(None, phone=PHONE)
        assert (enricher.emitted[0].lead_id, enricher.emitted[0].revision) == (
            lead_id_of(f"phone:{PHONE}"),
            1,
        )

    async def test_a_call_joins_the_only_owner_of_its_phone(self, enricher):
        await enricher.submit(ANA, phone=PHONE)
        await enricher.submit(None, phone=PHONE)
        assert (enricher.emitted[0].lead_id, enricher.emitted[0].revision) == (lead_id_of(f"email:{ANA}"), 2)

    async def test_a_profile_joins_as_a_phone_does(self, enricher):
        await enricher.submit(None, linkedin_url=PROFILE)
        await enricher.submit(ANA, linkedin_url="linkedin.com/in/Ana/")
        assert enricher.emitted[0].revision == 2

    async def test_the_joined_lead_moves_to_the_account_of_the_address(self, enricher):
        await enricher.submit(None, phone=PHONE)
        assert enricher.emitted[0].account == enricher.emitted[0].lead_id
        await enricher.submit(ANA, phone=PHONE)
        assert enricher.emitted[0].account == "brightloom.example"

    async def test_an_account_lead_has_no_person_and_joins_nobody(self, enricher):
        await enricher.submit(None, company=Company(domain="brightloom.example"))
        await enricher.submit(ANA)
        assert len([row for row in enricher.rows.all(LeadRow) if row.revision]) == 2

    @pytest.mark.parametrize("order", [(0, 1, 2), (1, 0, 2), (0, 2, 1), (2, 1, 0), (1, 2, 0), (2, 0, 1)])
    async def test_an_address_and_its_phone_end_in_one_lead_in_any_order(self, enricher, order):
        """The form that has both ties them together, also when the two had become two leads before."""
        forms = [{"email": None, "phone": PHONE}, {"email": ANA, "phone": PHONE}, {"email": ANA}]
        for number in order:
            await enricher.submit(**forms[number])
        [lead] = [row for row in enricher.rows.all(LeadRow) if row.revision]
        split = order.index(2) < order.index(1) and order.index(0) < order.index(1)
        assert lead.revision == (2 if split else 3)
        assert lead.merged == ([lead_id_of(f"phone:{PHONE}")] if split else None)


class TestMergedLeads:
    """A form that names two leads of one person makes them one."""

    async def test_what_was_known_of_both_is_known_of_the_one(self, enricher):
        await enricher.submit(ANA, title="CTO", answers={"a": 1})
        enricher.at += timedelta(hours=1)
        call = Activity("call", enricher.at)
        await enricher.submit(
            None,
            phone=PHONE,
            title="Assistant",
            first_name="Ana",
            company=Company(employees=40),
            answers={"b": 2},
            activities=[call],
            message="Call me",
        )
        enricher.at += timedelta(hours=1)
        await enricher.submit(ANA, phone=PHONE)
        [lead] = enricher.emitted
        assert (lead.lead_id, lead.revision, lead.merged) == (
            lead_id_of(f"email:{ANA}"),
            2,
            [lead_id_of(f"phone:{PHONE}")],
        )
        assert (lead.person.title, lead.person.first_name, lead.person.phone) == ("Assistant", "Ana", PHONE)
        assert (lead.company.employees, lead.company.domain) == (40, "brightloom.example")
        assert (lead.answers, lead.activities, lead.message) == ({"a": 1, "b": 2}, [call], "Call me")

    async def test_the_id_of_the_merged_lead_and_its_aliases_answer_with_the_one(self, enricher):
        await enricher.submit(None, phone=PHONE)
        await enricher.submit(None, phone=PHONE, linkedin_url=PROFILE)
        await enricher.submit(None, linkedin_url=PROFILE)  # the lead of the phone answers for it
        await enricher.submit(ANA)
        await enricher.submit(ANA, phone=PHONE)
        ana = lead_id_of(f"email:{ANA}")
        assert {row.lead_id for row in enricher.rows.all(AliasRow)} == {ana}
        assert [row.lead_id for row in enricher.rows.all(LeadRow) if row.revision] == [ana]

    async def test_a_later_form_with_the_profile_alone_goes_to_the_one(self, enricher):
        await enricher.submit(ANA)
        await enricher.submit(None, linkedin_url=PROFILE)
        await enricher.submit(ANA, linkedin_url=PROFILE)
        await enricher.submit(None, linkedin_url=PROFILE)
        assert (enricher.emitted[0].lead_id, enricher.emitted[0].revision) == (lead_id_of(f"email:{ANA}"), 3)

    async def test_two_leads_may_be_merged_at_once(self, enricher):
        await enricher.submit(ANA)
        await enricher.submit(None, phone=PHONE)
        await enricher.submit(None, linkedin_url=PROFILE)
        await enricher.submit(ANA, phone=PHONE, linkedin_url=PROFILE)
        assert set(enricher.emitted[0].merged) == {
            lead_id_of(f"phone:{PHONE}"),
            lead_id_of(f"linkedin:{PROFILE}"),
        }
        assert enricher.stored["LeadRow"] == 3
        assert len([row for row in enricher.rows.all(LeadRow) if row.revision]) == 1

    async def test_two_addresses_are_not_merged(self, enricher):
        await enricher.submit(ANA)
        await enricher.submit(None, phone=PHONE)
        await enricher.submit(BEN, phone=PHONE)  # the phone is Ben's now
        await enricher.submit(ANA, phone=PHONE)
        assert len([row for row in enricher.rows.all(LeadRow) if row.revision]) == 2
        assert enricher.lead(ANA).merged is None

    async def test_an_opt_out_of_the_merged_lead_holds(self, enricher):
        await enricher.submit(ANA)
        await enricher.submit(None, phone=PHONE, consent=Consent(opted_out=True))
        await enricher.submit(ANA, phone=PHONE)
        assert enricher.emitted[0].consent.opted_out

    async def test_a_merged_lead_is_not_looked_up_again(self, enricher):
        enricher.lookup.result = LookupResult((), {}, "deadline")
        await enricher.submit(None, phone=PHONE)
        await enricher.submit(ANA)
        await enricher.submit(ANA, phone=PHONE)
        assert [timer.subject for timer in enricher.rows.all(TimerRow)] == [lead_id_of(f"email:{ANA}")]

    async def test_as_many_leads_are_merged_as_a_lead_has_room_for_identifiers(self, enricher):
        await enricher.submit(ANA)
        for number in range(IDENTIFIERS_MAX + 2):
            phone = f"+4930901{number:04}"
            await enricher.submit(None, phone=phone)
            await enricher.submit(ANA, phone=phone)
        assert len(enricher.lead().merged) == IDENTIFIERS_MAX
        await enricher.erase(lead_id_of(f"email:{ANA}"))
        assert enricher.stored == {"LeadRow": 2, "IdentifierRow": 2}

    async def test_an_erasure_reaches_the_merged_lead(self, enricher):
        await enricher.submit(ANA)
        await enricher.submit(None, phone=PHONE)
        await enricher.submit(ANA, phone=PHONE)
        await enricher.erase(lead_id_of(f"email:{ANA}"))
        assert enricher.stored == {}


def test_a_lead_is_found_by_its_oldest_identifiers():
    lead = with_identifiers(LeadRow("lead"), [f"phone:{number}" for number in range(30)])
    assert lead.identifiers == tuple(f"phone:{number}" for number in range(IDENTIFIERS_MAX))
    assert with_identifiers(lead, ["phone:0", "phone:99"]).identifiers == lead.identifiers


def test_an_identifier_belongs_to_its_newest_leads():
    owners: list[str] = []
    for number in range(OWNERS_MAX + 3):
        owners = with_owner(owners, f"lead-{number}")
    assert owners == [f"lead-{number}" for number in range(OWNERS_MAX + 2, 2, -1)]


async def test_an_identifier_beyond_the_limit_of_a_lead_has_no_row(enricher):
    for number in range(IDENTIFIERS_MAX + 1):
        await enricher.submit(ANA, phone=f"+49309018{number:02}")
    assert len(enricher.rows.all(IdentifierRow)) == IDENTIFIERS_MAX == len(enricher.lead().identifiers)
