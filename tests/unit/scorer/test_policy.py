"""The scoring policy of the policy files, and that the facts of a lead are the fields a condition may name."""

from __future__ import annotations

from dataclasses import replace as with_fields
from datetime import datetime, timedelta
from typing import Any

import pytest
from msgspec.structs import replace

from services.scorer.domain.account import account_data_of, account_facts, account_view
from services.scorer.domain.next_change import next_change_at
from services.scorer.domain.score import ScoringSubject, compute_score
from services.scorer.domain.state import AccountRow
from services.scorer.policy import ScoringPolicy, scoring_policy
from shared.lead.events.account_received import AccountReceivedV1
from shared.lead.events.parts import Consent, Origin
from shared.lead.events.scoring import AccountView
from shared.lead.facts import activity_facts, fact_readers, signal_facts
from shared.lead.fields import Kind, Known, all_fields, field_named
from shared.policy.compiled import compiled
from shared.policy.per_version import PerVersion
from tests.support.enriched_leads import AT, DAY, FITTING, did, enriched_lead, signal
from tests.support.scoring_policies import compiled_with, default_compiled, default_scoring

TYPES: dict[Kind, type] = {
    Kind.TEXT: str,
    Kind.WORD: str,
    Kind.COUNTRY: str,
    Kind.INTEGER: int,
    Kind.BOOLEAN: bool,
    Kind.SET: list,
    Kind.TIME: datetime,
    Kind.OPEN: object,
}


def policy_with(**changes: tuple[str, str]) -> ScoringPolicy:
    return scoring_policy(compiled_with(**changes))


def full_facts() -> dict[str, Any]:
    """Everything that can be known of a lead, of an activity, of a signal and of the account."""
    company = replace(
        FITTING, parent="Kestrel", funding_total_usd=5, growth_pct=-3, hiring=["sales"], last_funding_at=AT
    )
    lead = enriched_lead(
        company=company,
        source=Origin(channel="website", name="demo form", campaign="spring", utm={"source": "news"}),
        message="FREE SEO BACKLINKS",
        answers={"team_size": "50", "tools": ["crm"]},
        consent=Consent(marketing=False, opted_out=False),
    )
    person = replace(
        lead.person,
        email_status="verified",
        phone="+4915112345678",
        linkedin_url="https://linkedin.example/ana",
        country="DE",
    )
    known = AccountReceivedV1("kestrel.example", relation="customer", open_opportunity=True)
    activity, news = (
        did("page_view", url="/a", details={"page": 3}),
        signal(strength=80, details={"round": "a"}),
    )
    subject = ScoringSubject(replace(lead, person=person), [did("demo_request")], [signal()], known)
    names = [field.name for field in all_fields() if not field.family]
    every_field = fact_readers([*names, "answers.team_size", "source.utm.source"], Known.LEAD)
    view = AccountView(people=2, roles=["it"], best_fit_grade="A")
    return {
        **compute_score(subject, AT, with_fields(default_scoring(), fact_readers=every_field)).facts,
        **activity_facts({}, activity),
        **signal_facts({}, news),
        **account_facts(view),
    }


def test_every_fact_is_a_registered_field_of_its_declared_type() -> None:
    facts = full_facts()
    names = {
        field.name
        for field in all_fields()
        if not field.family and field.known not in {Known.FORM, Known.ROUTING}
    }
    assert names <= facts.keys()
    for name, fact in facts.items():
        field = field_named(name)
        assert field is not None, name
        assert isinstance(fact, TYPES[field.kind]), name
        if field.kind is Kind.WORD:
            assert fact in field.words


def test_a_scoring_policy_is_compiled_once_per_version_of_the_policy() -> None:
    active = default_compiled()
    policies = PerVersion(lambda: active, scoring_policy)
    first = policies.current
    assert first.version == active.version
    assert policies.current is first
    active = compiled_with(scoring=("hysteresis: 5", "hysteresis: 4"))
    assert policies.current.version == active.version != first.version
    assert policies.current.hysteresis == 4


def test_a_change_of_the_accounts_file_applies_at_once_and_keeps_the_version() -> None:
    active = default_compiled()
    policies = PerVersion(lambda: active, scoring_policy)
    assert policies.current.seeds["rivalworks.example"].relation == "competitor"
    active = compiled_with(accounts=("customer: []", "customer: [www.kestrel.example, gmail.com]"))
    assert active.version == default_compiled().version
    assert policies.current.seeds["kestrel.example"].relation == "customer"
    assert "" not in policies.current.seeds


def test_a_received_account_wins_over_the_policy_files() -> None:
    seeds = default_scoring().seeds
    received = AccountReceivedV1("targetworks.example", relation="none")
    for row, relation in (
        (AccountRow("targetworks.example"), "target"),
        (AccountRow("targetworks.example", knowledge=received), "none"),
    ):
        known = account_data_of(row, seeds)
        assert known is not None
        assert known.relation == relation
    assert account_data_of(AccountRow("kestrel.example"), seeds) is None


@pytest.mark.parametrize(
    ("condition", "of_lead", "points"),
    [
        ("{field: activity.details.page, eq: 3}", False, 20),
        ("{all: [{field: activity.details.page, eq: 3}, {field: company.employees, gte: 100}]}", True, 20),
        ("{field: company.employees, lt: 100}", True, 0),
        ("{field: company.revenue_usd, missing: true}", True, 0),
    ],
)
def test_a_rule_of_intent_may_ask_about_the_lead(condition: str, of_lead: bool, points: int) -> None:
    old = "{any: [{field: activity.type, eq: pricing_view}, {field: activity.path, starts_with: /pricing}]}"
    policy = policy_with(scoring=(old, condition))
    assert policy.intent_on["page_view"].reads_lead is of_lead
    score = compute_score(
        ScoringSubject(enriched_lead(), [did("page_view", details={"page": 3})]), AT, policy
    ).score
    assert score.intent == points + 2


def test_a_condition_on_an_age_changes_its_verdict_when_the_age_is_reached() -> None:
    """Of a time that a form gave, of one that lies ahead, and of a detail of an activity."""
    grade = "- {band: sql, when: {field: score.grade, in: [A1, A2, B1]}}\n"
    renewal = "- {band: sql, when: {field: answers.renewal, within: 10d}}\n"
    policy = policy_with(scoring=(grade, renewal))
    for renewed_at, due_at in (
        (AT - 4 * DAY, AT + 6 * DAY + timedelta(microseconds=1)),
        (AT + 4 * DAY, AT + 4 * DAY),
    ):
        subject = ScoringSubject(enriched_lead(answers={"renewal": renewed_at.isoformat()}), [])
        assert next_change_at(subject, compute_score(subject, AT, policy), AT, policy) == due_at
    call = "- {name: call, on: call, when: {field: activity.details.until, within: 2d}, points: 90, half_life: 900d}\n"
    policy = policy_with(scoring=("- {name: demo-request", f"{call}    - {{name: demo-request"))
    subject = ScoringSubject(enriched_lead(), [did("call", details={"until": AT.isoformat()})])
    now = compute_score(subject, AT, policy)
    assert now.intent_grade == "1"
    assert next_change_at(subject, now, AT, policy) == AT + 2 * DAY + timedelta(microseconds=1)


def test_an_account_qualifies_only_by_a_condition() -> None:
    policy = default_compiled().policy
    accounts = policy.scoring.accounts.model_copy(update={"qualified_when": None})
    scoring = policy.scoring.model_copy(update={"accounts": accounts})
    without = scoring_policy(compiled(policy.model_copy(update={"scoring": scoring})))
    account = AccountRow("kestrel.example", grades={"A1": 2})
    assert account_view(account, None, {}, AT, default_scoring()).qualified
    assert not account_view(account, None, {}, AT, without).qualified
