"""What conditions can ask of a lead, an activity or a signal: field values by dotted name."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime
from operator import attrgetter
from typing import Any, Final

from services.scorer.domain.policy import ScoringPolicy
from shared.lead.events.account_received import AccountReceivedV1
from shared.lead.events.lead_enriched import LeadEnrichedV1
from shared.lead.events.parts import Activity
from shared.lead.events.signal_received import SignalReceivedV1
from shared.lead.fields import FactKeys
from shared.lead.normalise.spam import spam_score
from shared.lead.normalise.titles import department, seniority
from shared.rules.syntax import Facts

_Part = tuple[tuple[str, ...], Callable[[Any], tuple[Any, ...]]]


def _part(**fields: str) -> _Part:
    """Return the field for each attribute of a part, and what reads them all."""
    return tuple(fields.values()), attrgetter(*fields)


_PERSON: Final = _part(
    email=FactKeys.EMAIL,
    title=FactKeys.TITLE,
    phone=FactKeys.PHONE,
    linkedin_url=FactKeys.LINKEDIN_URL,
    country=FactKeys.PERSON_COUNTRY,
    email_kind=FactKeys.EMAIL_KIND,
    email_status=FactKeys.EMAIL_STATUS,
    seniority=FactKeys.SENIORITY,
    department=FactKeys.DEPARTMENT,
)
_COMPANY: Final = _part(
    name=FactKeys.COMPANY_NAME,
    domain=FactKeys.COMPANY_DOMAIN,
    industry=FactKeys.INDUSTRY,
    country=FactKeys.COMPANY_COUNTRY,
    parent=FactKeys.PARENT,
    employees=FactKeys.EMPLOYEES,
    revenue_usd=FactKeys.REVENUE_USD,
    funding_total_usd=FactKeys.FUNDING_TOTAL_USD,
    growth_pct=FactKeys.GROWTH_PCT,
    technologies=FactKeys.TECHNOLOGIES,
    hiring=FactKeys.HIRING,
    last_funding_at=FactKeys.LAST_FUNDING_AT,
)
_SOURCE: Final = _part(channel=FactKeys.CHANNEL, name=FactKeys.SOURCE_NAME, campaign=FactKeys.CAMPAIGN)
_CONSENT: Final = _part(marketing=FactKeys.MARKETING, opted_out=FactKeys.OPTED_OUT)


def lead_facts(
    lead: LeadEnrichedV1, known: AccountReceivedV1 | None, at: datetime, policy: ScoringPolicy
) -> dict[str, Any]:
    """Return what is known of a lead; texts, sets and times that are empty count as not known."""
    person = lead.person
    facts: dict[str, Any] = {
        FactKeys.MESSAGE: lead.message,
        FactKeys.RELATION: known.relation if known else "none",
        FactKeys.OPEN_OPPORTUNITY: known.open_opportunity if known else None,
        **_family(FactKeys.UTM, lead.source.utm),
        **_family(FactKeys.ANSWERS, lead.answers),
    }
    for part, (names, read) in (
        (person, _PERSON),
        (lead.company, _COMPANY),
        (lead.source, _SOURCE),
        (lead.consent, _CONSENT),
    ):
        facts.update(zip(names, read(part), strict=True))
    if person.email:
        facts[FactKeys.EMAIL_DOMAIN] = person.email.rpartition("@")[2]
    if person.title:
        facts[FactKeys.SENIORITY] = person.seniority or seniority(person.title)
        facts[FactKeys.DEPARTMENT] = person.department or department(person.title)
    facts = {name: value for name, value in facts.items() if value or value == 0}
    if policy.reads_spam:
        spam = spam_score(lead.message, person.first_name, person.last_name)
        facts[FactKeys.SPAM_SCORE] = spam.score
    market = next((market for market in policy.markets if market.when(facts, at)), None)
    if market is not None:
        facts[FactKeys.MARKET] = market.name
        facts[FactKeys.MARKET_VALIDATED] = market.validated
    return facts


def activity_facts(facts: Facts, activity: Activity) -> Facts:
    """Return the lead's facts with those of one activity of it."""
    own: dict[str, Any] = {FactKeys.ACTIVITY_TYPE: activity.type}
    if activity.url:
        own[FactKeys.ACTIVITY_URL] = activity.url
        own[FactKeys.ACTIVITY_PATH] = path_of(activity.url)
    if activity.details:
        own |= _family(FactKeys.ACTIVITY_DETAILS, activity.details)
    return {**facts, **own}


def signal_facts(facts: Facts, signal: SignalReceivedV1) -> Facts:
    """Return the lead's facts with those of one signal about its account."""
    own = {FactKeys.SIGNAL_TYPE: signal.type, FactKeys.SIGNAL_STRENGTH: signal.strength}
    return {**facts, **own, **_family(FactKeys.SIGNAL_DETAILS, signal.details)}


def path_of(url: str) -> str:
    """Return the path of a URL or of a path itself, `/` when it has none."""
    bare = url.partition("?")[0].partition("#")[0]
    _, scheme, rest = bare.partition("://")
    path = rest.partition("/")[2] if scheme else bare.lstrip("/")
    return f"/{path}"


def _family(stem: str, values: Mapping[str, Any]) -> dict[str, Any]:
    return {f"{stem}{name}": value for name, value in values.items()}
