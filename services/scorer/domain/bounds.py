"""Bounds of the score that a lead may get while some of its fields are unknown.

The enricher asks this to decide whether a field is worth buying. Every score that some value of the unknown
fields leads to is within the bounds; some that none leads to may be too. So whoever stops buying because one
grade or band is left is never wrong, at most late.

A look-up asks for the bounds of one lead hundreds of times, with other values of its unknown fields each
time. Therefore everything that depends on the policy alone is prepared once (`ScoringBounds`), what depends
on the lead's activities, signals and held grades once for each of their combinations (`LeadScoreBounds`), and
each table keeps its result by what is known of its fields (`shared.rules.bounds`).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import datetime
from itertools import product
from typing import TYPE_CHECKING, Any, Final, Literal, NamedTuple, TypeVar

from msgspec import Struct

from services.scorer.domain.intent_bounds import IntentBounds, IntentRulesBounds, PointsRange
from services.scorer.domain.score import weighted_total
from services.scorer.policy import (
    BandName,
    GradeFloors,
    ScoringPolicy,
    scoring_conditions,
)
from shared.lead.events.parts import Activity
from shared.lead.events.signal_received import SignalReceivedV1
from shared.lead.fields import FactKeys
from shared.rules.bounds import (
    ANY_VALUE,
    FieldKnowledge,
    KnowledgeIndex,
    KnowledgeState,
    PossibleValues,
    TableBounds,
    UnknownFields,
    selector,
)
from shared.rules.equivalence_classes import ARBITRARY_TIME
from shared.rules.memo import Memo
from shared.rules.syntax import Facts

if TYPE_CHECKING:
    from shared.policy.compiled import FirstMatch, SegmentTables
    from shared.policy.models import Disqualifier, Level, Market

Outcome_ = TypeVar("Outcome_")
T = TypeVar("T")

DERIVED_FIELDS: Final[Mapping[str, tuple[str, ...]]] = {
    FactKeys.TITLE: (FactKeys.SENIORITY, FactKeys.DEPARTMENT),
    FactKeys.EMAIL: (FactKeys.EMAIL_DOMAIN, FactKeys.EMAIL_KIND, FactKeys.EMAIL_STATUS),
    FactKeys.PERSON_COUNTRY: (FactKeys.COMPANY_COUNTRY,),
}
"""The fields that are derived from another, and unknown while that one is."""

LEADS_MAX: Final = 256
"""For so many combinations of intent and held grades what was worked out is kept."""


class HeldGrades(NamedTuple):
    """The grades that a lead was last given; None for a new lead."""

    fit: str | None = None
    intent: str | None = None


class ScoreBounds(Struct, frozen=True):
    """The scores that are possible. Grades go from the best to the worst; `bands` are in the policy's order.

    `known` is what is known of the fields that scoring decides, as far as some condition asks for them.
    """

    fit: PointsRange
    intent: PointsRange
    total: PointsRange
    fit_grades: tuple[str, ...]
    intent_grades: tuple[str, ...]
    bands: tuple[BandName, ...]
    strong: tuple[bool, ...]
    known: Mapping[str, FieldKnowledge]


class ScoringBounds:
    """Bounds scores under one version of the policy. `index` has at least the fields that scoring reads."""

    def __init__(self, policy: ScoringPolicy, index: KnowledgeIndex | None = None) -> None:
        source = policy.compiled
        if index is None:
            index = KnowledgeIndex(when for when in scoring_conditions(source.policy) if when is not None)
        self.policy = policy
        self.index = index
        self.markets = _table(source.markets, index, self._market_knowledge)
        self.segments = tuple(_SegmentBounds(segment, index) for segment in source.segments)
        self.bands = _table(
            source.bands,
            index,
            lambda found: tuple(dict.fromkeys(band.band if band else "cold" for band in found)),
        )
        self.intent_rules = IntentRulesBounds(policy)
        # No comparison on a field that scoring decides asks for an age, so the time does not matter.
        self._knowledge = Memo[tuple[str, PossibleValues], FieldKnowledge](
            lambda key: index.unknown(*key, ARBITRARY_TIME)
        )
        self._leads = Memo[tuple[IntentBounds, HeldGrades], LeadScoreBounds](
            lambda key: LeadScoreBounds(self, *key), size=LEADS_MAX
        )

    def lead_bounds(self, intent: IntentBounds, held: HeldGrades) -> LeadScoreBounds:
        """Return the bounds of scores of leads with that intent and those grades."""
        return self._leads[intent, held]

    def intent_bounds(
        self,
        activities: Iterable[Activity],
        signals: Iterable[SignalReceivedV1],
        facts: Facts,
        unknown: UnknownFields,
        at: datetime,
    ) -> IntentBounds:
        """Return what activities and signals may come to."""
        return self.intent_rules.bounds(activities, signals, facts, unknown, at)

    def known_of(self, values: Mapping[str, PossibleValues]) -> dict[str, FieldKnowledge]:
        """Return what is known of fields with these values, without those that no condition asks for."""
        return {
            name: self._knowledge[name, possible]
            for name, possible in values.items()
            if name in self.index.positions
        }

    def _market_knowledge(self, markets: Sequence[Market | None]) -> list[tuple[int, FieldKnowledge]]:
        """Return what is known of the market's fields; without a possible market they are missing."""
        missing = None in markets
        named = [market for market in markets if market is not None]
        validated = tuple(dict.fromkeys(market.validated for market in named))
        values = {
            FactKeys.MARKET: PossibleValues(tuple(market.name for market in named), missing=missing),
            FactKeys.MARKET_VALIDATED: PossibleValues(validated, missing=missing),
        }
        return [(self.index.positions[name], known) for name, known in self.known_of(values).items()]


class LeadScoreBounds:
    """Bounds the scores of leads with the same intent and held grades, whatever else is known of them."""

    def __init__(self, scoring: ScoringBounds, intent: IntentBounds, held: HeldGrades) -> None:
        self._scoring = scoring
        self._intent = intent
        self._held = held
        self._scored = Memo(self._score)
        self._banded = Memo[tuple[BandName, ...], list[tuple[int, FieldKnowledge]]](
            lambda bands: self._positioned({FactKeys.BAND: PossibleValues(bands, missing=False)})
        )

    def apply(self, state: KnowledgeState) -> tuple[BandName, ...]:
        """Add to a state what is known of the market, the score and the band; return the possible bands."""
        scoring = self._scoring
        for position, knowledge in scoring.markets(state):
            state[position] = knowledge
        scored = self._scored[tuple([segment.fit(state) for segment in scoring.segments])]
        for position, knowledge in scored.known:
            state[position] = knowledge
        bands = scoring.bands(state)
        for position, knowledge in self._banded[bands]:
            state[position] = knowledge
        return bands

    def bounds(self, state: KnowledgeState) -> ScoreBounds:
        """Return the bounds of a score; the state stays as it is."""
        scoring, state = self._scoring, state.copy()
        bands = self.apply(state)
        scored = self._scored[tuple([segment.fit(state) for segment in scoring.segments])]
        decided = [position for position, _ in (*scoring.markets(state), *scored.known, *self._banded[bands])]
        return ScoreBounds(
            fit=scored.fit,
            intent=self._intent.points,
            total=scored.total,
            fit_grades=scored.fit_grades,
            intent_grades=scored.intent_grades,
            bands=bands,
            strong=self._intent.strong,
            known={state[position].field: state[position] for position in decided},
        )

    def _score(self, fits: tuple[PointsRange, ...]) -> _Scored:
        policy, intent = self._scoring.policy, self._intent
        fit = PointsRange(max(one.low for one in fits), max(one.high for one in fits))
        total = PointsRange(
            weighted_total(fit.low, intent.points.low, policy),
            weighted_total(fit.high, intent.points.high, policy),
        )
        fit_grades = _grades(policy.fit_floors, fit, self._held.fit, policy.hysteresis)
        intent_grades = _grades(policy.intent_floors, intent.points, self._held.intent, policy.hysteresis)
        certain, possible = intent.live
        values = {
            FactKeys.FIT: fit.possible,
            FactKeys.INTENT: intent.points.possible,
            FactKeys.TOTAL: total.possible,
            FactKeys.FIT_GRADE: PossibleValues(fit_grades, missing=False),
            FactKeys.INTENT_GRADE: PossibleValues(tuple(map(int, intent_grades)), missing=False),
            FactKeys.GRADE: PossibleValues(
                tuple(map("".join, product(fit_grades, intent_grades))), missing=False
            ),
            FactKeys.SEGMENT: possible_segments(fits, policy),
            FactKeys.SIGNALS_STRONG: PossibleValues(intent.strong, missing=False),
            FactKeys.SIGNALS_TYPES: PossibleValues((tuple(sorted(certain)),), missing=False)
            if certain == possible
            else ANY_VALUE,
        }
        return _Scored(fit, total, fit_grades, intent_grades, self._positioned(values))

    def _positioned(self, values: Mapping[str, PossibleValues]) -> list[tuple[int, FieldKnowledge]]:
        positions = self._scoring.index.positions
        return [(positions[name], known) for name, known in self._scoring.known_of(values).items()]


class _Scored(NamedTuple):
    """What follows from the fit of every segment."""

    fit: PointsRange
    total: PointsRange
    fit_grades: tuple[str, ...]
    intent_grades: tuple[str, ...]
    known: list[tuple[int, FieldKnowledge]]


Disqualified = Literal["not", "perhaps", "certainly"]


class _SegmentBounds:
    """Bounds the fit of one segment; the result is kept by what is known of all its fields."""

    def __init__(self, segment: SegmentTables, index: KnowledgeIndex) -> None:
        self._disqualify: TableBounds[Disqualified] = _table(segment.disqualify, index, disqualification)
        self._criteria = [_table(criterion, index, points_range) for criterion in segment.criteria]
        tables: list[TableBounds[Any]] = [self._disqualify, *self._criteria]
        self._positions = tuple(dict.fromkeys(position for table in tables for position in table.positions))
        self._select = selector(self._positions)
        self._fits = Memo(self._fit)

    def fit(self, state: KnowledgeState) -> PointsRange:
        """Return the least and the most fit."""
        return self._fits[self._select(state)]

    def _fit(self, known: tuple[FieldKnowledge, ...]) -> PointsRange:
        state: dict[int, FieldKnowledge] = dict(zip(self._positions, known, strict=True))
        disqualified = self._disqualify(state)
        if disqualified == "certainly":
            return PointsRange(0, 0)
        points = [criterion(state) for criterion in self._criteria]
        low = sum(one.low for one in points) if disqualified == "not" else 0
        return PointsRange(low, sum(one.high for one in points))


def disqualification(found: Sequence[Disqualifier | None]) -> Disqualified:
    """Return whether a lead is disqualified, by the disqualifiers that may hold (None: none may hold)."""
    if None not in found:
        return "certainly"
    return "not" if len(found) == 1 else "perhaps"


def points_range(found: Sequence[Level | None]) -> PointsRange:
    """Return the points of the levels that may be reached (None: no level, no points)."""
    points = [level.points if level else 0 for level in found]
    return PointsRange(min(points), max(points))


def _table(
    table: FirstMatch[Outcome_], index: KnowledgeIndex, conclude: Callable[[Sequence[Outcome_ | None]], T]
) -> TableBounds[T]:
    """Return the bounds of a table; `conclude` gets the possible outcomes in order, None last."""
    outcomes = [rule.outcome for rule in table.rules]

    def concluded(reached: frozenset[int | None]) -> T:
        found: list[Outcome_ | None] = [
            outcome for number, outcome in enumerate(outcomes) if number in reached
        ]
        return conclude([*found, None] if None in reached else found)

    return TableBounds([rule.when for rule in table.rules], index, concluded)


def possible_segments(fits: Sequence[PointsRange], policy: ScoringPolicy) -> PossibleValues:
    """Return the segments that may fit best. A lead that fits none has no segment."""
    least = max(fit.low for fit in fits)
    names = tuple(
        segment.name for segment, fit in zip(policy.segments, fits, strict=True) if fit.high >= max(least, 1)
    )
    return PossibleValues(names, missing=least == 0)


def _grades(floors: GradeFloors, points: PointsRange, held: str | None, hysteresis: int) -> tuple[str, ...]:
    """Return the grades that points in that range may get; more points never give a worse one."""
    names = [name for name, _floor in floors.grades]
    best = names.index(floors.grade(points.high, held, hysteresis))
    worst = names.index(floors.grade(points.low, held, hysteresis))
    return tuple(names[best : worst + 1])
