"""Bounds of a score: whatever values the unknown fields get, the score is within the bounds."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from functools import cache
from typing import Any, NamedTuple

from hypothesis import given, settings
from hypothesis import strategies as st

from services.scorer.domain.bounds import DERIVED_FIELDS, HeldGrades, ScoreBounds, ScoringBounds
from services.scorer.domain.score import ScoreResult, ScoringSubject, compute_score, lead_facts
from services.scorer.policy import scoring_policy
from shared.lead.events.parts import Activity, Company
from shared.lead.events.signal_received import SignalReceivedV1
from shared.lead.fields import FactKeys
from shared.policy.compiled import CompiledPolicy
from shared.rules.bounds import PossibleValues
from tests.support.enriched_leads import AT, DAY, did, enriched_lead, signal
from tests.support.scoring_policies import compiled_with, default_scoring

VALUES = {
    "employees": st.sampled_from([0, 4, 15, 30, 300, 999, 1_000, 8_000]),
    "industry": st.sampled_from(["Software", "fintech", "restaurants"]),
    "country": st.sampled_from(["US", "br", "PL"]),
    "revenue_usd": st.sampled_from([1, 9_999_999, 10_000_000]),
    "technologies": st.sampled_from([["sap"], ["SAP", "Salesforce"]]),
    "last_funding_at": st.sampled_from([AT - timedelta(days=days) for days in (-3, 10, 364, 366)]),
    "title": st.sampled_from(["CFO", "Sales Manager", "Clerk", "Wizard"]),
}
BUYABLE = {name: f"person.{name}" if name == "title" else f"company.{name}" for name in VALUES}
known_values = st.fixed_dictionaries({}, optional=VALUES)

activities = st.lists(
    st.builds(
        Activity,
        type=st.sampled_from(["demo_request", "pricing_view", "content_download", "page_view", "call"]),
        at=st.integers(-1, 40).map(lambda days: AT - days * DAY),
        url=st.sampled_from([None, "/pricing", "/blog"]),
        details=st.sampled_from([{}, {"seats": 5}, {"seats": "70"}]),
    ),
    max_size=4,
)
signals = st.lists(
    st.builds(
        signal,
        st.sampled_from(["funding_round", "hiring_surge", "intent_surge", "contract_expiry", "news"]),
        ago=st.integers(0, 400).map(lambda days: days * DAY),
        strength=st.sampled_from([None, 50, 80]),
        details=st.sampled_from([{}, {"expires_on": "2026-03-20"}]),
        expires_at=st.sampled_from([None, AT - DAY, AT, AT + DAY]),
    ),
    max_size=3,
)


BUDGET = "- {field: company.revenue_usd, gte: 10000000}\n"
GIANTS = """
  - name: giants
    disqualify:
      - name: unfunded
        when: {all: [{field: company.last_funding_at, missing: true}, {field: company.revenue_usd, lt: 5}]}
    criteria:
      - name: size
        levels:
          - {points: 60, when: {field: company.employees, gt: 900}}
          - {points: 20, when: {not: {field: company.employees, lt: 20}}}
      - {name: place, levels: [{points: 40, when: {field: account.market, ne: core}}, {points: 30}]}
"""
CONTENT = "- {name: content, on: [content_download, webinar], points: 30, half_life: 10d, max: 60}\n"
SEATS = """    - name: seats
      on: [call, page_view]
      when: {any: [{field: activity.details.seats, gte: 50}, {field: company.employees, gt: 100}]}
      points: 33
      half_life: 9d
      max: 40
"""
SQL = "- {band: sql, when: {field: score.grade, in: [A1, A2, B1]}}\n"
ANYTHING = """- {band: sql, when: {all: [{field: score.total, gte: 40}, {field: company.country, ne: US}]}}
  - band: mql
    when:
      any:
        - {field: score.segment, missing: true}
        - {all: [{field: signals.types, contains: news}, {field: score.intent, between: [3, 50]}]}
  - {band: sql, when: {field: signals.strong, eq: true}}
"""


@cache
def default() -> ScoringBounds:
    return ScoringBounds(default_scoring())


@cache
def tricky() -> ScoringBounds:
    """Two segments, and a rule of intent that asks about the company too."""
    return _bounds_under(compiled_with(icp=(BUDGET, BUDGET + GIANTS), scoring=(CONTENT, CONTENT + SEATS)))


@cache
def bands_of_anything() -> ScoringBounds:
    return _bounds_under(compiled_with(scoring=(SQL, ANYTHING)))


def _bounds_under(policy: CompiledPolicy) -> ScoringBounds:
    return ScoringBounds(scoring_policy(policy))


class Behaviour(NamedTuple):
    activities: Sequence[Activity] = ()
    signals: Sequence[SignalReceivedV1] = ()
    held: str | None = None


behaviours = st.builds(Behaviour, activities, signals, st.sampled_from([None, "A1", "B2", "C3", "D4"]))


def subject_of(values: dict[str, Any], done: Behaviour) -> ScoringSubject:
    company = Company(**{name: value for name, value in values.items() if name != "title"})
    lead = enriched_lead(company=company, title=values.get("title"))
    held = done.held
    return ScoringSubject(lead, done.activities, done.signals, None, held and held[0], held and held[1])


def bounds_of(subject: ScoringSubject, buyable: set[str], scoring: ScoringBounds) -> ScoreBounds:
    bought = [BUYABLE[name] for name in buyable]
    unknown = {field: PossibleValues() for name in bought for field in (name, *DERIVED_FIELDS.get(name, ()))}
    facts = lead_facts(subject.lead, subject.account, AT, scoring.policy)
    decided = unknown.keys() | {FactKeys.MARKET, FactKeys.MARKET_VALIDATED}
    known = {name: fact for name, fact in facts.items() if name not in decided}
    intent = scoring.intent_bounds(subject.activities, subject.signals, known, unknown, AT)
    held = HeldGrades(subject.fit_grade, subject.intent_grade)
    return scoring.lead_bounds(intent, held).bounds(scoring.index.state(known, unknown, AT))


def assert_within(now: ScoreResult, bounds: ScoreBounds, scoring: ScoringBounds) -> None:
    score = now.score
    assert bounds.fit.low <= score.fit <= bounds.fit.high
    assert bounds.intent.low <= score.intent <= bounds.intent.high
    assert bounds.total.low <= score.total <= bounds.total.high
    assert now.fit_grade in bounds.fit_grades
    assert now.intent_grade in bounds.intent_grades
    assert score.band in bounds.bands
    assert now.signals.strong in bounds.strong
    assert any(name.startswith("score.") for name in bounds.known)
    decided = {**now.facts, "score.band": score.band}
    for name, knowledge in bounds.known.items():
        fact, possible = decided.get(name), knowledge.possible
        if knowledge.cases is not None:
            (truths,) = scoring.index.known(name, fact, AT).cases or ()
            assert truths in knowledge.cases
        elif fact is None:
            assert possible.missing
        elif possible.low is not None and possible.high is not None:
            assert possible.low <= fact <= possible.high


@settings(max_examples=300)
@given(
    known=known_values,
    bought=known_values,
    buyable=st.sets(st.sampled_from(sorted(VALUES))),
    done=behaviours,
    which=st.sampled_from([default, tricky, bands_of_anything]),
)
def test_every_score_that_can_still_come_is_within_the_bounds(known, bought, buyable, done, which) -> None:
    scoring = which()
    bounds = bounds_of(subject_of(known, done), buyable, scoring)
    later = known | {name: value for name, value in bought.items() if name in buyable}
    assert_within(compute_score(subject_of(later, done), AT, scoring.policy), bounds, scoring)
    assert_within(compute_score(subject_of(known, done), AT, scoring.policy), bounds, scoring)


@settings(max_examples=150)
@given(known=known_values, done=behaviours, which=st.sampled_from([default, tricky]))
def test_without_unknown_fields_the_bounds_are_the_score(known, done, which) -> None:
    subject = subject_of(known, done)
    now, bounds = compute_score(subject, AT, which().policy), bounds_of(subject, set(), which())
    assert (bounds.fit, bounds.intent) == ((now.score.fit,) * 2, (now.score.intent,) * 2)
    assert (bounds.fit_grades, bounds.intent_grades) == ((now.fit_grade,), (now.intent_grade,))
    assert (bounds.bands, bounds.strong) == ((now.score.band,), (now.signals.strong,))


def test_a_band_that_no_unknown_field_can_change_is_settled() -> None:
    perfect = {"employees": 400, "industry": "software", "country": "US", "title": "CFO"}
    demo = subject_of(perfect, Behaviour([did("demo_request")]))
    settled = bounds_of(demo, {"technologies", "revenue_usd", "last_funding_at"}, default())
    assert (settled.fit, settled.fit_grades, settled.bands) == ((90, 100), ("A",), ("sql",))
    assert bounds_of(demo, {"employees"}, default()).fit_grades == ("A", "B", "C", "D")
