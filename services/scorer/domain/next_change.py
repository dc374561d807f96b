"""When a score changes by the passing of time alone, so that a timer can be set for exactly that instant."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime, timedelta
from heapq import heapify, heappop, heapreplace
from typing import Any

from msgspec.structs import replace

from services.scorer.domain.grade_decay import DecayingIntent
from services.scorer.domain.intent import MatchedFact, PointsByRule, apply_caps, live_signals, points_by_rule
from services.scorer.domain.score import ScoreResult, ScoringSubject, band_of, compute_score, score_facts
from services.scorer.policy import ScoringPolicy
from shared.lead.fields import FactKeys
from shared.rules.coercion import open_time
from shared.rules.syntax import Facts

_MICROSECOND = timedelta(microseconds=1)
_EXPIRY = -1
"""Instead of the index of a match: at this step a signal expires, and no points change."""


def next_change_at(
    subject: ScoringSubject, result: ScoreResult, at: datetime, policy: ScoringPolicy
) -> datetime | None:
    """Return the first instant after `at` with another grade, band or set of live signals, `None` for never.

    `result` is the score of `subject` at `at`. Between two instants at which a `within` condition changes its
    verdict, points follow the curves of facts that are known already, so the score is computed again only
    there.
    """
    # From now on the lead holds the grades of `result`, so the hysteresis applies to these.
    held = replace(subject, fit_grade=result.fit_grade, intent_grade=result.intent_grade)
    current, since = result, at
    for instant in condition_changes(subject, result, at, policy):
        found = ScoreTimeline(current, since, policy).first_change(before=instant)
        if found is not None:
            return found
        current, since = compute_score(held, instant, policy), instant
        if actionable_parts(current) != actionable_parts(result):
            return instant
    return ScoreTimeline(current, since, policy).first_change()


def actionable_parts(result: ScoreResult) -> tuple[object, ...]:
    """Return grade, band and live signals: what readers of a score act on, so a change of it is news."""
    return result.score.grade, result.score.band, result.signals


def condition_changes(
    subject: ScoringSubject, result: ScoreResult, at: datetime, policy: ScoringPolicy
) -> Sequence[datetime]:
    """Return the instants after `at` at which a `within` condition changes its verdict."""
    instants: set[datetime | None] = set()
    for field, age in policy.ages:
        for value in values_of(field, subject, result.facts):
            since = open_time(value)
            if since is not None:
                # `within` holds from the time itself up to and including `age` after it.
                instants |= {since, _later(since, age + _MICROSECOND)}
    return sorted(instant for instant in instants if instant is not None and instant > at)


def values_of(field: str, subject: ScoringSubject, facts: Facts) -> Iterator[Any]:
    """Yield the value of a field; of a detail of activities or signals, the value in each of them."""
    if field.startswith(FactKeys.ACTIVITY_DETAILS):
        name = field.removeprefix(FactKeys.ACTIVITY_DETAILS)
        yield from (activity.details.get(name) for activity in subject.activities)
    elif field.startswith(FactKeys.SIGNAL_DETAILS):
        name = field.removeprefix(FactKeys.SIGNAL_DETAILS)
        yield from (signal.details.get(name) for signal in subject.signals)
    else:
        yield facts.get(field)


class ScoreTimeline:
    """How one score develops as long as no condition changes its verdict."""

    def __init__(self, result: ScoreResult, at: datetime, policy: ScoringPolicy) -> None:
        self._result = result
        self._policy = policy
        self._at = at
        self._signals = result.matches.signals
        self._matches = (*result.matches.activities, *self._signals)

    def first_change(self, *, before: datetime | None = None) -> datetime | None:
        """Return the first instant with another grade, band or live signals, if it is before `before`."""
        rises = any(match.rule.rises is not None and self._at < match.anchor for match in self._signals)
        if rises or self._policy.bands_follow_points:
            return self.first_relevant_step(before)
        found: list[datetime | None] = [self.first_signal_end()]
        # Points only fall from here, so a bisection finds when the intent grade is lost.
        floor = self._policy.intent_floors.least(self._result.intent_grade, self._policy.hysteresis)
        if floor > 0:
            found.append(DecayingIntent(self._matches, self._policy).falls_below(floor, self._at))
        first = min((instant for instant in found if instant is not None), default=None)
        return first if first is None or before is None or first < before else None

    def first_signal_end(self) -> datetime | None:
        """Return when the set of live signals changes first; signals only end here, none begins."""
        last_steps = (_step_at(match, len(match.curve.ages) - 1) for match in self._signals)
        ends = {*last_steps, *self._expiries()}
        ahead = sorted(end for end in ends if end is not None and end > self._at)
        return next(filter(self._signals_differ, ahead), None)

    def first_relevant_step(self, before: datetime | None) -> datetime | None:
        """Return the first step of any fact after which grade, band or live signals differ.

        A heap holds the next step of each fact as (instant, index of the match, index of the step).
        """
        steps: list[tuple[datetime, int, int]] = []
        for index, match in enumerate(self._matches):
            step = match.curve.next_step(self._at - match.anchor)
            instant = _step_at(match, step)
            if instant is not None:
                steps.append((instant, index, step))
        steps += [(expires_at, _EXPIRY, 0) for expires_at in self._expiries() if expires_at > self._at]
        heapify(steps)
        sums = points_by_rule(self._matches, self._at)
        intent = apply_caps(sums, self._policy)
        while steps and (before is None or steps[0][0] < before):
            now = steps[0][0]
            self._take_steps(steps, sums)
            reached = apply_caps(sums, self._policy)
            if reached != intent and self._changes_grade_or_band(reached, now):
                return now
            intent = reached
            if self._signals_differ(now):
                return now
        return None

    def _take_steps(self, steps: list[tuple[datetime, int, int]], sums: PointsByRule) -> None:
        """Apply all steps of the first instant to `sums`, and replace them with the steps that follow."""
        now = steps[0][0]
        while steps and steps[0][0] == now:
            _, index, step = steps[0]
            following = None
            if index != _EXPIRY:
                match = self._matches[index]
                sums[match.rule] += match.curve.values[step + 1] - match.curve.values[step]
                following = _step_at(match, step + 1)
            if following is None:
                heappop(steps)
            else:
                heapreplace(steps, (following, index, step + 1))

    def _expiries(self) -> Iterable[datetime]:
        yield from (match.expires_at for match in self._signals if match.expires_at is not None)
        yield from (expires_at for _type, expires_at in self._result.matches.without_rule)

    def _signals_differ(self, at: datetime) -> bool:
        matches = self._result.matches
        if not matches.signals and not matches.without_rule:
            return False
        return live_signals(matches, at) != self._result.signals

    def _changes_grade_or_band(self, intent: int, at: datetime) -> bool:
        result, policy = self._result, self._policy
        grade = policy.intent_floors.grade(intent, result.intent_grade, policy.hysteresis)
        if grade != result.intent_grade:
            return True
        if not policy.bands_follow_points:
            return False
        changed = score_facts(result.score.fit, intent, result.fit_grade, grade, policy)
        return band_of({**result.facts, **changed}, at, policy) != result.score.band


def _step_at(match: MatchedFact, step: int) -> datetime | None:
    """Return the instant of a step of a fact, `None` when there is none or it is beyond the calendar."""
    ages = match.curve.ages
    return _later(match.anchor, ages[step]) if step < len(ages) else None


def _later(instant: datetime, by: timedelta) -> datetime | None:
    """Return the later instant, `None` beyond the end of the calendar."""
    try:
        return instant + by
    except OverflowError:
        return None
