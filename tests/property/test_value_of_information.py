"""What may become of a lead: if it is said to be settled, then nothing that could be billed changes it."""

from __future__ import annotations

from datetime import timedelta
from functools import cache

from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from services.enricher.domain.account_context import AccountContext
from services.enricher.domain.record import LeadRow
from services.enricher.domain.value_of_information import OutcomeModel
from shared.lead.events.parts import Activity, Company, Person
from shared.lead.events.signal_received import SignalReceivedV1
from shared.lead.facts import ActiveOwner
from shared.lead.normalise.titles import seniority
from tests.support.forms import AT
from tests.support.scoring_policies import compiled_with
from tests.support.waterfall import default_policy

VALUES = {
    "company.employees": st.sampled_from([4, 15, 30, 300, 999, 1_000, 8_000]),
    "company.industry": st.sampled_from(["software", "Fintech", "restaurants"]),
    "company.country": st.sampled_from(["US", "BR", "PL"]),
    "company.revenue_usd": st.sampled_from([1, 9_999_999, 10_000_000]),
    "company.technologies": st.sampled_from([["sap"], ["SAP", "Salesforce"]]),
    "company.last_funding_at": st.sampled_from([AT - timedelta(days=days) for days in (10, 364, 366)]),
    "person.title": st.sampled_from(["CFO", "Sales Manager", "Clerk", "Wizard"]),
}
facts = st.fixed_dictionaries({}, optional=VALUES)
activities = st.lists(
    st.builds(
        Activity,
        type=st.sampled_from(["demo_request", "pricing_view", "content_download", "page_view"]),
        at=st.integers(0, 40).map(lambda days: AT - timedelta(days=days)),
    ),
    max_size=4,
)
signals = st.builds(
    SignalReceivedV1,
    type=st.sampled_from(["funding_round", "hiring_surge", "intent_surge"]),
    occurred_at=st.integers(0, 90).map(lambda days: AT - timedelta(days=days)),
    strength=st.sampled_from([50, 80]),
)
standings = st.builds(
    AccountContext,
    relation=st.sampled_from(["none", "target", "partner", "customer", "competitor"]),
    owners=st.sampled_from(
        [(None,), (ActiveOwner("sdr"),), (None, ActiveOwner("senior-ae")), (ActiveOwner("bdr", True),)]
    ),
    signals=st.lists(signals, max_size=2).map(tuple),
    grades_before=st.sampled_from([None, "A1", "B2", "C3", "D4"]),
)


@cache
def outcome_model() -> OutcomeModel:
    return OutcomeModel(default_policy())


def lead_of(known, done) -> LeadRow:
    company = {name[8:]: value for name, value in known.items() if name.startswith("company")}
    title = known.get("person.title")
    person = Person(email="a@x.example", email_kind="work", title=title, seniority=seniority(title))
    return LeadRow("lead", account="x.example", person=person, company=Company(**company), activities=done)


@settings(max_examples=150)
@given(known=facts, more=facts, done=activities, context=standings)
def test_what_is_settled_ends_the_same_whatever_is_bought(known, more, done, context):
    before, after = lead_of(known, done), lead_of({**more, **known}, done)
    buyable = [name for name in VALUES if name not in known]
    bounds = outcome_model().lead_outcomes(before, context, buyable, AT).possible()
    ends = outcome_model().lead_outcomes(after, context, (), AT).possible()
    assert ends <= bounds
    if (
        outcome_model().lead_outcomes(before, context, buyable, AT).is_settled()
        and context.relation != "competitor"
    ):
        for owner in context.owners:
            case = replace(context, owners=(owner,))
            assert (
                outcome_model().lead_outcomes(before, case, (), AT).possible()
                == outcome_model().lead_outcomes(after, case, (), AT).possible()
            )


@settings(max_examples=50)
@given(known=facts, done=activities, context=standings, learnt=st.sets(st.sampled_from(sorted(VALUES))))
def test_what_is_settled_stays_so_whatever_is_learnt(known, done, context, learnt):
    lead, buyable = lead_of(known, done), [name for name in VALUES if name not in known]
    chance = outcome_model().lead_outcomes(lead, context, buyable, AT).chance(sorted(learnt - known.keys()))
    assert 0 <= chance <= 1
    if outcome_model().lead_outcomes(lead, context, buyable, AT).is_settled():
        assert chance > 0


def test_the_size_of_a_company_says_more_than_its_revenue():
    lead, context = lead_of({"company.country": "US"}, [Activity("demo_request", AT)]), AccountContext()
    buyable = [name for name in VALUES if name != "company.country"]
    size, revenue = (
        outcome_model().lead_outcomes(lead, context, buyable, AT).chance([name])
        for name in ("company.employees", "company.revenue_usd")
    )
    assert size > revenue == 0


def test_the_last_field_that_matters_settles_a_lead():
    known = {"company.country": "US", "company.employees": 300, "company.industry": "restaurants"}
    lead = lead_of(known, [Activity("demo_request", AT)])
    assert not outcome_model().lead_outcomes(lead, AccountContext(), ["person.title"], AT).is_settled()
    assert (
        outcome_model().lead_outcomes(lead, AccountContext(), ["person.title"], AT).chance(["person.title"])
        == 1
    )


def test_nothing_is_bought_for_one_who_is_suppressed():
    demo = [Activity("demo_request", AT)]
    assert (
        outcome_model()
        .lead_outcomes(lead_of({}, demo), AccountContext(relation="competitor"), VALUES, AT)
        .is_settled()
    )
    assert not outcome_model().lead_outcomes(lead_of({}, demo), AccountContext(), VALUES, AT).is_settled()


def test_what_no_rule_asks_for_does_not_matter():
    assert not outcome_model().is_relevant("person.email_status")
    assert outcome_model().is_relevant("person.title")
    assert outcome_model().is_relevant("company.country")


def test_what_holds_of_a_first_form_need_not_hold_of_the_next():
    first = "  - {name: new-market,"
    back = (
        "  - name: back\n"
        "    when: {all: [{field: lead.revision, gte: 2}, {field: company.revenue_usd, gte: 5}]}\n"
        "    queue: bdr\n"
    )
    returning = OutcomeModel(compiled_with(routing=(first, back + first)))
    lead = lead_of({"company.country": "PL", "company.employees": 4, "person.title": "Clerk"}, [])
    assert returning.lead_outcomes(lead, AccountContext(), ["company.revenue_usd"], AT).is_settled()
    again = replace(lead, revision=1)
    assert not returning.lead_outcomes(again, AccountContext(), ["company.revenue_usd"], AT).is_settled()
