"""The explanation of a score agrees with the score, for every lead: same points, same matches, same grades."""

from __future__ import annotations

from collections import Counter
from typing import Any

import msgspec
from hypothesis import given, settings
from hypothesis import strategies as st

from services.scorer.domain.account import account_view
from services.scorer.domain.explain import ScoreExplanation, explain_scored
from services.scorer.domain.score import ScoreResult, ScoringSubject, compute_score
from services.scorer.domain.state import AccountRow
from services.scorer.policy import ScoringPolicy
from shared.lead.events.lead_enriched import LeadEnrichedV1
from shared.lead.events.lead_scored import LeadScoredV1
from shared.lead.events.parts import Trigger
from shared.lead.fields import FactKeys
from tests.property.test_score_bounds import (
    Behaviour,
    bands_of_anything,
    behaviours,
    default,
    known_values,
    subject_of,
    tricky,
)
from tests.support.enriched_leads import AT, DAY, did, signal
from tests.support.score_explanations import explain_score
from tests.support.scoring_policies import default_scoring

policies = st.sampled_from([default, tricky, bands_of_anything])


def assert_adds_up(explanation: ScoreExplanation, now: ScoreResult) -> None:
    taken = [segment for segment in explanation.segments if segment.taken]
    assert [segment.segment for segment in taken] == ([now.score.segment] if now.score.segment else [])
    assert max(segment.fit for segment in explanation.segments) == now.score.fit
    assert (
        sum(fact.points for fact in explanation.facts) + sum(line.points for line in explanation.lines)
        == now.score.intent
    )
    assert next(band.rule for band in explanation.bands if band.verdict == "matched").startswith(
        now.score.band
    )
    assert (explanation.fit_grade.grade, explanation.intent_grade.grade) == (now.fit_grade, now.intent_grade)


@settings(max_examples=100)
@given(known=known_values, done=behaviours, which=policies)
def test_an_explanation_adds_up_to_the_score(known, done, which) -> None:
    subject, policy = subject_of(known, done), which().policy
    now = compute_score(subject, AT, policy)
    explanation = explain_score(subject, AT, policy)
    assert_adds_up(explanation, now)
    gave = Counter(
        (line.rule, line.fact, line.points)
        for line in now.score.lines
        if line.part != "fit" and line.points > 0
    )
    assert gave == Counter((fact.rule, fact.fact, fact.points) for fact in explanation.facts if fact.points)
    for fact in explanation.facts:
        assert fact.points <= fact.full
        assert not fact.points or fact.verdict == "matched"
    for segment in explanation.segments:
        for criterion in segment.criteria:
            matched = [level.points for level in criterion.levels if level.verdict == "matched"]
            assert criterion.points == (matched[0] if matched else 0)


@settings(max_examples=100)
@given(known=known_values, done=behaviours, which=policies)
def test_the_event_alone_explains_the_same(known, done, which) -> None:
    subject, policy = subject_of(known, done), which().policy
    now = compute_score(subject, AT, policy)
    explanation = explain_scored(event_of(subject, now, policy), policy)
    assert_adds_up(explanation, now)
    assert explanation.segments == explain_score(subject, AT, policy).segments
    assert explanation.bands == explain_score(subject, AT, policy).bands


def event_of(subject: ScoringSubject, now: ScoreResult, policy: ScoringPolicy) -> LeadScoredV1:
    lead: dict[str, Any] = {name: getattr(subject.lead, name) for name in LeadEnrichedV1.__struct_fields__}
    lead |= {"activities": list(subject.activities), "trigger": Trigger("lead", "1"), "occurred_at": AT}
    view = account_view(AccountRow("kestrel.example", grades={"A1": 2}), None, now.facts, AT, policy)
    return LeadScoredV1(
        **lead, score=now.score, signals=now.signals, account_view=view, policy_version=policy.version
    )


def test_an_explanation_names_the_deciding_facts_the_unknown_ones_and_the_points_left() -> None:
    subject = subject_of(
        {"employees": 400, "title": "CFO"},
        Behaviour(
            [did("demo_request", 14 * DAY), did("page_view", DAY, url="/blog"), did("email_click")],
            [signal()],
        ),
    )
    explanation = explain_score(subject, AT, default_scoring())
    [segment] = explanation.segments
    size, industry = segment.criteria[:2]
    assert (size.points, size.most, size.levels[0].verdict) == (35, 35, "matched")
    assert [(leaf.field, leaf.saw) for leaf in size.levels[0].because] == [(FactKeys.EMPLOYEES, 400)]
    assert industry.levels[0].verdict == "unknown_field"
    assert industry.levels[0].because[0].saw is None
    facts = {fact.rule: fact for fact in explanation.facts}
    demo, pricing, funding = facts["demo-request"], facts["pricing"], facts["funding"]
    assert (demo.full, demo.points, demo.age_s, demo.half_life_s) == (90, 45, 1_209_600, 1_209_600)
    assert (pricing.verdict, pricing.points) == ("no_match", 0)
    assert (funding.strong, funding.live) == (True, True)
    assert explanation.uncounted == ["email_click"]
    assert explanation.lines == []


def test_a_grade_below_its_floor_is_explained_as_held() -> None:
    subject = subject_of({}, Behaviour([did("demo_request", 5 * DAY)], [], "D1"))
    explanation = explain_score(subject, AT, default_scoring())
    assert (
        explanation.intent_grade.points,
        explanation.intent_grade.grade,
        explanation.intent_grade.held,
    ) == (70, "1", True)


def test_an_explanation_says_why_an_account_is_qualified() -> None:
    subject, policy = subject_of({"employees": 400}, Behaviour([did("demo_request")])), default_scoring()
    qualified = explain_scored(
        event_of(subject, compute_score(subject, AT, policy), policy), policy
    ).qualified
    assert qualified is not None
    assert qualified.verdict == "matched"
    assert {leaf.field for leaf in qualified.because} == {
        "account.best_fit_grade",
        "account.high_intent_people",
        "account.people",
    }


def test_an_explanation_has_a_json_form() -> None:
    subject = subject_of({"technologies": ["sap"], "last_funding_at": AT}, Behaviour([], [signal()]))
    explanation = msgspec.json.decode(msgspec.json.encode(explain_score(subject, AT, default_scoring())))
    assert explanation["policy_version"] == default_scoring().version
