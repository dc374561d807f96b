"""The default policy as Python values, and the seeds of account knowledge."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Final

from services.scorer.domain.policy import (
    Band,
    Condition,
    Criterion,
    Disqualifier,
    Floors,
    IntentRule,
    Level,
    Market,
    ScoringPolicy,
    Segment,
    SignalRule,
)
from shared.events.account_received import AccountReceivedV1
from shared.rules.syntax import Facts

_CORE: Final = "US CA GB IE DE AT CH NL BE FR DK SE NO FI AU NZ"
_FRONTIER: Final = "BR MX IN JP SG AE"


def builtin_seeds() -> Mapping[str, AccountReceivedV1]:
    """Return what is known of accounts from the start, by domain."""
    targets = ("targetworks.example", "northpeak.example")
    competitors = ("rivalworks.example",)
    return {
        **{domain: AccountReceivedV1(domain, relation="target") for domain in targets},
        **{domain: AccountReceivedV1(domain, relation="competitor") for domain in competitors},
    }


def builtin_policy() -> ScoringPolicy:
    """Return the default policy."""
    return ScoringPolicy(
        version="builtin",
        markets=(
            Market("core", True, one_of("company.country", *_CORE.split())),
            Market("frontier", False, one_of("company.country", *_FRONTIER.split())),
        ),
        segments=(_mid_market_software(),),
        intent_rules=_intent_rules(),
        signal_rules=_signal_rules(),
        intent_cap=100,
        group_caps={"web": 40},
        fit_floors=Floors((("A", 75), ("B", 50), ("C", 25), ("D", 0))),
        intent_floors=Floors((("1", 75), ("2", 50), ("3", 25), ("4", 0))),
        hysteresis=5,
        fit_share=50,
        spike_people=3,
        spike_within=timedelta(days=14),
        qualified_when=_qualified,
        bands=(
            Band("sql", one_of("score.grade", "A1", "A2", "B1")),
            Band("mql", one_of("score.grade", "A3", "B2", "B3", "C1", "C2")),
            Band("cold"),
        ),
        bands_read=frozenset({"score.grade"}),
        ages=(("company.last_funding_at", timedelta(days=365)),),
    )


def one_of(field: str, *values: str) -> Condition:
    """Return the condition that a text is one of `values`, without case."""
    wanted = frozenset(value.casefold() for value in values)
    return lambda facts, _at: None if field not in facts else str(facts[field]).casefold() in wanted


def between(field: str, low: int, high: int = 10**15) -> Condition:
    """Return the condition that a number is in a range, both ends in."""
    return lambda facts, _at: None if field not in facts else low <= facts[field] <= high


def _mid_market_software() -> Segment:
    employees = "company.employees"
    return Segment(
        name="mid-market-software",
        disqualify=(Disqualifier("too-small", between(employees, 0, 9), (employees,)),),
        criteria=(
            Criterion(
                "size",
                (
                    Level(35, between(employees, 50, 999)),
                    Level(15, between(employees, 1000)),
                    Level(15, between(employees, 20, 49)),
                ),
                (employees,),
            ),
            Criterion(
                "industry",
                (
                    Level(
                        30,
                        one_of("company.industry", "software", "it services", "fintech", "business services"),
                    ),
                ),
                ("company.industry",),
            ),
            Criterion(
                "seniority",
                (
                    Level(15, one_of("person.seniority", "cxo", "vp", "director")),
                    Level(10, one_of("person.seniority", "manager")),
                ),
                ("person.seniority",),
            ),
            Criterion("geography", (Level(10, _in_validated_market),), ("account.market_validated",)),
            Criterion("tools", (Level(5, _uses_known_tools),), ("company.technologies",)),
            Criterion("budget", (Level(5, _has_budget),), ("company.last_funding_at", "company.revenue_usd")),
        ),
    )


def _intent_rules() -> tuple[IntentRule, ...]:
    days = timedelta(days=1)
    return (
        IntentRule("demo-request", frozenset({"demo_request"}), 90, 14 * days, max=90),
        IntentRule("contact-request", frozenset({"contact_request"}), 70, 14 * days, max=70),
        IntentRule(
            "pricing",
            frozenset({"pricing_view", "page_view"}),
            20,
            7 * days,
            max=40,
            group="web",
            when=_is_pricing,
        ),
        IntentRule("content", frozenset({"content_download", "webinar"}), 30, 10 * days, max=60),
        IntentRule("page", frozenset({"page_view"}), 2, 3 * days, max=10, group="web"),
    )


def _signal_rules() -> tuple[SignalRule, ...]:
    days = timedelta(days=1)
    return (
        SignalRule("funding", frozenset({"funding_round"}), 40, 60 * days, strong=True),
        SignalRule("executive-hire", frozenset({"executive_hire"}), 40, 60 * days, strong=True),
        SignalRule(
            "contract-expiry",
            frozenset({"contract_expiry"}),
            50,
            rises=90 * days,
            ends=30 * days,
            strong=True,
        ),
        SignalRule(
            "intent-surge",
            frozenset({"intent_surge"}),
            35,
            14 * days,
            strong=True,
            when=between("signal.strength", 60, 100),
        ),
        SignalRule("hiring", frozenset({"hiring_surge"}), 20, 45 * days),
    )


def _in_validated_market(facts: Facts, _at: datetime) -> bool | None:
    return facts.get("account.market_validated")


def _uses_known_tools(facts: Facts, _at: datetime) -> bool | None:
    technologies = facts.get("company.technologies")
    if technologies is None:
        return None
    return not {"salesforce", "hubspot", "snowflake"}.isdisjoint(map(str.casefold, technologies))


def _has_budget(facts: Facts, at: datetime) -> bool | None:
    funded_at, revenue = facts.get("company.last_funding_at"), facts.get("company.revenue_usd")
    recent = None if funded_at is None else at - funded_at <= timedelta(days=365)
    large = None if revenue is None else revenue >= 10_000_000
    if recent or large:
        return True
    return None if recent is None or large is None else False


def _is_pricing(facts: Facts, _at: datetime) -> bool | None:
    if facts["activity.type"] == "pricing_view":
        return True
    path = facts.get("activity.path")
    return None if path is None else path.casefold().startswith("/pricing")


def _qualified(facts: Facts, _at: datetime) -> bool | None:
    return (
        facts.get("account.best_fit_grade") in ("A", "B")
        and (facts["account.high_intent_people"] >= 1 or facts["account.medium_intent_people"] >= 3)
        and (facts["account.people"] >= 2 or facts["account.spike"])
    )
