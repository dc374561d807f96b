"""People of an account are looked for once somebody works a lead there; they are told, and are never leads."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import msgspec
import pytest
from msgspec.structs import replace

from services.enricher.domain.discovery import (
    DISCOVER_CONTACTS,
    AccountDiscoveryRow,
    ContactLookup,
    account_to_discover,
    next_question,
)
from services.enricher.domain.found_contacts import FoundContactRow
from services.enricher.domain.record import LeadRow
from services.enricher.domain.spending import CONTACTS, SpendRow
from shared.lead.events.lead_routed import LeadRoutedV1
from shared.lead.events.lead_updated import LeadUpdatedV1
from shared.lead.events.parts import Company, Person
from shared.lead.events.registry import BY_MODEL
from shared.lead.events.schemas import EXAMPLES
from shared.lead.ids import lead_id_of
from shared.policy.compiled import CompiledCondition
from shared.rules.compile import check
from shared.rules.operators import Op
from shared.rules.syntax import Compare
from shared.worker.decision import Outcome
from shared.worker.rows import TimerRow, TombstoneRow
from tests.support.account_people import ACCOUNT, INES, TERMS, TOM, answer_of, answered
from tests.support.forms import AT

LEAD_ID = lead_id_of(f"domain:{ACCOUNT}")
INES_ID = lead_id_of(f"email:{INES.email}")
IS_TARGET = Compare("account.relation", Op.EQ, "target")


def worked_lead(**given: Any) -> LeadRoutedV1:
    """Return the event that gives the account lead to somebody who works it."""
    example = EXAMPLES / BY_MODEL[LeadRoutedV1].name / "full.json"
    read = msgspec.json.decode(example.read_bytes(), type=LeadRoutedV1)
    decision = replace(read.decision, motion="work", owner="bdr-1")
    return replace(read, **{"lead_id": LEAD_ID, "account": ACCOUNT, "decision": decision} | given)


async def discovered(enricher: Any, *people: Person, provider: str = "apollo") -> Outcome | None:
    """Have one provider name these people of the account of a worked lead."""
    await enricher.submit(None, company=Company(domain=ACCOUNT))
    enricher.discovery.account = ACCOUNT
    await enricher.receive(worked_lead())
    terms = replace(TERMS, prices={provider: 8})
    at = enricher.at + timedelta(seconds=1)
    enricher.discovery.lookups = [ContactLookup(terms, answer=answered(provider, TERMS.roles, people, at=at))]
    return await enricher.advance(timedelta(seconds=1))


class TestReason:
    def account_of(self, event: Any, **terms: Any) -> str | None:
        return account_to_discover(msgspec.json.encode(event), replace(TERMS, **terms), AT)

    def test_a_lead_that_somebody_works_is_a_reason(self):
        assert self.account_of(worked_lead()) == ACCOUNT

    @pytest.mark.parametrize("change", [{"motion": "nurture"}, {"owner": None}], ids=str)
    def test_one_that_nobody_works_is_none(self, change):
        event = worked_lead()
        assert self.account_of(replace(event, decision=replace(event.decision, **change))) is None

    def test_a_person_without_a_company_is_none(self):
        assert self.account_of(worked_lead(account=LEAD_ID)) is None

    @pytest.mark.parametrize(("relation", "account"), [("target", ACCOUNT), ("none", None)])
    def test_the_condition_decides_by_what_is_known_of_the_account(self, relation, account):
        event = worked_lead()
        brief = replace(event.brief, account=replace(event.brief.account, relation=relation))
        when = CompiledCondition(IS_TARGET, check(IS_TARGET))
        assert self.account_of(replace(event, brief=brief), when=when) == account

    def test_without_a_provider_that_finds_people_nobody_is_looked_for(self):
        assert self.account_of(worked_lead(), prices={}) is None
        assert account_to_discover(b"{}", None, AT) is None


class TestNextQuestion:
    def question(self, *steps: Any, contacts: Any = (), known: Any = (), at: Any = AT, **terms: Any) -> Any:
        row = AccountDiscoveryRow(ACCOUNT, steps=list(steps))
        return next_question(replace(TERMS, **terms), row, contacts, known, at)

    def test_one_question_is_for_all_roles_that_nobody_has(self):
        asked = self.question(known={"champion"})
        assert (asked.provider, asked.roles) == ("apollo", ("economic_buyer", "technical"))

    def test_nothing_is_asked_when_every_role_is_known(self):
        assert self.question(known=set(TERMS.roles)) is None

    def test_nothing_is_asked_that_costs_more_than_the_account_may(self):
        assert self.question(per_account_cents=5).provider == "hunter"
        assert self.question(per_account_cents=0) is None


async def test_who_is_found_is_told_with_role_vendor_and_cost_and_without_a_telephone_number(enricher):
    assert await discovered(enricher, INES, TOM) is Outcome.APPLIED
    assert enricher.discovery.asked == [ACCOUNT]
    [told] = enricher.told
    assert (told.account, told.sequence, told.enrichment.cost) == (ACCOUNT, 1, 8)
    assert [(one.name, one.title, one.role, one.known_from, one.cost) for one in told.contacts] == [
        ("Ines Moreau", "VP Finance", "economic_buyer", "apollo", 4),
        ("Tom Berg", "CTO", "technical", "apollo", 4),
    ]
    assert (told.contacts[0].email, told.contacts[1].email) == (INES.email, None)
    assert b"phone" not in msgspec.json.encode(told)
    assert [row.lead_id for row in enricher.rows.all(LeadRow)] == [LEAD_ID]
    [spend] = enricher.rows.all(SpendRow)
    assert (spend.calls, spend.matches, spend.field_cents) == (1, 1, {CONTACTS: 8})


async def test_the_timer_of_the_lead_is_not_that_of_its_account(enricher):
    await enricher.submit(None, company=Company(domain=ACCOUNT))
    enricher.discovery.account = ACCOUNT
    await enricher.receive(worked_lead())
    assert {(row.subject, row.kind) for row in enricher.rows.all(TimerRow)} == {
        (LEAD_ID, "enrich-for-seller"),
        (ACCOUNT, DISCOVER_CONTACTS),
    }
    assert await enricher.receive(worked_lead()) is Outcome.UNCHANGED


async def test_an_update_is_a_reason_to_look_for_people_but_not_for_the_seller(enricher):
    await enricher.submit(None, company=Company(domain=ACCOUNT))
    enricher.discovery.account = ACCOUNT
    routed = {name: getattr(worked_lead(), name) for name in LeadRoutedV1.__struct_fields__}
    await enricher.receive(LeadUpdatedV1(**routed, reason="news: target"))
    assert [(row.subject, row.kind) for row in enricher.rows.all(TimerRow)] == [(ACCOUNT, DISCOVER_CONTACTS)]


async def test_an_answer_leads_to_the_next_question_until_nothing_is_open(enricher):
    await enricher.submit(None, company=Company(domain=ACCOUNT))
    enricher.discovery.account = ACCOUNT
    await enricher.receive(worked_lead())
    for provider, people in (("apollo", [INES]), ("hunter", [TOM])):
        question = next_question(
            TERMS,
            enricher.rows.get(AccountDiscoveryRow, ACCOUNT) or AccountDiscoveryRow(ACCOUNT),
            enricher.rows.all(FoundContactRow),
            {"champion"},
            enricher.at,
        )
        assert question is not None
        assert question.provider == provider
        answer = answer_of(question, *people, at=enricher.at)
        enricher.discovery.lookups = [ContactLookup(TERMS, frozenset({"champion"}), answer)]
        await enricher.advance(timedelta(seconds=1))
    assert enricher.rows.get(TimerRow, ACCOUNT, "enricher", DISCOVER_CONTACTS) is None
    assert [one.known_from for one in enricher.told[0].contacts] == ["apollo", "hunter"]


async def test_a_provider_that_fails_is_asked_again_later(enricher):
    await enricher.submit(None, company=Company(domain=ACCOUNT))
    enricher.discovery.account = ACCOUNT
    await enricher.receive(worked_lead())
    at = enricher.at + timedelta(seconds=1)
    failed = answered("apollo", TERMS.roles, (), outcome="failed", at=at)
    enricher.discovery.lookups = [ContactLookup(replace(TERMS, prices={"apollo": 8}), answer=failed)]
    assert await enricher.advance(timedelta(seconds=1)) is Outcome.UNCHANGED
    assert enricher.told == []
    timer = enricher.rows.get(TimerRow, ACCOUNT, "enricher", DISCOVER_CONTACTS)
    assert timer.due_at == at + timedelta(seconds=15)


async def test_somebody_who_writes_is_a_lead_and_no_contact_any_more(enricher):
    await discovered(enricher, INES, TOM)
    await enricher.submit(INES.email)
    [told] = enricher.told
    assert (told.sequence, [one.name for one in told.contacts]) == (2, ["Tom Berg"])
    await enricher.submit(f"t.berg@{ACCOUNT}", first_name="Tom", last_name="Berg")
    assert enricher.told[0].contacts == []
    assert enricher.rows.all(FoundContactRow) == []


async def test_an_opt_out_ends_a_contact_and_keeps_the_address_from_being_found_again(enricher):
    await discovered(enricher, INES)
    assert await enricher.opt_out(INES.email) is Outcome.PARKED
    assert enricher.told[0].contacts == []
    await discovered(enricher, INES, provider="hunter")
    assert enricher.told[0].contacts == []


@pytest.mark.parametrize(
    "again", [INES, Person(first_name="Ines", last_name="Moreau", title="CFO")], ids=["same", "by name"]
)
async def test_who_was_erased_is_not_found_again(enricher, again):
    await discovered(enricher, INES)
    await enricher.erase(INES_ID)
    assert enricher.rows.all(FoundContactRow) == []
    assert len(enricher.rows.all(TombstoneRow)) == 3
    await discovered(enricher, again, provider="hunter")
    assert enricher.told[0].contacts == []


async def test_a_lead_that_was_erased_is_found_by_nobody(enricher):
    await enricher.submit(INES.email, first_name="Ines", last_name="Moreau")
    await enricher.erase(INES_ID)
    await discovered(enricher, Person(first_name="Ines", last_name="Moreau", title="CFO"))
    assert enricher.told[0].contacts == []


async def test_where_people_are_looked_for_no_more_the_timer_ends(enricher):
    await enricher.submit(None, company=Company(domain=ACCOUNT))
    enricher.discovery.account = ACCOUNT
    await enricher.receive(worked_lead())
    assert await enricher.advance(timedelta(seconds=1)) is Outcome.UNCHANGED
    assert enricher.rows.get(TimerRow, ACCOUNT, "enricher", DISCOVER_CONTACTS) is None
