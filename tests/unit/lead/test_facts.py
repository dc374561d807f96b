"""`facts_of`: one reading of a lead for every role, of exactly the fields that a policy asks for."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from services.enricher.domain.record import LeadRow
from shared.lead.derived import with_derived
from shared.lead.events.account_received import AccountReceivedV1
from shared.lead.events.parts import Company, Person
from shared.lead.facts import ActiveOwner, fact_readers, facts_of, owner_facts
from shared.lead.fields import Known, Scope, all_fields, field_named
from tests.support.enriched_leads import enriched_lead
from tests.support.scored_leads import scored_lead

LEAD_FIELDS = [
    field.name for field in all_fields() if field.known & Known.LEAD and not field.name.endswith(".*")
]
ROUTING_FIELDS = [
    field.name for field in all_fields() if field.known & Scope.ROUTING and not field.name.endswith(".*")
]


def facts(lead: Any, *fields: str, account: object | None = None) -> dict[str, Any]:
    return facts_of(lead, account, fact_readers(fields, Known.LEAD))


def test_only_the_fields_that_are_asked_for_are_read() -> None:
    assert facts(enriched_lead()) == {}
    assert facts(enriched_lead(), "company.domain") == {"company.domain": "kestrel.example"}


def test_what_a_form_left_empty_is_missing_but_zero_and_false_are_known() -> None:
    lead = enriched_lead(message="", answers={"team": "", "tools": []}, company=Company(name="", employees=0))
    asked = ("message", "answers.team", "answers.tools", "company.name", "company.technologies")
    assert facts(lead, *asked, "company.employees", "consent.opted_out", "spam_score") == {
        "company.employees": 0,
        "consent.opted_out": False,
        "spam_score": 0,
    }


def test_families_are_read_by_the_rest_of_the_name() -> None:
    lead = enriched_lead(answers={"team.size": 5})
    assert facts(lead, "answers.team.size", "answers.other") == {"answers.team.size": 5}
    lead = replace(lead, source=replace(lead.source, utm={"medium": "cpc"}))
    assert facts(lead, "source.utm.medium") == {"source.utm.medium": "cpc"}


@pytest.mark.parametrize(
    ("account", "expected"),
    [
        (None, {"account.relation": "none"}),
        (
            AccountReceivedV1("kestrel.example", relation="customer", open_opportunity=True),
            {"account.relation": "customer", "account.open_opportunity": True},
        ),
        (
            AccountReceivedV1("kestrel.example"),
            {"account.relation": "none", "account.open_opportunity": False},
        ),
    ],
)
def test_account_fields_are_those_of_the_account_that_is_given(account, expected) -> None:
    asked = ("account.relation", "account.open_opportunity")
    assert facts(enriched_lead(), *asked, account=account) == expected


def test_fields_that_are_not_known_yet_are_not_read() -> None:
    """The enricher and the scorer pass conditions that also ask for the score, the account and the owner."""
    later = (
        "score.total",
        "account.people",
        "owner.active",
        "trigger.kind",
        "activity.type",
        "no.such.field",
    )
    assert facts(enriched_lead(), *later) == {}


def test_a_scored_lead_has_its_grades_apart() -> None:
    lead = scored_lead(grade="B3")
    asked = fact_readers(
        ["score.grade", "score.fit_grade", "score.intent_grade", "lead.revision"], Scope.ROUTING
    )
    assert facts_of(lead, lead.account_view, asked) == {
        "score.grade": "B3",
        "score.fit_grade": "B",
        "score.intent_grade": 3,
        "lead.revision": 1,
    }


def test_the_owner_is_given_not_read() -> None:
    readers = fact_readers(ROUTING_FIELDS, Scope.ROUTING)
    lead = scored_lead()
    owned = facts_of(lead, lead.account_view, readers, ActiveOwner("sdr", accepted=True))
    assert (owned["owner.active"], owned["owner.queue"], owned["owner.accepted"]) == (True, "sdr", True)
    assert not [name for name in facts_of(lead, lead.account_view, readers) if name.startswith("owner.")]
    assert owner_facts(None) == {"owner.active": False, "owner.accepted": False}


def test_every_role_reads_the_same_facts_of_the_same_lead() -> None:
    """The enricher's row, the enriched event and the scored event differ in what they have beyond the lead."""
    scored = scored_lead(employees=420, answers={"team_size": 5})
    row = LeadRow(
        lead_id=scored.lead_id,
        person=scored.person,
        company=scored.company,
        source=scored.source,
        message=scored.message,
        answers=scored.answers,
        consent=scored.consent,
        derived=scored.derived,
    )
    readers = fact_readers([*LEAD_FIELDS, "answers.team_size"], Known.LEAD)
    assert facts_of(row, scored.account_view, readers) == facts_of(scored, scored.account_view, readers)


texts = st.none() | st.text(max_size=40)
people = st.builds(
    Person,
    email=st.sampled_from([None, "ana@kestrel.example", "ana+news@gmail.com", "info@kestrel.example"]),
    first_name=texts,
    last_name=texts,
    title=st.sampled_from([None, "CFO", "VP Sales", "Werkstudent", "???"]) | texts,
    seniority=st.sampled_from([None, "manager"]),
)


@given(people, st.builds(Company, name=texts, employees=st.none() | st.integers(0, 10**6)), texts)
def test_a_lead_without_derived_fields_gives_the_same_facts_as_one_with_them(
    person, company, message
) -> None:
    """Events and rows from before the fields existed are read as if they had them."""
    lead = replace(enriched_lead(), person=person, company=company, message=message)
    old = replace(lead, derived=None)
    readers = fact_readers(LEAD_FIELDS, Known.LEAD)
    read = facts_of(old, None, readers)
    assert read == facts_of(with_derived(old), None, readers)
    for name in read:
        field = field_named(name)
        assert field is not None
        assert field.known & Known.LEAD
