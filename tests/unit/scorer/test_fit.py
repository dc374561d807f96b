"""Fit: a line per criterion with its points and its reason, and the segment that fits best."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime

import pytest

from services.scorer.domain.fit import FitScore, criterion_line, fit_to, format_value, score_fit
from services.scorer.policy import (
    CompiledCriterion,
    CompiledDisqualifier,
    CompiledLevel,
    CompiledSegment,
    ScoringPolicy,
    compile_criterion,
    compile_segment,
)
from shared.lead.events.scoring import ScoreLine
from shared.policy.models import Level
from tests.support.enriched_leads import AT
from tests.support.scoring_policies import between, default_compiled, default_scoring

SIZE = CompiledCriterion(
    "size",
    (
        CompiledLevel(35, between("company.employees", 50, 999)),
        CompiledLevel(15, between("company.employees", 20, 1_500)),
    ),
    ("company.employees",),
)
REVENUE = CompiledCriterion(
    "revenue", (CompiledLevel(20, between("company.revenue_usd", 10, 99)),), ("company.revenue_usd",)
)
TINY = CompiledDisqualifier("tiny", between("company.employees", 0, 9), ("company.employees",))
SEGMENT = CompiledSegment("mid-market", (SIZE, REVENUE), (TINY,))


def with_segments(*segments: CompiledSegment) -> ScoringPolicy:
    return replace(default_scoring(), segments=segments)


# A criterion


@pytest.mark.parametrize(
    ("employees", "points"), [(50, 35), (999, 35), (1_000, 15), (20, 15), (19, 0), (1_501, 0)]
)
def test_a_criterion_gives_the_points_of_its_first_level_that_matches(employees, points):
    assert criterion_line(SIZE, {"company.employees": employees}, AT).points == points


def test_a_line_says_which_fact_gave_the_points():
    assert criterion_line(SIZE, {"company.employees": 420}, AT) == ScoreLine(
        "fit", "size", "company.employees", 35, "size: company.employees is 420"
    )


@pytest.mark.parametrize(
    ("facts", "why"),
    [
        ({"company.employees": 5_000}, "size: no level for company.employees is 5000"),
        ({}, "size: company.employees is not known"),
    ],
    ids=["known", "unknown"],
)
def test_a_line_without_points_says_whether_the_fact_is_known(facts, why):
    line = criterion_line(SIZE, facts, AT)
    assert (line.points, line.why) == (0, why)


def test_of_several_fields_the_missing_ones_are_named():
    either = CompiledCriterion("money", REVENUE.levels, ("company.employees", "company.revenue_usd"))
    line = criterion_line(either, {"company.employees": 20}, AT)
    assert line.why == "money: company.revenue_usd is not known"
    assert line.fact == "company.employees, company.revenue_usd"


def test_a_level_without_a_condition_always_matches():
    [segment] = default_compiled().policy.icp.segments
    always = segment.criteria[0].model_copy(update={"levels": (Level(points=7),)})
    assert criterion_line(compile_criterion(always), {}, AT).points == 7


# A segment


def test_the_fit_to_a_segment_is_the_sum_of_its_lines():
    fit = fit_to(SEGMENT, {"company.employees": 420, "company.revenue_usd": 50}, AT)
    assert (fit.points, fit.segment) == (55, "mid-market")
    assert [line.points for line in fit.lines] == [35, 20]


def test_a_lead_that_gets_no_points_has_no_segment():
    fit = fit_to(SEGMENT, {"company.employees": 5_000}, AT)
    assert (fit.points, fit.segment, len(fit.lines)) == (0, None, 2)


def test_a_disqualified_lead_has_one_line_that_says_why():
    fit = fit_to(SEGMENT, {"company.employees": 4, "company.revenue_usd": 50}, AT)
    assert fit == FitScore(
        0,
        None,
        [ScoreLine("fit", "tiny", "company.employees", 0, "disqualified as tiny: company.employees is 4")],
    )


def test_an_unknown_field_disqualifies_nobody():
    assert fit_to(SEGMENT, {"company.revenue_usd": 50}, AT).points == 20


def test_the_segment_with_the_most_points_is_taken():
    rich = CompiledSegment("rich", (REVENUE,))
    facts = {"company.employees": 30, "company.revenue_usd": 50}
    assert score_fit(facts, AT, with_segments(rich, SEGMENT)).segment == "mid-market"
    assert score_fit({"company.revenue_usd": 50}, AT, with_segments(rich, SEGMENT)).segment == "rich"


def test_of_segments_with_equal_points_the_first_in_the_policy_is_taken():
    first, second = CompiledSegment("first", (SIZE,)), CompiledSegment("second", (SIZE,))
    assert score_fit({"company.employees": 50}, AT, with_segments(first, second)).segment == "first"


def test_a_policy_without_segments_gives_no_fit():
    assert score_fit({"company.employees": 50}, AT, with_segments()) == FitScore(0, None, [])


def test_a_compiled_segment_knows_the_fields_that_it_compares():
    segment = compile_segment(default_compiled().policy.icp.segments[0])
    assert [criterion.name for criterion in segment.criteria][:2] == ["size", "industry"]
    assert segment.disqualify[0].fields == ("company.employees",)


# How facts are shown


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        (True, "true"),
        (False, "false"),
        (420, "420"),
        ("software", "software"),
        (["a", "b"], "a, b"),
        (["a", "b", "c", "d", "e"], "a, b, c, d, e"),
        (["a", "b", "c", "d", "e", "f"], "a, b, c, d, e, …"),
        ([], ""),
        (datetime(2026, 3, 2, 23, tzinfo=UTC), "2026-03-02"),
    ],
    ids=str,
)
def test_a_fact_is_shown_short(value, shown):
    assert format_value(value) == shown
