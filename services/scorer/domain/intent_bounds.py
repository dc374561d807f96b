"""Bounds of the intent that activities and signals may give while fields of their lead are unknown.

Only a rule whose condition asks for an unknown field is uncertain. What it may give counts to the most and
not to the least; caps are applied to both sums, and as a cap never falls when points rise, both stay bounds.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime
from typing import Final, NamedTuple

from msgspec import Struct

from services.scorer.domain.intent import PointsByRule, anchor_of, apply_caps, live_until
from services.scorer.policy import (
    CompiledIntentRule,
    CompiledSignalRule,
    R,
    RulesOfType,
    ScoringPolicy,
)
from shared.lead.events.parts import Activity
from shared.lead.events.signal_received import SignalReceivedV1
from shared.lead.facts import activity_facts, signal_facts
from shared.rules.bounds import ConditionBounds, PossibleValues, UnknownFields
from shared.rules.comparison import Truth
from shared.rules.syntax import ALWAYS, Condition, Facts

_CERTAIN: Final[frozenset[Truth]] = frozenset((True,))


class PointsRange(NamedTuple):
    """The least and the most that points come to."""

    low: int
    high: int

    @property
    def possible(self) -> PossibleValues:
        if self.low == self.high:
            return PossibleValues((self.low,), missing=False)
        return PossibleValues(low=self.low, high=self.high, missing=False)


class IntentBounds(Struct, frozen=True):
    """What activities and signals may come to.

    `strong` has the possible values of `signals.strong`; `live` the types of the signals that are certainly
    live, and of those that are perhaps.
    """

    points: PointsRange
    strong: tuple[bool, ...]
    live: tuple[frozenset[str], frozenset[str]]


class IntentRulesBounds:
    """Bounds intent under one version of the policy; the conditions of its rules are prepared once."""

    def __init__(self, policy: ScoringPolicy) -> None:
        source = policy.compiled
        self._policy = policy
        self._intent_rules = {
            type_: _bounded_rules(on, [rule.when for rule in source.intent[type_].rules])
            for type_, on in policy.intent_on.items()
        }
        self._signal_rules = {
            type_: _bounded_rules(on, [rule.when for rule in source.signals[type_].rules])
            for type_, on in policy.signals_on.items()
        }

    def bounds(
        self,
        activities: Iterable[Activity],
        signals: Iterable[SignalReceivedV1],
        facts: Facts,
        unknown: UnknownFields,
        at: datetime,
    ) -> IntentBounds:
        """Return what activities and signals may come to."""
        least: PointsByRule = {}
        most: PointsByRule = {}
        live = LiveSignals()
        for activity in activities:
            for rule, points, truths in self._activity_points(activity, facts, unknown, at):
                _count(rule, points, truths, least, most)
        for signal in signals:
            found = list(self._signal_points(signal, facts, unknown, at))
            for counted, points, truths in found:
                _count(counted, points, truths, least, most)
            live.add(signal, found, at, until=live_until(signal, self._policy))
        points_range = PointsRange(apply_caps(least, self._policy), apply_caps(most, self._policy))
        return IntentBounds(points_range, live.strong, (frozenset(live.certain), frozenset(live.possible)))

    def _activity_points(
        self, activity: Activity, facts: Facts, unknown: UnknownFields, at: datetime
    ) -> Iterator[tuple[CompiledIntentRule, int, frozenset[Truth]]]:
        on = self._policy.intent_on.get(activity.type)
        if on is not None:
            own = facts if on.matching is None else activity_facts(facts, activity)
            for rule, condition in self._intent_rules[activity.type]:
                truths = _CERTAIN if condition is None else condition.possible(own, unknown, at)
                yield rule, rule.curve.points_at(at - activity.at), truths

    def _signal_points(
        self, signal: SignalReceivedV1, facts: Facts, unknown: UnknownFields, at: datetime
    ) -> Iterator[_SignalPoints]:
        on = self._policy.signals_on.get(signal.type)
        if on is not None:
            own = facts if on.matching is None else signal_facts(facts, signal)
            for rule, condition in self._signal_rules[signal.type]:
                anchor = anchor_of(rule.rises, signal)
                if anchor is not None:
                    truths = _CERTAIN if condition is None else condition.possible(own, unknown, at)
                    yield rule, rule.curve.points_at(at - anchor), truths


_SignalPoints = tuple[CompiledSignalRule, int, frozenset[Truth]]
"""A rule on a signal: what it gives at the instant, and what its condition may come to."""


class LiveSignals:
    """The types of the signals that are certainly live, and of those that are possibly live."""

    def __init__(self) -> None:
        self.certain: set[str] = set()
        self.possible: set[str] = set()
        self._strong_certainly = self._strong_possibly = False

    @property
    def strong(self) -> tuple[bool, ...]:
        """The possible values of `signals.strong`."""
        return tuple(dict.fromkeys((self._strong_possibly, self._strong_certainly)))

    def add(
        self,
        signal: SignalReceivedV1,
        rules: Sequence[_SignalPoints],
        at: datetime,
        *,
        until: datetime | None,
    ) -> None:
        """Add a signal; `rules` are those on its type, with what each of their conditions may come to.

        If none counts it, it is live until `until`; None: not at all.
        """
        if signal.expires_at is not None and at >= signal.expires_at:
            return
        scoring = [(rule, truths) for rule, points, truths in rules if points >= 1 and True in truths]
        certain = [rule for rule, truths in scoring if truths == _CERTAIN]
        lasts = until is not None and at < until
        perhaps_unruled = lasts and all(truths != _CERTAIN for *_, truths in rules)
        if certain or (perhaps_unruled and not any(True in truths for *_, truths in rules)):
            self.certain.add(signal.type)
        if scoring or perhaps_unruled:
            self.possible.add(signal.type)
        self._strong_certainly |= any(rule.strong for rule in certain)
        self._strong_possibly |= any(rule.strong for rule, _ in scoring)


def _bounded_rules(
    on: RulesOfType[R], conditions: Iterable[Condition]
) -> list[tuple[R, ConditionBounds | None]]:
    """Return the rules on one type with the bounds of their conditions; None: it always matches."""
    bounds = [None if condition == ALWAYS else ConditionBounds(condition) for condition in conditions]
    return list(zip(on.rules, bounds, strict=True))


def _count(
    rule: CompiledIntentRule | CompiledSignalRule,
    points: int,
    truths: frozenset[Truth],
    least: PointsByRule,
    most: PointsByRule,
) -> None:
    if True in truths:
        most[rule] = most.get(rule, 0) + points
    if truths == _CERTAIN:
        least[rule] = least.get(rule, 0) + points
