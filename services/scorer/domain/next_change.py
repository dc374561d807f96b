"""When a score will change by the passing of time alone, so that a timer can be set for that instant."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta
from heapq import heapify, heappop, heapreplace

from services.scorer.domain.assess import Assessment, Subject, assess, band_of, score_facts
from services.scorer.domain.intent import Match, Tally, live_signals
from services.scorer.domain.policy import ScoringPolicy

_MICROSECOND = timedelta(microseconds=1)


def next_change_at(subject: Subject, now: Assessment, at: datetime, policy: ScoringPolicy) -> datetime | None:
    """Return the first instant after `at` at which grade, band or live signals are others by themselves.

    `now` is the assessment of `subject` at `at`. None: never. Points follow known staircases; only where a
    `within` condition turns is everything asked anew.
    """
    held = subject_with(subject, now)
    current, since = now, at
    for turn in _turns(now, at, policy):
        found = _first_step(current, since, turn, policy)
        if found is not None:
            return found
        current, since = assess(held, turn, policy), turn
        if said_by(current) != said_by(now):
            return turn
    return _first_step(current, since, None, policy)


def subject_with(subject: Subject, now: Assessment) -> Subject:
    """Return the subject as the next assessment will meet it: holding the grades of this one."""
    return Subject(
        subject.lead, subject.activities, subject.signals, subject.known, now.fit_grade, now.intent_grade
    )


def said_by(assessment: Assessment) -> tuple[object, ...]:
    """Return what others act on: a change of it is worth telling although nothing happened."""
    return assessment.score.grade, assessment.score.band, assessment.signals


def _turns(now: Assessment, at: datetime, policy: ScoringPolicy) -> list[datetime]:
    """Return the instants after `at` from which a `within` condition has another answer."""
    turns = set()
    for field, age in policy.ages:
        since = now.facts.get(field)
        if isinstance(since, datetime):
            turn = _later(since, age + _MICROSECOND)
            if turn is not None and turn > at:
                turns.add(turn)
    return sorted(turns)


def _first_step(
    current: Assessment, at: datetime, until: datetime | None, policy: ScoringPolicy
) -> datetime | None:
    """Walk down the staircases of all facts together; return the first instant before `until` that tells."""
    matches = (*current.matches.activities, *current.matches.signals)
    tally = Tally(policy)
    steps = []
    for place, match in enumerate(matches):
        tally.add(match, match.points(at))
        staircase = _steps(match, at)
        first = next(staircase, None)
        if first is not None:
            steps.append((first[0], place, first[1], staircase))
    for place, expires_at in enumerate(_expiries(current), start=len(matches)):
        if expires_at > at:
            steps.append((expires_at, place, 0, iter(())))
    heapify(steps)
    while steps and (until is None or steps[0][0] < until):
        instant = steps[0][0]
        intent, alive = tally.intent, False
        while steps and steps[0][0] == instant:
            _, place, points, staircase = steps[0]
            if place < len(matches):
                tally.add(matches[place], points)
            alive = alive or place >= len(current.matches.activities)
            following = next(staircase, None)
            if following is None:
                heappop(steps)
            else:
                heapreplace(steps, (following[0], place, following[1], staircase))
        if tally.intent != intent and _tells(current, tally.intent, policy):
            return instant
        if alive and live_signals(current.matches, instant) != current.signals:
            return instant
    return None


def _steps(match: Match, at: datetime) -> Iterator[tuple[datetime, int]]:
    """Give the instants after `at` at which the points of a fact change, and by how much."""
    course = match.course
    first = course.step_after(at - match.anchor)
    for step in range(first, len(course.ages)):
        instant = _later(match.anchor, course.ages[step])
        if instant is None:
            return
        yield instant, course.values[step + 1] - course.values[step]


def _expiries(current: Assessment) -> Iterator[datetime]:
    for match in current.matches.signals:
        if match.expires_at is not None:
            yield match.expires_at
    for _type, expires_at in current.matches.unruled:
        yield expires_at


def _tells(current: Assessment, intent: int, policy: ScoringPolicy) -> bool:
    """Tell whether grade or band are others with that much intent."""
    grade = policy.intent_floors.grade(intent, current.intent_grade, policy.hysteresis)
    if grade != current.intent_grade:
        return True
    if not policy.bands_follow_points:
        return False
    changed = score_facts(current.score.fit, intent, current.fit_grade, grade, policy)
    return band_of({**current.facts, **changed}, policy) != current.score.band


def _later(instant: datetime, by: timedelta) -> datetime | None:
    """Return the later instant, or None beyond the end of the calendar."""
    try:
        return instant + by
    except OverflowError:
        return None
