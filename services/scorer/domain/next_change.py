"""When a score will change by the passing of time alone, so that a timer can be set for that instant."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime, timedelta
from heapq import heapify, heappop, heapreplace
from typing import Any

from msgspec.structs import replace

from services.scorer.domain.assess import Assessment, Subject, assess, band_of, score_facts
from services.scorer.domain.grade_decay import FallingIntent
from services.scorer.domain.intent import Match, Sums, capped, live_signals, sums_at
from services.scorer.policy import ScoringPolicy
from shared.lead.fields import FactKeys
from shared.rules.coercion import open_time
from shared.rules.syntax import Facts

_MICROSECOND = timedelta(microseconds=1)
_EXPIRY = -1
"""In the place of a fact: here no points change, but a signal expires."""


def next_change_at(subject: Subject, now: Assessment, at: datetime, policy: ScoringPolicy) -> datetime | None:
    """Return the first instant after `at` at which grade, band or live signals are others by themselves.

    `now` is the assessment of `subject` at `at`. None: never. Points follow known staircases; only where a
    `within` condition turns is everything asked anew.
    """
    held = replace(subject, fit_grade=now.fit_grade, intent_grade=now.intent_grade)
    current, since = now, at
    for turn in _turns(subject, now, at, policy):
        found = _Outlook(current, since, policy).first_change(before=turn)
        if found is not None:
            return found
        current, since = assess(held, turn, policy), turn
        if said_by(current) != said_by(now):
            return turn
    return _Outlook(current, since, policy).first_change()


def said_by(assessment: Assessment) -> tuple[object, ...]:
    """Return what others act on: a change of it is worth telling although nothing happened."""
    return assessment.score.grade, assessment.score.band, assessment.signals


def _turns(subject: Subject, now: Assessment, at: datetime, policy: ScoringPolicy) -> Sequence[datetime]:
    """Return the instants after `at` from which a `within` condition has another answer."""
    turns: set[datetime | None] = set()
    for field, age in policy.ages:
        for told in _told(field, subject, now.facts):
            since = open_time(told)
            if since is not None:
                turns |= {since, _later(since, age + _MICROSECOND)}
    return sorted(turn for turn in turns if turn is not None and turn > at)


def _told(field: str, subject: Subject, facts: Facts) -> Iterator[Any]:
    """Yield what a field is, or in each activity or signal of the lead, where it is a detail of these."""
    if field.startswith(FactKeys.ACTIVITY_DETAILS):
        name = field.removeprefix(FactKeys.ACTIVITY_DETAILS)
        yield from (activity.details.get(name) for activity in subject.activities)
    elif field.startswith(FactKeys.SIGNAL_DETAILS):
        name = field.removeprefix(FactKeys.SIGNAL_DETAILS)
        yield from (signal.details.get(name) for signal in subject.signals)
    else:
        yield facts.get(field)


class _Outlook:
    """What the facts of one assessment come to, as long as no condition turns."""

    def __init__(self, current: Assessment, at: datetime, policy: ScoringPolicy) -> None:
        self._current = current
        self._policy = policy
        self._at = at
        self._signals = current.matches.signals
        self._matches = (*current.matches.activities, *self._signals)

    def first_change(self, *, before: datetime | None = None) -> datetime | None:
        """Return the first instant after the assessment that tells, if it is before that one."""
        rises = any(match.rule.rises is not None and self._at < match.anchor for match in self._signals)
        if rises or self._policy.bands_follow_points:
            return self._first_step_that_tells(before)
        changes = [self._grade_falls(), self._signals_end()]
        first = min((change for change in changes if change is not None), default=None)
        return first if first is None or before is None or first < before else None

    def _grade_falls(self) -> datetime | None:
        """Return when the grade is left; points only fall."""
        least = self._policy.intent_floors.least(self._current.intent_grade, self._policy.hysteresis)
        return FallingIntent(self._matches, self._policy).falls_below(least, self._at) if least > 0 else None

    def _signals_end(self) -> datetime | None:
        """Return when other signals are live, by a signal that ends; none begins."""
        last_steps = (_step_at(match, len(match.course.ages) - 1) for match in self._signals)
        ends = {*last_steps, *self._expiries()}
        ahead = sorted(end for end in ends if end is not None and end > self._at)
        return next(filter(self._signals_differ, ahead), None)

    def _first_step_that_tells(self, before: datetime | None) -> datetime | None:
        """Return the first step of any fact after which grade, band or live signals are others."""
        steps = self._next_steps(self._at)
        heapify(steps)
        sums = sums_at(self._matches, self._at)
        intent = capped(sums, self._policy)
        while steps and (before is None or steps[0][0] < before):
            instant = steps[0][0]
            self._step(steps, sums)
            reached = capped(sums, self._policy)
            if reached != intent and self._tells(reached, instant):
                return instant
            intent = reached
            if self._signals_differ(instant):
                return instant
        return None

    def _next_steps(self, at: datetime) -> list[tuple[datetime, int, int]]:
        """Return for each fact the next step down (or up) of its staircase; also where signals expire."""
        steps = []
        for place, match in enumerate(self._matches):
            index = bisect_right(match.course.ages, at - match.anchor)
            instant = _step_at(match, index)
            if instant is not None:
                steps.append((instant, place, index))
        steps += [(expires_at, _EXPIRY, 0) for expires_at in self._expiries() if expires_at > at]
        return steps

    def _step(self, steps: list[tuple[datetime, int, int]], sums: Sums) -> None:
        """Take every step of the first instant."""
        instant = steps[0][0]
        while steps and steps[0][0] == instant:
            _, place, index = steps[0]
            following = None
            if place != _EXPIRY:
                match = self._matches[place]
                sums[match.rule] += match.course.values[index + 1] - match.course.values[index]
                following = _step_at(match, index + 1)
            if following is None:
                heappop(steps)
            else:
                heapreplace(steps, (following, place, index + 1))

    def _expiries(self) -> Iterable[datetime]:
        yield from (match.expires_at for match in self._signals if match.expires_at is not None)
        yield from (expires_at for _type, expires_at in self._current.matches.unruled)

    def _signals_differ(self, at: datetime) -> bool:
        matches = self._current.matches
        if not matches.signals and not matches.unruled:
            return False
        return live_signals(matches, at) != self._current.signals

    def _tells(self, intent: int, at: datetime) -> bool:
        """Tell whether grade or band are others with that much intent."""
        current, policy = self._current, self._policy
        grade = policy.intent_floors.grade(intent, current.intent_grade, policy.hysteresis)
        if grade != current.intent_grade:
            return True
        if not policy.bands_follow_points:
            return False
        changed = score_facts(current.score.fit, intent, current.fit_grade, grade, policy)
        return band_of({**current.facts, **changed}, at, policy) != current.score.band


def _step_at(match: Match, index: int) -> datetime | None:
    """Return the instant of that step of a fact; None when there is none, or beyond the calendar."""
    ages = match.course.ages
    return _later(match.anchor, ages[index]) if index < len(ages) else None


def _later(instant: datetime, by: timedelta) -> datetime | None:
    """Return the later instant, or None beyond the end of the calendar."""
    try:
        return instant + by
    except OverflowError:
        return None
