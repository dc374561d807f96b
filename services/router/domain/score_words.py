"""Lines of a score in words for a seller: `Size: 420 employees (+35)`."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from datetime import date, datetime
from typing import Any, Final

from services.router.domain.day_words import day, day_of_year
from services.router.domain.signal_words import money_words, signal_content
from shared.lead.events.lead_scored import LeadScoredV1
from shared.lead.events.scoring import ScoreLine

CAP: Final = "cap"
"""The fact of a line that takes points away because a rule, a group or the intent gives no more."""
_LINES_MAX: Final = 6
_ITEMS_MAX: Final = 5
_FIELD = re.compile(
    r"\b(?:person|company|account|source|consent|activity|signals?|score|owner|lead|answers)(?:\.\w+)+"
)
_TYPE_AND_DAY = re.compile(r"(\w+) on (\d{4}-\d\d-\d\d)")
_SENIORITIES: Final = {"cxo": "C-level", "vp": "vice president"}
_FACTS: Final[Mapping[str, Callable[[Any], str]]] = {
    "company.employees": lambda count: f"{count:,} employees",
    "company.revenue_usd": lambda amount: f"revenue {money_words(amount, 'USD')}",
    "company.funding_total_usd": lambda amount: f"funding {money_words(amount, 'USD')}",
    "company.growth_pct": lambda percent: f"growth {percent} %",
    "company.technologies": lambda names: f"uses {', '.join(names[:_ITEMS_MAX])}",
    "company.hiring": lambda names: f"hires {', '.join(names[:_ITEMS_MAX])}",
    "company.last_funding_at": lambda time: f"last funded on {day_of_year(time.date())}",
    "person.seniority": lambda level: _SENIORITIES.get(level, level),
    "account.market_validated": lambda known: "a market we sell in" if known else "a new market",
    "account.relation": lambda relation: f"{relation} account",
}
"""How a fact is said; others are said as they are, after the name of their field."""


def score_in_words(data: LeadScoredV1, at: datetime) -> Iterator[str]:
    """Yield the strongest lines of the score that give or take points, then how many others there are."""
    lines = [line for line in data.score.lines if line.points or "disqualified" in line.why]
    lines.sort(key=lambda line: -abs(line.points))
    for line in lines[:_LINES_MAX]:
        yield line_in_words(line, data, at) + (f" ({line.points:+d})" if line.points else "")
    if len(lines) > _LINES_MAX:
        yield f"and {len(lines) - _LINES_MAX} more"


def line_in_words(line: ScoreLine, data: LeadScoredV1, at: datetime) -> str:
    """Return the rule and what it looked at: a fact of the lead, or what happened and when."""
    rule = line.rule.replace("-", " ").replace("_", " ")
    rule, named = rule[:1].upper() + rule[1:], rule.casefold()
    if line.fact == CAP:
        return line.why[:1].upper() + line.why[1:]
    happened = _TYPE_AND_DAY.fullmatch(line.fact)
    if happened is not None:
        if (ending := _ending_contract(happened[1], happened[2], data, at)) is not None:
            return ending
        type_ = happened[1].replace("_", " ")
        what = type_[:1].upper() + type_[1:] if named in type_ else f"{rule}, {type_}"
        return f"{what} on {day(date.fromisoformat(happened[2]), at)}"
    facts = filter(None, (_fact_in_words(field, data) for field in line.fact.split(", ")))
    why = ", ".join(facts) or fields_in_words(line.why.removeprefix(f"{line.rule}: "))
    return f"{rule}: {why}"


def _ending_contract(type_: str, expires_on: str, data: LeadScoredV1, at: datetime) -> str | None:
    """Return when the contract ends of which a signal of that day tells: that day gives the points."""
    for signal in data.signals.live:
        if signal.type == type_ == "contract_expiry" and signal.at.date().isoformat() == expires_on:
            what = signal_content(signal, at).what
            return what[:1].upper() + what[1:]
    return None


def fields_in_words(text: str) -> str:
    """Return a text with the names of fields in words: `employees is 420` for `company.employees is 420`."""
    return _FIELD.sub(lambda field: field_in_words(field[0]), text)


def field_in_words(field: str) -> str:
    """Return the name of a field as one says it: `employees` for `company.employees`."""
    return field.rpartition(".")[2].removesuffix("_usd").replace("_", " ")


def _fact_in_words(field: str, data: LeadScoredV1) -> str | None:
    """Return a fact about the lead in words, None when it is not known or no field of the lead."""
    part, _, name = field.partition(".")
    owners = {"company": data.company, "person": data.person, "account": data.account_view}
    value = getattr(owners.get(part), name, None)
    if value in (None, []):
        return None
    if field in _FACTS:
        return _FACTS[field](value)
    return str(value) if isinstance(value, str) else f"{field_in_words(field)} {value}"
