"""The score of a lead at an instant: a pure function of facts, time, policy and the grades held before."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from msgspec import Struct

from services.scorer.domain.fit import score_fit
from services.scorer.domain.intent import MatchedFacts, live_signals, match_facts, score_intent
from services.scorer.policy import BandName, ScoringPolicy
from shared.lead.events.account_received import AccountReceivedV1
from shared.lead.events.lead_enriched import LeadEnrichedV1
from shared.lead.events.parts import Activity
from shared.lead.events.scoring import Score, Signals
from shared.lead.events.signal_received import SignalReceivedV1
from shared.lead.facts import Facts, facts_of
from shared.lead.fields import FactKeys


class ScoringSubject(Struct, frozen=True):
    """What is scored: a lead, its activities, the signals and data of its account, and the grades it holds.

    The grades matter because of the hysteresis; a new lead holds none.
    """

    lead: LeadEnrichedV1
    activities: Sequence[Activity]
    signals: Sequence[SignalReceivedV1] = ()
    account: AccountReceivedV1 | None = None
    fit_grade: str | None = None
    intent_grade: str | None = None


class ScoreResult(Struct, frozen=True):
    """A score, and the facts and matches that it was computed from."""

    score: Score
    signals: Signals
    fit_grade: str
    intent_grade: str
    facts: Facts
    matches: MatchedFacts


def compute_score(subject: ScoringSubject, at: datetime, policy: ScoringPolicy) -> ScoreResult:
    """Return the score at an instant."""
    facts = lead_facts(subject.lead, subject.account, at, policy)
    matches = match_facts(subject.activities, subject.signals, facts, at, policy)
    fit = score_fit(facts, at, policy)
    intent = score_intent(matches, at, policy)
    signals = live_signals(matches, at)
    fit_grade = policy.fit_floors.grade(fit.points, subject.fit_grade, policy.hysteresis)
    intent_grade = policy.intent_floors.grade(intent.points, subject.intent_grade, policy.hysteresis)
    scored_facts = {
        **facts,
        **score_facts(fit.points, intent.points, fit_grade, intent_grade, policy),
        FactKeys.SIGNALS_STRONG: signals.strong,
        FactKeys.SIGNALS_TYPES: signals.types,
        FactKeys.SEGMENT: fit.segment,
    }
    score = Score(
        total=scored_facts[FactKeys.TOTAL],
        fit=fit.points,
        intent=intent.points,
        grade=fit_grade + intent_grade,
        band=band_of(scored_facts, at, policy),
        segment=fit.segment,
        lines=fit.lines + intent.lines,
    )
    return ScoreResult(score, signals, fit_grade, intent_grade, scored_facts, matches)


def lead_facts(
    lead: LeadEnrichedV1, account: object | None, at: datetime, policy: ScoringPolicy
) -> dict[str, Any]:
    """Return the facts that the policy asks of a lead, and its market: the first one that matches."""
    return with_market(facts_of(lead, account, policy.fact_readers), at, policy)


def with_market(facts: dict[str, Any], at: datetime, policy: ScoringPolicy) -> dict[str, Any]:
    """Return the facts with the market that they are of."""
    market = next((market for market in policy.markets if market.when(facts, at)), None)
    if market is not None:
        facts[FactKeys.MARKET] = market.name
        facts[FactKeys.MARKET_VALIDATED] = market.validated
    return facts


def score_facts(
    fit: int, intent: int, fit_grade: str, intent_grade: str, policy: ScoringPolicy
) -> dict[str, Any]:
    """Return the `score.*` facts that bands ask for."""
    return {
        FactKeys.FIT: fit,
        FactKeys.INTENT: intent,
        FactKeys.TOTAL: weighted_total(fit, intent, policy),
        FactKeys.FIT_GRADE: fit_grade,
        FactKeys.INTENT_GRADE: int(intent_grade),
        FactKeys.GRADE: fit_grade + intent_grade,
    }


def weighted_total(fit: int, intent: int, policy: ScoringPolicy) -> int:
    """Return the mean of fit and intent, weighted by `fit_share` per cent, rounded half up."""
    return (fit * policy.fit_share + intent * (100 - policy.fit_share) + 50) // 100


def band_of(facts: Facts, at: datetime, policy: ScoringPolicy) -> BandName:
    """Return the first band whose condition holds, else `cold`."""
    for band in policy.bands:
        if band.when is None or band.when(facts, at):
            return band.name
    return "cold"
