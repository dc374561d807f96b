"""What facts about a lead suggest about the elements of qualification: enrichment, signals, activities."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from datetime import date
from typing import Final

from services.router.domain.day_words import day_of_year
from services.router.domain.qualification.vendors import vendor_named
from shared.lead.events.lead_scored import LeadScoredV1
from shared.lead.events.scoring import LiveSignal

_TECHNOLOGIES_MAX: Final = 3
_COMPARISON_PAGE = re.compile(
    r"/(?:compare|comparison|alternatives?)\b|-vs-|/vs[/-]|-alternative\b", re.IGNORECASE
)
_PAPERS_PAGE = re.compile(r"/(?:security|trust|dpa|gdpr|compliance|legal|subprocessors)\b", re.IGNORECASE)
_REQUESTS: Final = ("demo_request", "contact_request", "trial_started")


def money(data: LeadScoredV1) -> str | None:
    """Return evidence of money: a funding round or revenue."""
    if "funding_round" in data.signals.types:
        signal = _live(data, "funding_round")
        amount = signal.details.get("amount_usd") if signal else None
        if isinstance(amount, int | float) and not isinstance(amount, bool) and amount > 0:
            return f"a funding round of {amount:,.0f} USD is among the live signals"
        return "a funding round is among the live signals"
    if data.company.last_funding_at is not None:
        return f"funded last on {day_of_year(data.company.last_funding_at.date())}"
    return f"revenue of {data.company.revenue_usd:,} USD" if data.company.revenue_usd else None


def decision_maker(data: LeadScoredV1) -> str | None:
    """Return the title when it is that of somebody who decides."""
    title, level = data.person.title, data.person.seniority
    return (
        f"the title is {' '.join((title or level).split())}" if level in ("cxo", "vp", "director") else None
    )


def budget_holder(data: LeadScoredV1) -> str | None:
    """Return the title when it is that of somebody who holds a budget."""
    title, level = data.person.title, data.person.seniority
    holds = level == "cxo" or (level == "vp" and data.person.department == "finance")
    return f"the title is {' '.join((title or level or '').split())}" if holds else None


def request(data: LeadScoredV1) -> str | None:
    """Return the first request of the buyer, with its date."""
    return _first_activity(data, _REQUESTS)


def trial(data: LeadScoredV1) -> str | None:
    """Return the trial that the buyer started, with its date: a step of the decision."""
    return _first_activity(data, ("trial_started",))


def _first_activity(data: LeadScoredV1, types: tuple[str, ...]) -> str | None:
    activity = next((activity for activity in data.activities if activity.type in types), None)
    return f"{activity.type.replace('_', ' ')} on {day_of_year(activity.at.date())}" if activity else None


def ending_contract(data: LeadScoredV1) -> str | None:
    """Return evidence of a contract that ends, with the vendor and the day if the signal names them."""
    if "contract_expiry" not in data.signals.types:
        return None
    details = signal.details if (signal := _live(data, "contract_expiry")) else {}
    vendor, ends = details.get("vendor") or details.get("competitor"), details.get("expires_on")
    if not isinstance(vendor, str) and not isinstance(ends, str):
        return "an expiring contract is among the live signals"
    named = f" with {_line(vendor)}" if isinstance(vendor, str) else ""
    if not isinstance(ends, str):
        return f"a contract{named} ends"
    try:
        return f"a contract{named} ends on {day_of_year(date.fromisoformat(ends[:10]))}"
    except ValueError:
        return f"a contract{named} ends ({_line(ends)})"


def incumbent(data: LeadScoredV1) -> str | None:
    """Return the vendor of a contract that ends, of a page that compares, or of technologies in use."""
    if (contract := ending_contract(data)) is not None:
        return contract
    if (page := _viewed_page(data, _COMPARISON_PAGE)) is not None:
        return page
    used = [name for technology in data.company.technologies if (name := vendor_named(technology))]
    return f"uses {', '.join(used[:_TECHNOLOGIES_MAX])}" if used else None


def papers(data: LeadScoredV1) -> str | None:
    """Return a page about security or contracts that the buyer read."""
    return _viewed_page(data, _PAPERS_PAGE)


def _viewed_page(data: LeadScoredV1, pattern: re.Pattern[str]) -> str | None:
    for activity in data.activities:
        if activity.url and pattern.search(activity.url[:300]):
            return f"viewed {_line(activity.url)} on {day_of_year(activity.at.date())}"
    return None


def _live(data: LeadScoredV1, type_: str) -> LiveSignal | None:
    return next((signal for signal in data.signals.live if signal.type == type_), None)


def _line(text: str) -> str:
    return " ".join(text.split())


FACTS: Final[Mapping[str, Callable[[LeadScoredV1], str | None]]] = {
    "budget": money,
    "authority": decision_maker,
    "need": request,
    "timeline": ending_contract,
    "economic_buyer": budget_holder,
    "decision_process": trial,
    "paper_process": papers,
    "champion": request,
    "competition": incumbent,
}
"""The fact that suggests an element, by its name; facts say nothing about the others."""
