"""When intent that only falls has become too little.

Whoever falls and still has enough had enough all the time before. So the instant is found by looking ever
further ahead, and then by halving what lies between: first the time, then the few steps in it.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Iterator, Sequence
from datetime import UTC, datetime, timedelta
from typing import Final

from services.scorer.domain.decay import Course
from services.scorer.domain.intent import Match
from services.scorer.policy import CompiledIntentRule, CompiledSignalRule, ScoringPolicy

_FIRST_LOOK: Final = timedelta(days=4)
_HALVINGS: Final = 4
_END: Final = datetime.max.replace(tzinfo=UTC)

_Rule = tuple[int, Course, Sequence[datetime]]
"""What the facts of a rule give together at most, their course, and from when on each of them follows it."""


class FallingIntent:
    """Facts whose points do not rise, those first that may give most."""

    def __init__(self, matches: Iterable[Match], policy: ScoringPolicy) -> None:
        self._groups = sorted(_groups(matches, policy), key=lambda group: group[0], reverse=True)

    def falls_below(self, points: int, since: datetime) -> datetime | None:
        """Return the first instant from which on it is less than `points`, which it is not at `since`."""
        low, high = since, _later(since, _FIRST_LOOK)
        while self._reaches(points, high):
            if high == _END:
                return None
            low, high = high, _later(high, high - since)
        for _ in range(_HALVINGS):
            middle = low + (high - low) / 2
            low, high = (middle, high) if self._reaches(points, middle) else (low, middle)
        steps = self._steps(low, high)
        return steps[bisect_left(steps, 1, key=lambda step: not self._reaches(points, step))]

    def _reaches(self, points: int, at: datetime) -> bool:
        for most, rules in self._groups:
            given = 0
            for rule_most, course, anchors in rules:
                ages, values, worth = course.ages, course.values, 0
                for anchor in anchors:
                    worth += values[bisect_right(ages, at - anchor)]
                given += min(rule_most, worth)
            points -= min(most, given)
            if points <= 0:
                return True
        return False

    def _steps(self, low: datetime, high: datetime) -> Sequence[datetime]:
        """Return the instants after `low`, up to `high`, at which points are lost."""
        steps: set[datetime] = set()
        for _, rules in self._groups:
            for _, course, anchors in rules:
                for anchor in anchors:
                    first, end = course.step_after(low - anchor), course.step_after(high - anchor)
                    steps.update([anchor + age for age in course.ages[first:end]])
        return sorted(steps)


def _groups(matches: Iterable[Match], policy: ScoringPolicy) -> Iterator[tuple[int, Sequence[_Rule]]]:
    """Yield for each group what it gives at most, and its rules; a rule without one is a group by itself."""
    anchors: dict[CompiledIntentRule | CompiledSignalRule, list[datetime]] = {}
    for match in matches:
        anchors.setdefault(match.rule, []).append(match.anchor)
    groups: dict[str, list[_Rule]] = {}
    for rule, own in anchors.items():
        most = len(own) * rule.points
        most = most if rule.max is None else min(most, rule.max)
        if rule.group is None:
            yield most, [(most, rule.course, own)]
        else:
            groups.setdefault(rule.group, []).append((most, rule.course, own))
    for name, rules in groups.items():
        most = sum(rule_most for rule_most, _course, _anchors in rules)
        yield min(most, policy.group_caps.get(name, most)), rules


def _later(instant: datetime, by: timedelta) -> datetime:
    """Return the later instant, or the end of the calendar."""
    try:
        return instant + by
    except OverflowError:
        return _END
