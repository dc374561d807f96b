"""An account in numbers: whom we know there, how interested they are, whether it qualifies as a whole."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from heapq import nlargest
from typing import Any, Final

from msgspec.structs import replace

from services.scorer.domain.state import AccountRow, ScoreRow
from services.scorer.policy import ScoringPolicy
from shared.lead.derived import with_derived
from shared.lead.events.account_received import AccountReceivedV1
from shared.lead.events.lead_enriched import LeadEnrichedV1
from shared.lead.events.scoring import AccountView
from shared.lead.events.signal_received import SignalReceivedV1
from shared.lead.fields import FactKeys
from shared.rules.syntax import Facts

ACTIVE_MAX: Final = 50
"""So many of the people who did something last are remembered by id."""
SIGNALS_MAX: Final = 100
_DETAILS_MAX: Final = 20
_DETAIL_LENGTH_MAX: Final = 300


def knowledge_of(account: AccountRow, seeds: Mapping[str, AccountReceivedV1]) -> AccountReceivedV1 | None:
    """Return what is known of an account: what was told last, else the seed."""
    return account.knowledge or seeds.get(account.account)


def recounted(
    account: AccountRow, before: ScoreRow | None, row: ScoreRow, seen_at: datetime | None
) -> AccountRow:
    """Return the account with a scored lead counted as it is now, no longer as it was in it before.

    `seen_at` is when the person was there, if that is known by more than activities.
    """
    counted = _counted(account if before is None else _counted(account, before, -1), row, 1)
    latest = max((activity.at for activity in row.activities), default=None)
    moments = [at for at in (account.active.get(row.lead_id), latest, seen_at) if at is not None]
    if not moments or not is_person(row.lead):
        return counted
    return replace(counted, active=_latest({**account.active, row.lead_id: max(moments)}))


def without_lead(account: AccountRow, row: ScoreRow, at: datetime, policy: ScoringPolicy) -> AccountRow:
    """Return the account as if that lead had never been; so it may be qualified no more."""
    active = {lead_id: seen_at for lead_id, seen_at in account.active.items() if lead_id != row.lead_id}
    left = replace(_counted(account, row, -1), active=active)
    known = knowledge_of(left, policy.seeds)
    facts = {FactKeys.RELATION: known.relation if known else None}
    view = account_view(left, known, facts, at, policy)
    surely_not = _qualifies({**facts, **account_facts(view)}, at, policy) is False
    return replace(left, qualified=False) if surely_not else left


def with_signal(account: AccountRow, event_id: str, signal: SignalReceivedV1) -> AccountRow:
    """Return the account with one more signal, without the oldest ones beyond the bound.

    Who the signal names is left out: what happened at an account is not about a person.
    """
    signals = {**account.signals, event_id: replace(signal, person=None, details=_short(signal.details))}
    kept = nlargest(SIGNALS_MAX, signals.items(), key=lambda item: (item[1].occurred_at, item[0]))
    return replace(account, signals=dict(sorted(kept)))


def account_view(
    account: AccountRow, known: AccountReceivedV1 | None, facts: Facts, at: datetime, policy: ScoringPolicy
) -> AccountView:
    """Return the account as it is told with a lead, qualification included."""
    counts = _by_intent(account.grades)
    view = AccountView(
        relation=known.relation if known else "none",
        market=facts.get(FactKeys.MARKET),
        market_validated=facts.get(FactKeys.MARKET_VALIDATED),
        open_opportunity=known.open_opportunity if known else None,
        owner=known.owner if known else None,
        people=sum(account.grades.values()),
        high_intent_people=counts.get("1", 0),
        medium_intent_people=counts.get("2", 0),
        roles=sorted(account.roles),
        spike=_is_spike(account.active, at, policy),
        best_fit_grade=min((grade[0] for grade in account.grades), default=None),
    )
    return replace(view, qualified=_qualifies({**facts, **account_facts(view)}, at, policy) is True)


def account_facts(view: AccountView) -> dict[str, Any]:
    """Return what `qualified_when` can ask of an account, beside what is known of the lead."""
    return {
        FactKeys.PEOPLE: view.people,
        FactKeys.HIGH_INTENT_PEOPLE: view.high_intent_people,
        FactKeys.MEDIUM_INTENT_PEOPLE: view.medium_intent_people,
        FactKeys.ROLES: view.roles or None,
        FactKeys.SPIKE: view.spike,
        FactKeys.BEST_FIT_GRADE: view.best_fit_grade,
    }


def is_person(lead: LeadEnrichedV1 | None) -> bool:
    """Tell a person from an account lead, which has only a company."""
    person = lead.person if lead else None
    return bool(person and (person.email or person.phone or person.linkedin_url))


def name_key(company_key: str | None) -> str | None:
    """Return the key under which an account that is known by name only is kept."""
    return f"name:{company_key}" if company_key else None


def _counted(account: AccountRow, row: ScoreRow, by: int) -> AccountRow:
    if row.lead is None or row.score is None:
        return account
    counted = replace(account, leads=account.leads + by)
    if not is_person(row.lead):
        return counted
    role = with_derived(row.lead).person.department
    return replace(
        counted,
        grades=_count(account.grades, row.score.grade, by),
        roles=_count(account.roles, role, by) if role else account.roles,
    )


def _count(counts: dict[str, int], name: str, by: int) -> dict[str, int]:
    changed = {**counts, name: counts.get(name, 0) + by}
    return {name: count for name, count in changed.items() if count > 0}


def _by_intent(grades: dict[str, int]) -> dict[str, int]:
    """Return how many people hold each intent grade."""
    counts: dict[str, int] = {}
    for grade, count in grades.items():
        counts[grade[1:]] = counts.get(grade[1:], 0) + count
    return counts


def _latest(active: dict[str, datetime]) -> dict[str, datetime]:
    if len(active) <= ACTIVE_MAX:
        return active
    return dict(nlargest(ACTIVE_MAX, active.items(), key=lambda item: (item[1], item[0])))


def _is_spike(active: dict[str, datetime], at: datetime, policy: ScoringPolicy) -> bool:
    recent = sum(at - seen_at <= policy.spike_within for seen_at in active.values())
    return recent >= policy.spike_people > 0


def _qualifies(facts: Facts, at: datetime, policy: ScoringPolicy) -> bool | None:
    """Tell whether an account qualifies; None when that hangs on what is not known."""
    return False if policy.qualified_when is None else policy.qualified_when(facts, at)


def _short(details: dict[str, Any]) -> dict[str, Any]:
    """Return the details that a rule can ask for; long texts stay with the event."""
    short = {
        name: value
        for name, value in details.items()
        if not isinstance(value, str | list | dict) or len(str(value)) <= _DETAIL_LENGTH_MAX
    }
    return dict(list(short.items())[:_DETAILS_MAX])
