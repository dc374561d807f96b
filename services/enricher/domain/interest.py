"""How interested a lead may be: bounds of intent and of live signals, over facts and what is open. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, NamedTuple

from services.scorer.domain.decay import Course, halving, rising
from services.scorer.domain.facts import activity_facts, signal_facts
from services.scorer.domain.intent import expiry_day
from shared.events.parts import Activity
from shared.events.signal_received import SignalReceivedV1
from shared.policy.compiled import CompiledPolicy
from shared.policy.models import IntentRule, SignalRule
from shared.rules.bounds import Open, Possible, possible_verdicts
from shared.rules.syntax import ALWAYS, Facts, Rule

_Points = tuple[IntentRule | SignalRule, int, frozenset[bool | None]]
"""A rule, what it gives now, and whether it matches."""


class Bounds(NamedTuple):
    """The least and the most that points come to."""

    low: int
    high: int

    @property
    def possible(self) -> Possible:
        if self.low == self.high:
            return Possible((self.low,), missing=False)
        return Possible(low=self.low, high=self.high, missing=False)


@dataclass(frozen=True, slots=True)
class Interest:
    """Bounds of intent and of live signals, over facts and what is open."""

    policy: CompiledPolicy
    facts: Facts
    unsettled: Open
    at: datetime

    def intent(self, activities: Iterable[Activity], signals: Iterable[SignalReceivedV1]) -> Bounds:
        """Return the least and the most intent that these give."""
        low: dict[IntentRule | SignalRule, int] = {}
        high: dict[IntentRule | SignalRule, int] = {}
        for rule, points, truths in (*self._activity_points(activities), *self._signal_points(signals)):
            if True in truths:
                high[rule] = high.get(rule, 0) + points
            if truths == {True}:
                low[rule] = low.get(rule, 0) + points
        return Bounds(self._capped(low), self._capped(high))

    def strong(self, signals: Iterable[SignalReceivedV1]) -> tuple[bool, ...]:
        """Return whether a strong signal is live; both when that hangs on what is open."""
        living = [signal for signal in signals if signal.expires_at is None or self.at < signal.expires_at]
        found = [
            truths
            for rule, points, truths in self._signal_points(living)
            if isinstance(rule, SignalRule) and rule.strong and points >= 1
        ]
        return tuple({any(True in truths for truths in found), any(truths == {True} for truths in found)})

    def _activity_points(self, activities: Iterable[Activity]) -> Iterator[_Points]:
        """Yield each activity under each rule: its points now, and whether the rule matches."""
        for activity in activities:
            table = self.policy.intent.get(activity.type)
            for rule in table.rules if table else ():
                course = halving(rule.outcome.points, rule.outcome.half_life.timedelta)
                truths = self._truths(rule, activity_facts(self.facts, activity))
                yield rule.outcome, course.worth(self.at - activity.at), truths

    def _signal_points(self, signals: Iterable[SignalReceivedV1]) -> Iterator[_Points]:
        for signal in signals:
            table = self.policy.signals.get(signal.type)
            for rule in table.rules if table else ():
                anchor = signal.occurred_at if rule.outcome.rises is None else expiry_day(signal.details)
                if anchor is not None:
                    truths = self._truths(rule, signal_facts(self.facts, signal))
                    yield rule.outcome, _course(rule.outcome).worth(self.at - anchor), truths

    def _truths(self, rule: Rule[Any], facts: Facts) -> frozenset[bool | None]:
        if rule.when == ALWAYS:
            return frozenset({True})
        return possible_verdicts(rule.when, facts, self.unsettled, self.at)

    def _capped(self, sums: Mapping[IntentRule | SignalRule, int]) -> int:
        intent = self.policy.policy.scoring.intent
        total = 0
        groups: dict[str, int] = {}
        for rule, points in sums.items():
            given = min(points, rule.max) if isinstance(rule, IntentRule) else points
            group = rule.group if isinstance(rule, IntentRule) else None
            if group is None:
                total += given
            else:
                groups[group] = groups.get(group, 0) + given
        total += sum(min(points, intent.groups.get(group, points)) for group, points in groups.items())
        return min(total, intent.cap)


def _course(rule: SignalRule) -> Course:
    if rule.rises is not None and rule.ends is not None:
        return rising(rule.points, rule.rises.timedelta, rule.ends.timedelta)
    assert rule.half_life is not None  # noqa: S101 - the policy was checked: it halves, or it rises and ends
    return halving(rule.points, rule.half_life.timedelta)
