"""When intent that only decays falls below the floor of a grade.

Decaying intent is monotonic, so the instant is found by bisection: first by doubling the time that is looked
ahead, then by halving the interval, then among the few steps inside it. That is several times faster than
going through the steps one by one.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Iterator, Sequence
from datetime import UTC, datetime, timedelta
from typing import Final

from services.scorer.domain.decay import PointsCurve
from services.scorer.domain.intent import MatchedFact
from services.scorer.policy import CompiledIntentRule, CompiledSignalRule, ScoringPolicy

_FIRST_INTERVAL: Final = timedelta(days=4)
_BISECTIONS: Final = 4
_END: Final = datetime.max.replace(tzinfo=UTC)

_RuleFacts = tuple[int, PointsCurve, Sequence[datetime]]
"""The most that the facts of a rule give together, their curve, and the anchor of each."""


class DecayingIntent:
    """Facts whose points do not rise, by the group that caps them; groups that may give most come first."""

    def __init__(self, matches: Iterable[MatchedFact], policy: ScoringPolicy) -> None:
        self._groups = sorted(_groups(matches, policy), key=lambda group: group[0], reverse=True)

    def falls_below(self, points: int, since: datetime) -> datetime | None:
        """Return the first instant after `since` with less than `points`, `None` when there is none.

        At `since` there must be at least `points`.
        """
        low, high = since, _later(since, _FIRST_INTERVAL)
        while self._reaches(points, high):
            if high == _END:
                return None
            low, high = high, _later(high, high - since)
        for _ in range(_BISECTIONS):
            middle = low + (high - low) / 2
            low, high = (middle, high) if self._reaches(points, middle) else (low, middle)
        steps: set[datetime] = set()
        for _, rules in self._groups:
            for _, curve, anchors in rules:
                for anchor in anchors:
                    first, end = curve.next_step(low - anchor), curve.next_step(high - anchor)
                    steps.update([anchor + age for age in curve.ages[first:end]])
        in_order = sorted(steps)
        return in_order[bisect_left(in_order, 1, key=lambda step: not self._reaches(points, step))]

    def _reaches(self, points: int, at: datetime) -> bool:
        for most, rules in self._groups:
            given = 0
            for rule_most, curve, anchors in rules:
                ages, values, total = curve.ages, curve.values, 0
                for anchor in anchors:
                    total += values[bisect_right(ages, at - anchor)]
                given += min(rule_most, total)
            points -= min(most, given)
            if points <= 0:
                return True
        return False


def _groups(
    matches: Iterable[MatchedFact], policy: ScoringPolicy
) -> Iterator[tuple[int, Sequence[_RuleFacts]]]:
    """Yield the most that each group gives, and its rules; a rule without a group is one by itself."""
    anchors: dict[CompiledIntentRule | CompiledSignalRule, list[datetime]] = {}
    for match in matches:
        anchors.setdefault(match.rule, []).append(match.anchor)
    groups: dict[str, list[_RuleFacts]] = {}
    for rule, own in anchors.items():
        most = len(own) * rule.points
        most = most if rule.max is None else min(most, rule.max)
        if rule.group is None:
            yield most, [(most, rule.curve, own)]
        else:
            groups.setdefault(rule.group, []).append((most, rule.curve, own))
    for name, rules in groups.items():
        most = sum(rule_most for rule_most, _curve, _anchors in rules)
        yield min(most, policy.group_caps.get(name, most)), rules


def _later(instant: datetime, by: timedelta) -> datetime:
    """Return the later instant, or the end of the calendar."""
    try:
        return instant + by
    except OverflowError:
        return _END
