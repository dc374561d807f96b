"""An erased person leaves nothing behind; whoever shared a phone with them stays."""

from __future__ import annotations

from datetime import datetime, timedelta

import pytest
from msgspec.structs import replace

from services.enricher.domain.erase import redact
from services.enricher.domain.providers import (
    CachedAnswerRow,
    LookupOutcome,
    LookupResult,
    ProviderAnswer,
    ProviderFacts,
    lookup_target,
)
from services.enricher.domain.record import AliasRow, IdentifierRow, LeadRow
from shared.lead.events.parts import Activity, Company, Person
from shared.lead.ids import lead_id_of
from shared.storage.rows import IdentityMap, Put, Remove
from shared.worker.decision import Outcome
from shared.worker.rows import TimerRow, TombstoneRow
from tests.support.forms import ANA, AT

PHONE, PROFILE = "+4930901820", "https://www.linkedin.com/in/ana"
BEN = "ben@brightloom.example"
ANA_ID, BEN_ID = lead_id_of(f"email:{ANA}"), lead_id_of(f"email:{BEN}")
PHONE_ID = lead_id_of(f"phone:{PHONE}")


def answer_about(about: str, *, outcome: LookupOutcome = "match") -> ProviderAnswer:
    facts = ProviderFacts(person=Person(title="CFO"), confidence={"person.title": 0.9})
    return ProviderAnswer("apollo", "person", about, outcome, AT, facts, cost=8, requested=("person.title",))


def demo(at: datetime) -> Activity:
    return Activity(type="demo_request", at=at)


def tombstones(enricher) -> set[str]:
    """Return the lead ids that a tombstone was left for."""
    return {row.hash.removeprefix("hash of ") for row in enricher.rows.all(TombstoneRow)}


async def test_an_erased_lead_leaves_only_tombstones(enricher):
    await enricher.submit(ANA, phone=PHONE, linkedin_url=PROFILE)
    await enricher.erase(ANA_ID)
    assert enricher.stored == {}
    assert tombstones(enricher) == {ANA_ID, PHONE_ID, lead_id_of(f"linkedin:{PROFILE}")}


async def test_an_erasure_reaches_the_lead_behind_an_alias_and_every_alias_of_it(enricher):
    await enricher.submit(None, phone=PHONE)
    await enricher.submit(ANA, phone=PHONE)
    await enricher.erase(ANA_ID)
    assert enricher.stored == {}


async def test_an_erasure_under_the_surviving_id_removes_the_alias_too(enricher):
    await enricher.submit(None, phone=PHONE)
    await enricher.submit(ANA, phone=PHONE)
    await enricher.erase(PHONE_ID)
    assert enricher.stored == {}
    assert tombstones(enricher) == {ANA_ID, PHONE_ID}


async def test_who_shares_a_phone_with_the_erased_keeps_it(enricher):
    await enricher.submit(ANA, phone=PHONE)
    await enricher.submit(BEN, phone=PHONE)
    await enricher.erase(ANA_ID)
    assert enricher.rows.get(IdentifierRow, f"phone:{PHONE}").lead_ids == [BEN_ID]
    assert enricher.lead(BEN).person.phone == PHONE
    # A later call from that phone is Ben's: the phone itself is not erased.
    assert tombstones(enricher) == {ANA_ID}


async def test_a_form_that_was_sent_before_the_erasure_is_superseded(enricher):
    await enricher.submit(ANA)
    late = enricher.event(replace(enricher.lookup.asked[0].normalised, message="late"))
    enricher.at += timedelta(minutes=1)
    await enricher.erase(ANA_ID)
    assert await enricher.process([late]) is Outcome.SUPERSEDED
    assert enricher.stored == {}


async def test_a_form_that_is_sent_after_the_erasure_begins_a_new_lead(enricher):
    await enricher.submit(ANA, title="CTO")
    await enricher.erase(ANA_ID)
    enricher.at += timedelta(minutes=1)
    await enricher.submit(ANA)
    [lead] = enricher.emitted
    assert (lead.revision, lead.sequence, lead.person.title) == (1, 1, None)


async def test_an_old_erasure_that_is_read_again_spares_the_new_lead(enricher):
    await enricher.submit(ANA)
    erased_at = enricher.at
    await enricher.erase(ANA_ID)
    enricher.at += timedelta(minutes=1)
    await enricher.submit(ANA, phone=PHONE)
    await enricher.erase(ANA_ID, at=erased_at)
    assert enricher.lead().revision == 1
    assert enricher.rows.get(IdentifierRow, f"phone:{PHONE}").lead_ids == [ANA_ID]


async def test_a_form_that_was_read_before_an_older_erasure_is_all_that_stays(enricher):
    before = Company(name="Brightloom", employees=350)
    await enricher.submit(ANA, title="CTO", phone=PHONE, first_name="Ana", company=before, message="Then")
    erased_at = enricher.at
    enricher.at += timedelta(minutes=1)
    await enricher.submit(
        ANA, title="CFO", linkedin_url=PROFILE, message="Now", activities=[demo(enricher.at)]
    )
    await enricher.erase(ANA_ID, at=erased_at)
    lead = enricher.lead()
    assert (lead.person.title, lead.person.phone, lead.person.first_name) == ("CFO", None, None)
    assert (lead.person.email, lead.person.email_kind, lead.message) == (ANA, "work", "Now")
    assert [activity.type for activity in lead.activities] == ["demo_request"]
    assert (lead.account, lead.company.employees, lead.company.domain) == (
        "brightloom.example",
        None,
        "brightloom.example",
    )
    assert lead.identifiers == (f"linkedin:{PROFILE}",)
    assert enricher.rows.get(IdentifierRow, f"phone:{PHONE}") is None
    # The other roles are told, and know that it follows the erasure.
    assert [(one.person.title, one.message) for one in enricher.emitted] == [("CFO", "Now")]
    assert enricher.after_erasure == [erased_at]


async def test_a_public_form_after_the_erasure_keeps_the_proven_address(enricher):
    await enricher.submit(ANA, title="CTO")
    erased_at = enricher.at
    enricher.at += timedelta(minutes=1)
    await enricher.submit(ANA, title="CFO", message="Now", trust="public")
    await enricher.erase(ANA_ID, at=erased_at)
    assert enricher.lead().message == "Now"
    assert enricher.lead().person.title is None  # the proven title was known before, and the claim was weaker


async def test_an_erasure_ends_the_retries_of_the_lead(enricher):
    enricher.lookup.result = LookupResult((answer_about(ANA_ID, outcome="failed"),), {}, "exhausted")
    await enricher.submit(ANA)
    assert len(enricher.rows.all(TimerRow)) == 1
    await enricher.erase(ANA_ID)
    assert enricher.stored == {}


async def test_what_providers_said_about_the_person_is_erased_and_the_company_s_answers_stay(enricher):
    company = ProviderAnswer(
        "apollo",
        "company",
        "brightloom.example",
        "match",
        AT,
        ProviderFacts(company=Company(employees=350), confidence={"company.employees": 0.8}),
    )
    enricher.lookup.result = LookupResult((answer_about(ANA_ID), company), {})
    await enricher.submit(ANA)
    assert len(enricher.rows.all(CachedAnswerRow)) == 2
    await enricher.erase(ANA_ID)
    assert [row.about for row in enricher.rows.all(CachedAnswerRow)] == ["brightloom.example"]


async def test_answers_about_an_alias_of_the_person_are_erased(enricher):
    await enricher.submit(None, phone=PHONE)
    enricher.lookup.result = LookupResult((answer_about(ANA_ID),), {})
    await enricher.submit(ANA, phone=PHONE)
    lead = enricher.lead()
    assert lookup_target(lead.account, lead.lead_id, lead.person).about("person") == ANA_ID
    await enricher.erase(PHONE_ID)
    assert enricher.rows.all(CachedAnswerRow) == []


async def test_erasing_nobody_leaves_a_tombstone_for_forms_that_are_still_under_way(enricher):
    await enricher.erase(ANA_ID)
    assert tombstones(enricher) == {ANA_ID}


async def test_several_leads_of_one_erasure_go_together(enricher):
    await enricher.submit(ANA, phone=PHONE)
    await enricher.submit(BEN, phone=PHONE)
    await enricher.erase(ANA_ID, BEN_ID)
    assert [row.lead_id for row in enricher.rows.all(LeadRow)] == []


def test_an_identifier_row_that_is_not_loaded_is_left_alone():
    rows = IdentityMap([LeadRow("lead", revision=1, identifiers=(f"phone:{PHONE}",))])
    redaction = redact(rows, ["lead"], AT)
    assert Remove(LeadRow, ("lead",)) in redaction.changes
    assert all(change.kind is not IdentifierRow for change in redaction.changes if isinstance(change, Remove))
    assert redaction.lead_ids == ["lead"]


def test_a_lead_that_began_after_the_erasure_is_only_told_again():
    lead = LeadRow("lead", revision=1, sequence=1, first_at=AT + timedelta(seconds=1))
    redaction = redact(IdentityMap([lead]), ["lead"], AT)
    again = replace(lead, sequence=2)
    assert (redaction.changes, redaction.lead_ids) == ([Put(again)], ["lead"])
    assert redaction.returned == [again]


@pytest.mark.parametrize("named", [["alias"], ["lead"], ["alias", "lead"], ["lead", "alias", "lead"]])
def test_the_redaction_is_the_same_under_whatever_ids_the_lead_is_named(named):
    rows = IdentityMap(
        [
            LeadRow("lead", revision=2, first_at=AT, identifiers=("phone:1",)),
            LeadRow("alias"),
            AliasRow("alias", "lead"),
            IdentifierRow("phone:1", ["other", "lead"]),
        ]
    )
    redaction = redact(rows, named, AT)
    assert Put(IdentifierRow("phone:1", ["other"])) in redaction.changes
    rows.apply(redaction.changes)
    assert (rows.all(LeadRow), rows.all(AliasRow)) == ([], [])
    assert set(redaction.lead_ids) == {"alias", "lead"}
