"""How the intent of a lead went and will go if nothing else happens, and when a grade is lost. Pure.

Every point is a score that the scorer itself computes, so that the curve cannot disagree with it.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Final

from msgspec import Struct
from msgspec.structs import replace

from services.scorer.domain.next_change import next_change_at
from services.scorer.domain.score import ScoringSubject, compute_score
from services.scorer.policy import ScoringPolicy

BACK: Final = timedelta(days=10)
AHEAD: Final = timedelta(days=45)
POINTS_BACK: Final = 20
POINTS_AHEAD: Final = 89
_CHANGES_MAX: Final = 50


class CurvePoint(Struct, frozen=True):
    """The score at an instant: fit, intent and total are 0 to 100."""

    at: datetime
    fit: int
    intent: int
    total: int
    grade: str


class IntentFloor(Struct, frozen=True):
    """The least intent with which a grade is reached, and with which it is kept once it is held."""

    grade: str
    reached: int
    kept: int


class GradeChange(Struct, frozen=True):
    """The instant from which a lead has another grade, and its intent then; `is_loss`: intent fell."""

    at: datetime
    before: str
    grade: str
    intent: int
    is_loss: bool


class ScoreCurve(Struct, frozen=True):
    """The score from `BACK` before `now` to `AHEAD` after it, at most 110 instants in order; `now` is one.

    Before `now`, what had not happened yet is left out, and what is known today of what had is counted: it is
    no record of past scores. `changes` are the grades to come.
    """

    now: datetime
    points: list[CurvePoint]
    floors: list[IntentFloor]
    changes: list[GradeChange]


def score_curve(subject: ScoringSubject, now: datetime, policy: ScoringPolicy) -> ScoreCurve:
    """Return the curve of what is scored, if nothing else happens from `now` on."""
    back = [now - BACK + BACK * step / POINTS_BACK for step in range(POINTS_BACK)]
    ahead = [now + AHEAD * step / POINTS_AHEAD for step in range(POINTS_AHEAD + 1)]
    points = [_point(_as_of(subject, at), at, policy) for at in back]
    changes: list[GradeChange] = []
    held: list[tuple[datetime, ScoringSubject]] = []
    for since, after, change in _changes(subject, now, policy):
        held.append((since, after))
        changes += [change] if change else []
    for at in ahead:
        while len(held) > 1 and held[1][0] <= at:
            held.pop(0)
        points.append(_point(held[0][1], at, policy))
    floors = [
        IntentFloor(grade, floor, policy.intent_floors.least(grade, policy.hysteresis))
        for grade, floor in policy.intent_floors.grades
        if floor > 0
    ]
    return ScoreCurve(now, points, floors, changes)


def _as_of(subject: ScoringSubject, at: datetime) -> ScoringSubject:
    """Return what had happened by an instant; facts of the future give points as if they were of today."""
    return replace(
        subject,
        activities=[activity for activity in subject.activities if activity.at <= at],
        signals=[signal for signal in subject.signals if signal.occurred_at <= at],
        fit_grade=None,
        intent_grade=None,
    )


def _point(subject: ScoringSubject, at: datetime, policy: ScoringPolicy) -> CurvePoint:
    score = compute_score(subject, at, policy).score
    return CurvePoint(at, score.fit, score.intent, score.total, score.grade)


def _changes(
    subject: ScoringSubject, now: datetime, policy: ScoringPolicy
) -> Iterator[tuple[datetime, ScoringSubject, GradeChange | None]]:
    """Yield from when on the lead holds other grades, what is scored from then on, and the change.

    These are the instants at which the scorer's timer scores the lead again.
    """
    at, result, change = now, compute_score(subject, now, policy), None
    for _ in range(_CHANGES_MAX):
        subject = replace(subject, fit_grade=result.fit_grade, intent_grade=result.intent_grade)
        yield at, subject, change
        due = next_change_at(subject, result, at, policy)
        if due is None or due > now + AHEAD:
            return
        before, at, result, change = result.score, due, compute_score(subject, due, policy), None
        score = result.score
        if score.grade != before.grade:
            change = GradeChange(due, before.grade, score.grade, score.intent, score.intent < before.intent)
