"""What a lead may still score while some fields are not known: for whoever decides if they are worth buying.

Every score that some value of the open fields leads to is within the bounds; some that none leads to may be
too. So whoever stops because one grade or band is left is never wrong, at most late.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from itertools import product
from typing import Final, NamedTuple

from msgspec import Struct

from services.scorer.domain.assess import total_of
from services.scorer.domain.intent import Sums, anchor_of, capped
from services.scorer.domain.policy import BandName, Floors, IntentRule, ScoringPolicy, SignalRule
from shared.lead.events.parts import Activity
from shared.lead.events.signal_received import SignalReceivedV1
from shared.lead.facts import activity_facts, signal_facts
from shared.lead.fields import FactKeys
from shared.rules.bounds import ANY_VALUE, PossibleValues, UnknownFields, possible_verdicts
from shared.rules.evaluate import Truth
from shared.rules.syntax import ALWAYS, Condition, Facts

FOLLOWS: Final[Mapping[str, tuple[str, ...]]] = {
    FactKeys.TITLE: (FactKeys.SENIORITY, FactKeys.DEPARTMENT),
}
"""The fields that follow from another, and are open when that one is."""


class Range(NamedTuple):
    """The least and the most that points come to."""

    low: int
    high: int

    @property
    def possible(self) -> PossibleValues:
        if self.low == self.high:
            return PossibleValues((self.low,), missing=False)
        return PossibleValues(low=self.low, high=self.high, missing=False)


class Interest(Struct, frozen=True):
    """What activities and signals may come to. `types`: of the live signals, surely and perhaps."""

    intent: Range
    strong: tuple[bool, ...]
    types: tuple[frozenset[str], frozenset[str]]


class Ground(Struct, frozen=True):
    """What is known and what is open, at an instant, under a policy.

    The market of a lead is in neither: the policy says it, so it is bounded itself.
    """

    facts: Facts
    unsettled: UnknownFields
    at: datetime
    policy: ScoringPolicy

    def with_more(self, more: UnknownFields) -> Ground:
        """Add what follows from what is known: as a fact if it can be one thing only, else as open."""
        values = {name: each.values for name, each in more.items() if not each.missing}
        certain = {name: only[0] for name, only in values.items() if only is not None and len(only) == 1}
        left = {name: each for name, each in more.items() if name not in certain}
        facts, unsettled = {**self.facts, **certain}, {**self.unsettled, **left}
        return Ground(facts, unsettled, self.at, self.policy)


class Bounds(Struct, frozen=True):
    """What is still possible. Grades go from the best to the worst; `bands` are in the policy's order.

    `ground` is what tables that come after scoring stand on: the score, as far as it is bounded, included.
    """

    fit: Range
    intent: Range
    total: Range
    fit_grades: tuple[str, ...]
    intent_grades: tuple[str, ...]
    bands: tuple[BandName, ...]
    strong: tuple[bool, ...]
    ground: Ground


def bounds_with(
    interest: Interest, fit_grade: str | None, intent_grade: str | None, ground: Ground
) -> Bounds:
    """Return what a lead may score with that interest; the grades are those that it holds."""
    policy, intent, at = ground.policy, interest.intent, ground.at
    ground = ground.with_more(_market(ground))
    fits = [each.fit_bounds(ground.facts, ground.unsettled, at) for each in policy.source.segments]
    fit = Range(max(low for low, _high in fits), max(high for _low, high in fits))
    total = Range(total_of(fit.low, intent.low, policy), total_of(fit.high, intent.high, policy))
    fit_grades = _grades(policy.fit_floors, fit, fit_grade, policy.hysteresis)
    intent_grades = _grades(policy.intent_floors, intent, intent_grade, policy.hysteresis)
    scored = {
        FactKeys.FIT: fit.possible,
        FactKeys.INTENT: intent.possible,
        FactKeys.TOTAL: total.possible,
        FactKeys.FIT_GRADE: PossibleValues(fit_grades, missing=False),
        FactKeys.INTENT_GRADE: PossibleValues(tuple(map(int, intent_grades)), missing=False),
        FactKeys.GRADE: PossibleValues(
            tuple(map("".join, product(fit_grades, intent_grades))), missing=False
        ),
        FactKeys.SEGMENT: _segment(fits, policy),
        FactKeys.SIGNALS_STRONG: PossibleValues(interest.strong, missing=False),
        FactKeys.SIGNALS_TYPES: _types(interest),
    }
    ground = ground.with_more(scored)
    found = policy.source.bands.possible(ground.facts, ground.unsettled, at)
    bands: tuple[BandName, ...] = tuple(dict.fromkeys(each.band if each else "cold" for each in found))
    ground = ground.with_more({FactKeys.BAND: PossibleValues(bands, missing=False)})
    return Bounds(fit, intent, total, fit_grades, intent_grades, bands, interest.strong, ground)


def interest_bounds(
    activities: Iterable[Activity], signals: Iterable[SignalReceivedV1], ground: Ground
) -> Interest:
    """Return what activities and signals may come to."""
    least: Sums = {}
    most: Sums = {}
    live = _Live()
    for activity in activities:
        for rule, points, truths in _activity_rules(activity, ground):
            _count(rule, points, truths, least, most)
    for signal in signals:
        found = list(_signal_rules(signal, ground))
        for counted, points, truths in found:
            _count(counted, points, truths, least, most)
        live.look_at(signal, found, ground.at)
    intent = Range(capped(least, ground.policy), capped(most, ground.policy))
    return Interest(intent, live.strong, (frozenset(live.surely), frozenset(live.perhaps)))


_SignalRule = tuple[SignalRule, int, frozenset[Truth]]
"""A rule on a signal: what it gives at the instant, and what its condition may come to."""


class _Live:
    """Which signals are live: surely, and perhaps."""

    def __init__(self) -> None:
        self.surely: set[str] = set()
        self.perhaps: set[str] = set()
        self._strong_surely = self._strong_perhaps = False

    @property
    def strong(self) -> tuple[bool, ...]:
        return tuple(dict.fromkeys((self._strong_perhaps, self._strong_surely)))

    def look_at(self, signal: SignalReceivedV1, rules: Sequence[_SignalRule], at: datetime) -> None:
        if signal.expires_at is not None and at >= signal.expires_at:
            return
        living = [(rule, truths) for rule, points, truths in rules if points >= 1 and True in truths]
        certain = [rule for rule, truths in living if truths == {True}]
        # Without a rule that counts it, a signal is live for as long as it says itself.
        unruled = signal.expires_at is not None and not any(truths == {True} for *_, truths in rules)
        ruled = any(True in truths for *_, truths in rules)
        if certain or (unruled and not ruled):
            self.surely.add(signal.type)
        if living or unruled:
            self.perhaps.add(signal.type)
        self._strong_surely |= any(rule.strong for rule in certain)
        self._strong_perhaps |= any(rule.strong for rule, _truths in living)


def _activity_rules(activity: Activity, ground: Ground) -> Iterator[tuple[IntentRule, int, frozenset[Truth]]]:
    policy = ground.policy
    on = policy.intent_on.get(activity.type)
    if on is not None:
        own = ground.facts if on.matching is None else activity_facts(ground.facts, activity)
        for rule, source in zip(on.rules, policy.source.intent[activity.type].rules, strict=True):
            points = rule.course.worth(ground.at - activity.at)
            yield rule, points, _truths(source.when, own, ground)


def _signal_rules(signal: SignalReceivedV1, ground: Ground) -> Iterator[_SignalRule]:
    policy = ground.policy
    on = policy.signals_on.get(signal.type)
    if on is not None:
        own = ground.facts if on.matching is None else signal_facts(ground.facts, signal)
        for rule, source in zip(on.rules, policy.source.signals[signal.type].rules, strict=True):
            anchor = anchor_of(rule.rises, signal)
            if anchor is not None:
                yield rule, rule.course.worth(ground.at - anchor), _truths(source.when, own, ground)


def _truths(condition: Condition, facts: Facts, ground: Ground) -> frozenset[Truth]:
    if condition == ALWAYS:
        return frozenset((True,))
    return possible_verdicts(condition, facts, ground.unsettled, ground.at)


def _count(
    rule: IntentRule | SignalRule, points: int, truths: frozenset[Truth], least: Sums, most: Sums
) -> None:
    if True in truths:
        most[rule] = most.get(rule, 0) + points
    if truths == {True}:
        least[rule] = least.get(rule, 0) + points


def _market(ground: Ground) -> UnknownFields:
    markets = ground.policy.source.markets.possible(ground.facts, ground.unsettled, ground.at)
    named = [market for market in markets if market is not None]
    if not named:
        return {}
    missing = None in markets
    validated = tuple(dict.fromkeys(market.validated for market in named))
    return {
        FactKeys.MARKET: PossibleValues(tuple(market.name for market in named), missing=missing),
        FactKeys.MARKET_VALIDATED: PossibleValues(validated, missing=missing),
    }


def _segment(fits: Sequence[tuple[int, int]], policy: ScoringPolicy) -> PossibleValues:
    """Return the segments that may fit best. A lead that fits none has no segment."""
    least = max(low for low, _high in fits)
    fitting = zip(policy.segments, fits, strict=True)
    names = tuple(segment.name for segment, (_low, high) in fitting if high >= max(least, 1))
    return PossibleValues(names, missing=least == 0)


def _types(interest: Interest) -> PossibleValues:
    surely, perhaps = interest.types
    return PossibleValues((tuple(sorted(surely)),), missing=False) if surely == perhaps else ANY_VALUE


def _grades(floors: Floors, points: Range, before: str | None, hysteresis: int) -> tuple[str, ...]:
    """Return the grades that points in that range may get; more points never give a worse one."""
    names = [name for name, _floor in floors.grades]
    best = names.index(floors.grade(points.high, before, hysteresis))
    worst = names.index(floors.grade(points.low, before, hysteresis))
    return tuple(names[best : worst + 1])
