"""What is stored and counted of an account: people, grades, roles, signals, and whether it qualifies."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from heapq import nlargest
from typing import Any, Final

from msgspec.structs import replace

from services.scorer.domain.account_names import without_company
from services.scorer.domain.state import AccountRow, ScoreRow
from services.scorer.policy import ScoringPolicy
from shared.lead.derived import with_derived
from shared.lead.events.account_received import AccountReceivedV1
from shared.lead.events.lead_enriched import LeadEnrichedV1
from shared.lead.events.scoring import AccountView
from shared.lead.fields import FactKeys
from shared.rules.syntax import Facts

ACTIVE_MAX: Final = 50
"""The people whose last activity is kept, at most; the most recently active ones."""


def account_data_of(account: AccountRow, seeds: Mapping[str, AccountReceivedV1]) -> AccountReceivedV1 | None:
    """Return what is known of an account: what was received last, else what the policy's files say."""
    return account.knowledge or seeds.get(account.account)


def with_lead(
    account: AccountRow, before: ScoreRow | None, row: ScoreRow, seen_at: datetime | None
) -> AccountRow:
    """Return the account with a scored lead counted as `row` instead of as `before`.

    `seen_at` is when the person was last active, if that is known by more than activities.
    """
    counted = _add_to_counts(account if before is None else _add_to_counts(account, before, -1), row, 1)
    latest = max((activity.at for activity in row.activities), default=None)
    # Only people count as active: an account lead has no contact, and a spike needs several people.
    times = [at for at in (account.active.get(row.lead_id), latest, seen_at) if at is not None]
    if not times or not has_contact(row.lead):
        return counted
    active = {**account.active, row.lead_id: max(times)}
    if len(active) > ACTIVE_MAX:
        active = dict(nlargest(ACTIVE_MAX, active.items(), key=lambda item: (item[1], item[0])))
    return replace(counted, active=active)


def without_lead(account: AccountRow, row: ScoreRow, at: datetime, policy: ScoringPolicy) -> AccountRow:
    """Return the account without a lead. Its qualification ends if it certainly does not hold any more."""
    active = {lead_id: seen_at for lead_id, seen_at in account.active.items() if lead_id != row.lead_id}
    remaining = replace(_add_to_counts(without_company(account, row.lead_id), row, -1), active=active)
    data = account_data_of(remaining, policy.seeds)
    facts = {FactKeys.RELATION: data.relation if data else None}
    view = account_view(remaining, data, facts, at, policy)
    certainly_not = _qualifies({**facts, **account_facts(view)}, at, policy) is False
    return replace(remaining, qualified=False) if certainly_not else remaining


def account_view(
    account: AccountRow, data: AccountReceivedV1 | None, facts: Facts, at: datetime, policy: ScoringPolicy
) -> AccountView:
    """Return the account as it is emitted with a lead that has these facts, qualification included."""
    people_by_intent: dict[str, int] = {}
    for grade, count in account.grades.items():
        people_by_intent[grade[1:]] = people_by_intent.get(grade[1:], 0) + count
    recent = sum(at - seen_at <= policy.spike_within for seen_at in account.active.values())
    view = AccountView(
        relation=data.relation if data else "none",
        market=facts.get(FactKeys.MARKET),
        market_validated=facts.get(FactKeys.MARKET_VALIDATED),
        open_opportunity=data.open_opportunity if data else None,
        owner=data.owner if data else None,
        people=sum(account.grades.values()),
        high_intent_people=people_by_intent.get("1", 0),
        medium_intent_people=people_by_intent.get("2", 0),
        roles=sorted(account.roles),
        spike=recent >= policy.spike_people > 0,
        best_fit_grade=min((grade[0] for grade in account.grades), default=None),
    )
    return replace(view, qualified=_qualifies({**facts, **account_facts(view)}, at, policy) is True)


def account_facts(view: AccountView) -> dict[str, Any]:
    """Return the facts about an account that `qualified_when` can ask for, beside those about the lead."""
    return {
        FactKeys.PEOPLE: view.people,
        FactKeys.HIGH_INTENT_PEOPLE: view.high_intent_people,
        FactKeys.MEDIUM_INTENT_PEOPLE: view.medium_intent_people,
        FactKeys.ROLES: view.roles or None,
        FactKeys.SPIKE: view.spike,
        FactKeys.BEST_FIT_GRADE: view.best_fit_grade,
    }


def has_contact(lead: LeadEnrichedV1 | None) -> bool:
    """Tell a person, who can be reached, from an account lead, which has only a company."""
    person = lead.person if lead else None
    return bool(person and (person.email or person.phone or person.linkedin_url))


def _add_to_counts(account: AccountRow, row: ScoreRow, by: int) -> AccountRow:
    """Return the account with a lead counted in (`by` is 1) or out (-1); an unscored one is in no count."""
    if row.lead is None or row.score is None:
        return account
    counted = replace(account, leads=account.leads + by)
    if not has_contact(row.lead):
        return counted
    role = with_derived(row.lead).person.department
    return replace(
        counted,
        grades=_add(account.grades, row.score.grade, by),
        roles=_add(account.roles, role, by) if role else account.roles,
    )


def _add(counts: dict[str, int], name: str, by: int) -> dict[str, int]:
    changed = {**counts, name: counts.get(name, 0) + by}
    return {name: count for name, count in changed.items() if count > 0}


def _qualifies(facts: Facts, at: datetime, policy: ScoringPolicy) -> bool | None:
    """Return whether an account qualifies, `None` when that depends on a missing fact."""
    return False if policy.qualified_when is None else policy.qualified_when(facts, at)
