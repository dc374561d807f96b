"""The curve of a lead is what the scorer computes at each instant, now and when its timers fire."""

from __future__ import annotations

from itertools import pairwise

from hypothesis import given, settings
from msgspec.structs import replace

from services.scorer.domain.curve import AHEAD, BACK, ScoreCurve, score_curve
from services.scorer.domain.next_change import next_change_at
from services.scorer.domain.score import ScoringSubject, compute_score
from shared.lead.events.parts import Activity
from tests.property.test_scoring_properties import FINE, later, subjects
from tests.support.enriched_leads import AT, DAY, enriched_lead
from tests.support.scoring_policies import default_scoring

DEFAULT = default_scoring()


@settings(max_examples=40, deadline=None)
@given(subjects())
def test_every_point_is_the_score_that_the_scorer_has_at_that_instant(subject: ScoringSubject) -> None:
    for policy in (DEFAULT, FINE):
        curve = score_curve(subject, AT, policy)
        assert len(curve.points) == 110
        assert (curve.points[0].at, curve.points[-1].at) == (AT - BACK, AT + AHEAD)
        assert all(one.at < two.at for one, two in pairwise(curve.points))
        now = next(point for point in curve.points if point.at == AT)
        score = compute_score(subject, AT, policy).score
        assert (now.fit, now.intent, now.total, now.grade) == (
            score.fit, score.intent, score.total, score.grade,
        )  # fmt: skip
        _follow_timers(subject, curve, policy)


def _follow_timers(subject: ScoringSubject, curve: ScoreCurve, policy) -> None:
    """Score as the role does, at each timer; the points between are of the grades that are held then."""
    ahead = [point for point in curve.points if point.at > AT]
    at, result, grades = AT, compute_score(subject, AT, policy), []
    for _ in range(20):
        held = later(subject, result)
        due = next_change_at(held, result, at, policy)
        for point in ahead:
            if at <= point.at < (due or point.at + DAY):
                expected = compute_score(held, point.at, policy).score
                assert (point.intent, point.grade) == (expected.intent, expected.grade)
        if due is None or due > AT + AHEAD:
            break
        before, at, result = result, due, compute_score(held, due, policy)
        if result.score.grade != before.score.grade:
            grades.append((due, before.score.grade, result.score.grade))
    else:
        return
    assert [(one.at, one.before, one.grade) for one in curve.changes] == grades


def test_a_demo_request_falls_from_grade_to_grade_and_nothing_is_known_before_it() -> None:
    subject = ScoringSubject(enriched_lead(), [Activity("demo_request", AT - DAY)], intent_grade="1")
    subject = replace(subject, fit_grade=compute_score(subject, AT, DEFAULT).fit_grade)
    curve = score_curve(subject, AT, DEFAULT)
    assert {point.intent for point in curve.points if point.at < AT - DAY} == {0}
    assert next(point.intent for point in curve.points if point.at >= AT) > 0
    assert (curve.changes[0].before[1:], curve.changes[0].grade[1:]) == ("1", "2")
    assert all(change.is_loss for change in curve.changes)
    kept = {floor.grade: floor.kept for floor in curve.floors}
    assert all(change.intent < kept[change.before[1:]] for change in curve.changes)
    assert [floor.grade for floor in curve.floors] == ["1", "2", "3"]
