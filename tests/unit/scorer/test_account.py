"""The account in numbers: people, spikes, roles, what is bounded."""

from __future__ import annotations

from datetime import datetime, timedelta

from msgspec.structs import replace

from services.scorer.domain.account import (
    ACTIVE_MAX,
    account_view,
    with_lead,
    without_lead,
)
from services.scorer.domain.activities import ACTIVITIES_MAX, merge_activities
from services.scorer.domain.state import AccountRow, ScoreRow
from services.scorer.policy import scoring_policy
from shared.lead.events.account_received import AccountReceivedV1
from shared.lead.events.parts import Person
from shared.lead.events.scoring import AccountView, Score
from tests.support.enriched_leads import AT, DAY, did, enriched_lead, lead_id
from tests.support.scoring_policies import compiled_with, default_scoring

POLICY = default_scoring()


def row(name: str, grade: str = "A4", *, title: str = "CFO", active_ago: timedelta | None = None) -> ScoreRow:
    return ScoreRow(
        lead_id(name),
        "kestrel.example",
        lead=enriched_lead(name, title=title),
        activities=[] if active_ago is None else [did("call", active_ago)],
        score=Score(0, 0, 0, grade, "cold", None, []),
    )


def account_with(*rows: ScoreRow, seen_at: datetime | None = None) -> AccountRow:
    account = AccountRow("kestrel.example")
    for counted in rows:
        account = with_lead(account, None, counted, seen_at)
    return account


def view(account: AccountRow) -> AccountView:
    return account_view(account, None, {}, AT, POLICY)


def test_people_are_counted_by_grade_and_role() -> None:
    counted = view(account_with(row("ana", "A1"), row("bob", "C2", title="Head of IT"), row("cyd", "B2")))
    assert (counted.people, counted.high_intent_people, counted.medium_intent_people) == (3, 1, 2)
    assert (counted.best_fit_grade, counted.roles) == ("A", ["finance", "it"])
    assert counted.qualified


def test_one_person_does_not_qualify_an_account() -> None:
    assert not view(account_with(row("ana", "A1"))).qualified


def test_a_person_who_is_scored_again_is_counted_once() -> None:
    first, later = row("ana", "A1"), row("ana", "A2")
    account = with_lead(account_with(first, row("bob")), first, later, None)
    assert account.grades == {"A2": 1, "A4": 1}
    assert without_lead(account, later, AT, POLICY).grades == {"A4": 1}
    assert without_lead(account, later, AT, POLICY).leads == 1


def test_an_account_lead_is_no_person() -> None:
    company_only = replace(row("ana"), lead=enriched_lead(person=Person()))
    account = account_with(company_only, seen_at=AT)
    assert (account.leads, view(account).people, account.active) == (1, 0, {})


def test_three_active_people_are_a_spike_for_as_long_as_they_are_recent() -> None:
    spread = account_with(*(row(name, active_ago=14 * DAY) for name in ("ana", "bob", "cyd")))
    assert view(spread).spike
    assert not account_view(spread, None, {}, AT + timedelta(seconds=1), POLICY).spike
    assert not view(account_with(row("ana", active_ago=DAY), row("bob", active_ago=DAY))).spike


def test_only_the_latest_active_people_are_remembered() -> None:
    people = [row(str(number), active_ago=number * DAY) for number in range(ACTIVE_MAX + 5)]
    active = account_with(*people).active
    assert len(active) == ACTIVE_MAX
    assert max(active.values()) == AT


def test_activities_are_kept_once_in_order_and_bounded() -> None:
    call, view_ = did("call", DAY), did("page_view", 2 * DAY, details={"page": "/a"})
    assert merge_activities([call], [view_, call, view_]) == [view_, call]
    many = [did("call", timedelta(minutes=place)) for place in range(ACTIVITIES_MAX + 9)]
    assert merge_activities([], many)[0] == many[ACTIVITIES_MAX - 1]


def test_an_account_whose_people_leave_is_qualified_no_more() -> None:
    ana, bob, cyd = row("ana", "A1"), row("bob"), row("cyd")
    account = replace(account_with(ana, bob, cyd), qualified=True)
    assert without_lead(account, cyd, AT, POLICY).qualified
    assert not without_lead(account, ana, AT, POLICY).qualified


def test_an_account_of_another_relation_is_qualified_no_more_when_a_lead_leaves() -> None:
    """What is known of the account counts, beside its people."""
    fit = "{field: account.best_fit_grade, in: [A, B]}"
    policy = scoring_policy(compiled_with(scoring=(fit, "{field: account.relation, eq: target}")))
    ana, bob, cyd = row("ana", "A1"), row("bob"), row("cyd")
    account = replace(account_with(ana, bob, cyd), qualified=True)
    customer = replace(account, knowledge=AccountReceivedV1("kestrel.example", relation="customer"))
    target = replace(account, knowledge=AccountReceivedV1("kestrel.example", relation="target"))
    assert not without_lead(customer, cyd, AT, policy).qualified
    assert without_lead(target, cyd, AT, policy).qualified


def test_an_account_may_qualify_by_the_age_of_a_fact_at_the_instant_of_the_view() -> None:
    fit = "{field: account.best_fit_grade, in: [A, B]}"
    recent = "{field: company.last_funding_at, within: 30d}"
    policy = scoring_policy(compiled_with(scoring=(fit, recent)))
    account = account_with(row("ana", "A1"), row("bob"))
    facts = {"company.last_funding_at": AT}
    assert account_view(account, None, facts, AT + 30 * DAY, policy).qualified
    assert not account_view(account, None, facts, AT + 31 * DAY, policy).qualified
