"""The score of a lead at an instant: a function of facts, time, and the grades held before."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from msgspec import Struct

from services.scorer.domain.fit import score_fit
from services.scorer.domain.intent import Matches, live_signals, match_facts, score_intent
from services.scorer.policy import BandName, ScoringPolicy
from shared.lead.events.account_received import AccountReceivedV1
from shared.lead.events.lead_enriched import LeadEnrichedV1
from shared.lead.events.parts import Activity
from shared.lead.events.scoring import Score, Signals
from shared.lead.events.signal_received import SignalReceivedV1
from shared.lead.facts import facts_of
from shared.lead.fields import FactKeys
from shared.rules.syntax import Facts


class Subject(Struct, frozen=True):
    """What is scored: a lead, what it did, what happened at its account, and the grades it held before."""

    lead: LeadEnrichedV1
    activities: Sequence[Activity]
    signals: Sequence[SignalReceivedV1] = ()
    known: AccountReceivedV1 | None = None
    fit_grade: str | None = None
    intent_grade: str | None = None


class Assessment(Struct, frozen=True):
    """A score, and what it was made of."""

    score: Score
    signals: Signals
    fit_grade: str
    intent_grade: str
    facts: Facts
    matches: Matches


def lead_facts(
    lead: LeadEnrichedV1, account: object | None, at: datetime, policy: ScoringPolicy
) -> dict[str, Any]:
    """Return what the policy asks of a lead, its market included: the first of the policy's that matches."""
    facts = facts_of(lead, account, policy.fact_readers)
    market = next((market for market in policy.markets if market.when(facts, at)), None)
    if market is not None:
        facts[FactKeys.MARKET] = market.name
        facts[FactKeys.MARKET_VALIDATED] = market.validated
    return facts


def assess(subject: Subject, at: datetime, policy: ScoringPolicy) -> Assessment:
    """Return the score of `subject` at an instant."""
    facts = lead_facts(subject.lead, subject.known, at, policy)
    matches = match_facts(subject.activities, subject.signals, facts, at, policy)
    fit = score_fit(facts, at, policy)
    intent = score_intent(matches, at, policy)
    signals = live_signals(matches, at)
    fit_grade = policy.fit_floors.grade(fit.points, subject.fit_grade, policy.hysteresis)
    intent_grade = policy.intent_floors.grade(intent.points, subject.intent_grade, policy.hysteresis)
    known = {
        **facts,
        **score_facts(fit.points, intent.points, fit_grade, intent_grade, policy),
        FactKeys.SIGNALS_STRONG: signals.strong,
        FactKeys.SIGNALS_TYPES: signals.types,
        FactKeys.SEGMENT: fit.segment,
    }
    score = Score(
        total=known[FactKeys.TOTAL],
        fit=fit.points,
        intent=intent.points,
        grade=fit_grade + intent_grade,
        band=band_of(known, at, policy),
        segment=fit.segment,
        lines=fit.lines + intent.lines,
    )
    return Assessment(score, signals, fit_grade, intent_grade, known, matches)


def score_facts(
    fit: int, intent: int, fit_grade: str, intent_grade: str, policy: ScoringPolicy
) -> dict[str, Any]:
    """Return the `score.*` fields, as bands ask for them."""
    return {
        FactKeys.FIT: fit,
        FactKeys.INTENT: intent,
        FactKeys.TOTAL: total_of(fit, intent, policy),
        FactKeys.FIT_GRADE: fit_grade,
        FactKeys.INTENT_GRADE: int(intent_grade),
        FactKeys.GRADE: fit_grade + intent_grade,
    }


def total_of(fit: int, intent: int, policy: ScoringPolicy) -> int:
    """Return fit and intent by their shares, rounded half up."""
    return (fit * policy.fit_share + intent * (100 - policy.fit_share) + 50) // 100


def band_of(facts: Facts, at: datetime, policy: ScoringPolicy) -> BandName:
    """Return the first band that matches, else `cold`."""
    for band in policy.bands:
        if band.when is None or band.when(facts, at):
            return band.name
    return "cold"
