"""What conditions can ask of a lead, an activity or a signal: field values by dotted name."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any, Final

from services.scorer.domain.policy import ScoringPolicy
from shared.events.account_received import AccountReceivedV1
from shared.events.lead_enriched import LeadEnrichedV1
from shared.events.parts import Activity
from shared.events.signal_received import SignalReceivedV1
from shared.facts import department, seniority, spam_score
from shared.rules.syntax import Facts

_PERSON: Final = tuple(
    (name, f"person.{name}")
    for name in (
        "email",
        "title",
        "phone",
        "linkedin_url",
        "country",
        "email_kind",
        "email_status",
        "seniority",
        "department",
    )
)
_COMPANY: Final = tuple(
    (name, f"company.{name}")
    for name in (
        "name",
        "domain",
        "industry",
        "country",
        "parent",
        "employees",
        "revenue_usd",
        "funding_total_usd",
        "growth_pct",
        "technologies",
        "hiring",
        "last_funding_at",
    )
)


def lead_facts(
    lead: LeadEnrichedV1, known: AccountReceivedV1 | None, at: datetime, policy: ScoringPolicy
) -> dict[str, Any]:
    """Return what is known of a lead; texts, sets and times that are empty count as not known."""
    facts: dict[str, Any] = {}
    person, company, source, consent = lead.person, lead.company, lead.source, lead.consent
    if policy.reads_spam:
        facts["spam_score"] = spam_score(lead.message, person.first_name, person.last_name).score
    _take(facts, person, _PERSON)
    _take(facts, company, _COMPANY)
    if person.email:
        facts["person.email_domain"] = person.email.rpartition("@")[2]
    if person.title:
        facts.setdefault("person.seniority", seniority(person.title))
        facts.setdefault("person.department", department(person.title))
    facts["source.channel"] = source.channel
    facts["source.name"] = source.name
    facts["source.campaign"] = source.campaign
    for name, text in source.utm.items():
        facts[f"source.utm.{name}"] = text
    facts["message"] = lead.message
    for name, answer in lead.answers.items():
        facts[f"answers.{name}"] = answer
    facts["consent.marketing"] = consent.marketing
    facts["consent.opted_out"] = consent.opted_out
    facts["account.relation"] = known.relation if known else "none"
    facts["account.open_opportunity"] = known.open_opportunity if known else None
    facts = {name: value for name, value in facts.items() if value is not None}
    market = next((market for market in policy.markets if market.when(facts, at)), None)
    if market is not None:
        facts["account.market"] = market.name
        facts["account.market_validated"] = market.validated
    return facts


def activity_facts(facts: Facts, activity: Activity) -> Facts:
    """Return the lead's facts with those of one activity of it."""
    own: dict[str, Any] = {"activity.type": activity.type}
    if activity.url:
        own["activity.url"] = activity.url
        own["activity.path"] = path_of(activity.url)
    return {**facts, **own, **_details("activity", activity.details)}


def signal_facts(facts: Facts, signal: SignalReceivedV1) -> Facts:
    """Return the lead's facts with those of one signal about its account."""
    own: dict[str, Any] = {"signal.type": signal.type}
    if signal.strength is not None:
        own["signal.strength"] = signal.strength
    return {**facts, **own, **_details("signal", signal.details)}


def path_of(url: str) -> str:
    """Return the path of a URL or of a path itself, `/` when it has none."""
    bare = url.partition("?")[0].partition("#")[0]
    _, scheme, rest = bare.partition("://")
    path = rest.partition("/")[2] if scheme else bare.lstrip("/")
    return f"/{path}"


def _take(facts: dict[str, Any], part: object, names: tuple[tuple[str, str], ...]) -> None:
    for name, field in names:
        value = getattr(part, name)
        if value is not None and value not in ("", []):
            facts[field] = value


def _details(prefix: str, details: Mapping[str, Any]) -> dict[str, Any]:
    return {f"{prefix}.details.{name}": value for name, value in details.items() if value is not None}
