"""The scores that are still possible while fields of a lead are unknown: what is settled and what is open."""

from __future__ import annotations

from functools import cache

import pytest

from services.scorer.domain.bounds import (
    DERIVED_FIELDS,
    HeldGrades,
    ScoreBounds,
    ScoringBounds,
    disqualification,
    points_range,
    possible_segments,
)
from services.scorer.domain.intent_bounds import IntentBounds, PointsRange
from services.scorer.domain.score import lead_facts
from services.scorer.policy import scoring_policy
from shared.lead.events.parts import Company
from shared.lead.fields import FactKeys
from shared.policy.models import Level
from shared.rules.bounds import PossibleValues
from tests.support.enriched_leads import AT, DAY, did, enriched_lead, signal
from tests.support.scoring_policies import compiled_with, default_scoring

FULL = {"employees": 420, "industry": "software", "country": "US", "revenue_usd": 62_000_000}
NEW_LEAD = HeldGrades()
FUNDING = "- {name: funding, on: funding_round, points: 40, half_life: 60d, strong: true}\n"
LARGE_FUNDING = (
    "- {name: funding, on: funding_round, points: 40, half_life: 60d, strong: true,"
    " when: {field: company.employees, gte: 100}}\n"
)


@cache
def default() -> ScoringBounds:
    return ScoringBounds(default_scoring())


def bounds(*unknown: str, activities=(), signals=(), scoring=None, held=NEW_LEAD, **company) -> ScoreBounds:
    """Return the bounds for a VP Finance of a company with these fields, of whom `unknown` is to be bought."""
    scoring = scoring or default()
    lead = enriched_lead(
        company=Company(**company), title=None if FactKeys.TITLE in unknown else "VP Finance"
    )
    open_fields = {
        name: PossibleValues() for field in unknown for name in (field, *DERIVED_FIELDS.get(field, ()))
    }
    facts = lead_facts(lead, None, AT, scoring.policy)
    decided = open_fields.keys() | {FactKeys.MARKET, FactKeys.MARKET_VALIDATED}
    known = {name: fact for name, fact in facts.items() if name not in decided}
    intent = scoring.intent_bounds(activities, signals, known, open_fields, AT)
    return scoring.lead_bounds(intent, held).bounds(scoring.index.state(known, open_fields, AT))


def intent(*activities, signals=(), unknown=(), scoring=None) -> IntentBounds:
    scoring = scoring or default()
    return scoring.intent_bounds(activities, signals, {}, {name: PossibleValues() for name in unknown}, AT)


# Fit


def test_without_unknown_fields_the_bounds_are_one_score():
    settled = bounds(**FULL)
    assert (settled.fit, settled.intent) == ((95, 95), (0, 0))
    assert (settled.fit_grades, settled.intent_grades, settled.bands) == (("A",), ("4",), ("cold",))


def test_an_unknown_criterion_may_give_nothing_or_its_best_level():
    without_size = {name: value for name, value in FULL.items() if name != "employees"}
    assert bounds(FactKeys.EMPLOYEES, **without_size).fit == (0, 95)
    without_industry = {name: value for name, value in FULL.items() if name != "industry"}
    assert bounds(FactKeys.INDUSTRY, **without_industry).fit == (65, 95)


def test_an_unknown_size_may_disqualify_so_no_point_of_fit_is_certain():
    """Industry and country are known to give 40 points, but a company may turn out to have nine employees."""
    assert bounds(FactKeys.EMPLOYEES, industry="software", country="US").fit.low == 0


def test_a_company_that_is_disqualified_has_no_fit_whatever_else_is_found():
    nothing = bounds(FactKeys.INDUSTRY, FactKeys.TITLE, employees=4)
    assert (nothing.fit, nothing.fit_grades) == ((0, 0), ("D",))


def test_a_title_decides_seniority_too():
    assert bounds(FactKeys.TITLE, **FULL).fit == (80, 95)
    assert bounds(**FULL).fit == (95, 95)


def test_an_unknown_country_leaves_the_market_open():
    rest = {name: value for name, value in FULL.items() if name != "country"}
    assert bounds(FactKeys.COMPANY_COUNTRY, **rest).fit == (85, 95)
    assert FactKeys.MARKET_VALIDATED in bounds(FactKeys.COMPANY_COUNTRY, **rest).known


# Grades and bands


def test_grades_are_listed_from_the_best_to_the_worst():
    opened = bounds(FactKeys.EMPLOYEES, industry="software", country="US")
    assert (opened.fit, opened.fit_grades) == ((0, 90), ("A", "B", "C", "D"))


@pytest.mark.parametrize(("held", "grades"), [(None, ("B",)), ("A", ("A",)), ("B", ("B",)), ("D", ("B",))])
def test_a_held_grade_is_kept_within_the_hysteresis(held, grades):
    """70 points of fit are below the floor of A, 75, but not by more than 5."""
    company = {"employees": 1_500, "industry": "software", "country": "US", "revenue_usd": 5}
    settled = bounds(**company, held=HeldGrades(held))
    assert (settled.fit, settled.fit_grades) == ((70, 70), grades)


def test_a_band_is_settled_when_no_field_can_move_the_lead_out_of_it():
    settled = bounds(
        FactKeys.TECHNOLOGIES, FactKeys.LAST_FUNDING_AT, activities=[did("demo_request")], **FULL
    )
    assert settled.bands == ("sql",)
    assert len(set(settled.fit_grades)) == 1


def test_a_band_is_open_when_a_field_decides_on_it():
    without_size = {name: value for name, value in FULL.items() if name != "employees"}
    opened = bounds(FactKeys.EMPLOYEES, activities=[did("demo_request")], **without_size)
    assert opened.bands == ("sql", "mql", "cold")


@pytest.mark.parametrize(
    ("condition", "is_sql"),
    [
        ("{field: score.fit, gte: 95}", True),
        ("{field: score.fit, gte: 96}", False),
        ("{field: score.intent, gte: 100}", True),
        ("{field: score.intent, lt: 100}", False),
        ("{field: score.total, between: [98, 98]}", True),
        ("{field: score.total, gte: 99}", False),
        ("{field: score.fit_grade, eq: A}", True),
        ("{field: score.fit_grade, ne: A}", False),
        ("{field: score.intent_grade, eq: 1}", True),
        ("{field: score.intent_grade, ne: 1}", False),
        ("{field: score.grade, eq: A1}", True),
        ("{field: score.grade, in: [A2, B1]}", False),
        ("{field: score.segment, eq: mid-market-software}", True),
        ("{field: score.segment, missing: true}", False),
        ("{field: signals.strong, eq: true}", True),
        ("{field: signals.strong, eq: false}", False),
        ("{field: signals.types, contains_any: [funding_round]}", True),
        ("{field: signals.types, contains_any: [hiring_surge]}", False),
        ("{field: account.market, eq: core}", True),
        ("{field: account.market, eq: frontier}", False),
        ("{field: account.market, missing: true}", False),
        ("{field: account.market_validated, eq: true}", True),
        ("{field: account.market_validated, missing: true}", False),
    ],
)
def test_a_band_that_asks_for_a_settled_part_of_the_score_is_settled(condition, is_sql):
    """What scoring decides is known exactly once no unknown field can change it."""
    first_band = ("{field: score.grade, in: [A1, A2, B1]}", condition)
    scoring = ScoringBounds(scoring_policy(compiled_with(scoring=first_band)))
    settled = bounds(activities=[did("demo_request")], signals=[signal()], scoring=scoring, **FULL)
    assert settled.bands == (("sql",) if is_sql else ("cold",))


def test_the_state_that_was_asked_for_stays_as_it_is():
    scoring = default()
    open_fields = {FactKeys.EMPLOYEES: PossibleValues()}
    state = scoring.index.state({}, open_fields, AT)
    before = list(state)
    scoring.lead_bounds(intent(), HeldGrades()).bounds(state)
    assert list(state) == before


# Intent


def test_intent_of_rules_that_ask_for_nothing_unknown_is_exact():
    assert intent(did("demo_request", 14 * DAY)).points == (45, 45)
    assert intent(did("email_click")).points == (0, 0)


def test_caps_hold_for_the_least_and_for_the_most():
    assert intent(*[did("demo_request")] * 3, did("contact_request")).points == (100, 100)


def test_a_rule_that_asks_for_an_unknown_field_gives_nothing_or_all():
    demo = "- {name: demo-request, on: demo_request, points: 90, half_life: 14d, max: 90}\n"
    of_large = demo.replace("max: 90", "when: {field: company.employees, gte: 100}")
    scoring = ScoringBounds(scoring_policy(compiled_with(scoring=(demo, of_large))))
    assert intent(did("demo_request"), scoring=scoring, unknown=[FactKeys.EMPLOYEES]).points == (0, 90)
    assert intent(did("demo_request"), scoring=scoring).points == (0, 0)


@pytest.mark.parametrize(
    ("given", "strong", "certain"),
    [
        ([], (False,), set()),
        ([signal()], (True,), {"funding_round"}),
        ([signal("hiring_surge")], (False,), {"hiring_surge"}),
        ([signal(), signal("hiring_surge")], (True,), {"funding_round", "hiring_surge"}),
        ([signal(expires_at=AT)], (False,), set()),
        ([signal("news")], (False,), {"news"}),
        ([signal("news", ago=90 * DAY)], (False,), set()),
        ([signal("news", expires_at=AT + DAY)], (False,), {"news"}),
        ([signal("intent_surge", strength=20)], (False,), set()),
        ([signal("intent_surge", strength=20, expires_at=AT + DAY)], (False,), {"intent_surge"}),
        ([signal("contract_expiry")], (False,), set()),
        ([signal(ago=2_000 * DAY)], (False,), set()),
    ],
    ids=[
        "none",
        "strong",
        "weak",
        "strong, then weak",
        "expired",
        "without a rule",
        "without a rule, old",
        "without a rule, lasting",
        "below its condition",
        "below its condition, lasting",
        "no day",
        "faded",
    ],
)
def test_signals_that_ask_for_nothing_unknown_are_live_or_not(given, strong, certain):
    found = intent(signals=given)
    assert found.strong == strong
    assert found.live == (frozenset(certain), frozenset(certain))


def test_a_signal_whose_rule_asks_for_an_unknown_field_is_perhaps_live_and_perhaps_strong():
    scoring = ScoringBounds(scoring_policy(compiled_with(scoring=(FUNDING, LARGE_FUNDING))))
    perhaps = intent(signals=[signal()], scoring=scoring, unknown=[FactKeys.EMPLOYEES])
    assert set(perhaps.strong) == {True, False}
    assert perhaps.live == (frozenset(), frozenset({"funding_round"}))
    assert perhaps.points.low == 0 < perhaps.points.high


def test_a_lasting_signal_whose_only_rule_may_not_match_is_live_all_the_same():
    """Unmatched it counts for no rule, and is then live until it expires."""
    scoring = ScoringBounds(scoring_policy(compiled_with(scoring=(FUNDING, LARGE_FUNDING))))
    lasting = [signal(expires_at=AT + DAY)]
    found = intent(signals=lasting, scoring=scoring, unknown=[FactKeys.EMPLOYEES])
    assert "funding_round" in found.live[1]
    assert set(found.strong) == {True, False}


# Ranges


def test_a_range_of_one_value_is_that_value():
    assert PointsRange(5, 5).possible == PossibleValues((5,), missing=False)
    assert PointsRange(5, 9).possible == PossibleValues(low=5, high=9, missing=False)


def test_points_of_the_levels_that_may_be_reached():
    low, high = Level(points=10), Level(points=30)
    assert points_range([low]) == (10, 10)
    assert points_range([high, low]) == (10, 30)
    assert points_range([high, None]) == (0, 30)
    assert points_range([None]) == (0, 0)


def test_a_lead_is_disqualified_for_certain_only_if_no_way_leads_past_every_disqualifier():
    small = default().policy.compiled.policy.icp.segments[0].disqualify[0]
    assert disqualification([small]) == "certainly"
    assert disqualification([small, None]) == "perhaps"
    assert disqualification([None]) == "not"


@pytest.mark.parametrize(
    ("fits", "names", "may_have_none"),
    [
        ([PointsRange(0, 0)], (), True),
        ([PointsRange(0, 10)], ("mid-market-software",), True),
        ([PointsRange(5, 10)], ("mid-market-software",), False),
    ],
)
def test_a_segment_may_be_the_lead_s_if_it_may_fit_best(fits, names, may_have_none):
    assert possible_segments(fits, default_scoring()) == PossibleValues(names, missing=may_have_none)


def test_bounds_of_the_same_intent_and_grades_are_made_once():
    scoring = default()
    first = scoring.lead_bounds(intent(did("demo_request")), HeldGrades("A"))
    assert scoring.lead_bounds(intent(did("demo_request")), HeldGrades("A")) is first
    assert scoring.lead_bounds(intent(did("demo_request")), HeldGrades("B")) is not first
