"""The scoring policy as values: what fits, what shows intent, how grades and bands are made of it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import cached_property
from typing import ClassVar, Generic, Literal, TypeVar

from services.scorer.domain.decay import Course, halving, rising
from shared.lead.events.account_received import AccountReceivedV1
from shared.lead.facts import FactReaders
from shared.lead.fields import FactKeys
from shared.policy.compiled import CompiledPolicy
from shared.rules.syntax import Facts

Condition = Callable[[Facts, datetime], bool | None]
"""Asked of facts at an instant. None: a field that decides is not known; that does not match."""

BandName = Literal["cold", "mql", "sql"]


@dataclass(frozen=True, slots=True)
class Market:
    name: str
    validated: bool
    when: Condition


@dataclass(frozen=True, slots=True)
class Level:
    points: int
    when: Condition


@dataclass(frozen=True)
class Criterion:
    """Gives the points of its first level that matches. `fields` are what its levels look at."""

    name: str
    levels: tuple[Level, ...]
    fields: tuple[str, ...]

    @cached_property
    def fact(self) -> str:
        """How a line names what the criterion looks at."""
        return ", ".join(self.fields)


@dataclass(frozen=True, slots=True)
class Disqualifier:
    """Makes a fit zero."""

    name: str
    when: Condition
    fields: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Segment:
    name: str
    criteria: tuple[Criterion, ...]
    disqualify: tuple[Disqualifier, ...] = ()


@dataclass(frozen=True, eq=False)
class IntentRule:
    """Points for each activity that it matches: together at most `max`, and what its group gives."""

    name: str
    points: int
    half_life: timedelta
    max: int | None = None
    group: str | None = None
    rises: ClassVar[timedelta | None] = None
    strong: ClassVar[bool] = False

    @cached_property
    def course(self) -> Course:
        return halving(self.points, self.half_life)


@dataclass(frozen=True, eq=False)
class SignalRule:
    """Points for each signal that it matches: they halve, or rise to `details.expires_on` and end after."""

    name: str
    points: int
    half_life: timedelta | None = None
    rises: timedelta | None = None
    ends: timedelta = timedelta(0)
    strong: bool = False
    max: ClassVar[int | None] = None
    group: ClassVar[str | None] = None

    @cached_property
    def course(self) -> Course:
        if self.rises is not None:
            return rising(self.points, self.rises, self.ends)
        if self.half_life is None:
            raise ValueError(f"signal rule {self.name} neither halves nor rises")
        return halving(self.points, self.half_life)


R = TypeVar("R", IntentRule, SignalRule)


@dataclass(frozen=True, slots=True)
class RulesOn(Generic[R]):
    """The rules for activities or signals of one type, in order.

    `matching` gives those that match; None: all do, whatever the facts. `of_lead` tells whether it looks at
    facts of the lead too, or only at those of the activity or signal. `of_page` has the rules by the URL of
    the activity where they look at nothing else.
    """

    rules: tuple[R, ...]
    matching: Callable[[Facts, datetime], tuple[R, ...]] | None = None
    of_lead: bool = False
    of_page: Mapping[str | None, tuple[R, ...]] | None = None


@dataclass(frozen=True, slots=True)
class Floors:
    """The least points of each grade, the best first; the last grade has floor 0."""

    grades: tuple[tuple[str, int], ...]

    def grade(self, points: int, before: str | None, hysteresis: int) -> str:
        """Return the grade of `points`; those down to the one held before are left later by `hysteresis`.

        Falling through several grades at once ends where falling step by step would, so that it does not
        matter how often one looks.
        """
        held = False
        for name, floor in self.grades:
            held = held or name == before
            if points >= floor - (hysteresis if held else 0):
                return name
        return self.grades[-1][0]

    def least(self, grade: str, hysteresis: int) -> int:
        """Return the least points with which that grade, once held, is kept; 0 for the last."""
        if grade == self.grades[-1][0]:
            return 0
        return next(floor for name, floor in self.grades if name == grade) - hysteresis


@dataclass(frozen=True, slots=True)
class Band:
    """`when` None matches always."""

    name: BandName
    when: Condition | None = None


@dataclass(frozen=True)
class ScoringPolicy:
    """One version of the policy. `fit_share` is in per cent; the rest of the total is intent.

    `bands_read` are the fields that the bands' conditions look at; `ages` are the `within` conditions: a
    time field, and the age at which the answer turns. `fact_readers` read the fields that conditions ask for.
    `source` is what it was made of: the conditions as trees, which explain and bound what these decide.
    `seeds` say what is known of accounts, by key, until somebody says more; they are no part of the version.
    """

    version: str
    source: CompiledPolicy
    markets: tuple[Market, ...]
    segments: tuple[Segment, ...]
    intent_on: Mapping[str, RulesOn[IntentRule]]
    signals_on: Mapping[str, RulesOn[SignalRule]]
    intent_cap: int
    group_caps: Mapping[str, int]
    fit_floors: Floors
    intent_floors: Floors
    hysteresis: int
    fit_share: int
    spike_people: int
    spike_within: timedelta
    qualified_when: Condition | None
    bands: tuple[Band, ...]
    fact_readers: FactReaders
    bands_read: frozenset[str] = frozenset()
    ages: tuple[tuple[str, timedelta], ...] = ()
    seeds: Mapping[str, AccountReceivedV1] = field(default_factory=dict)

    @cached_property
    def bands_follow_points(self) -> bool:
        """Tell whether a band can change while both grades stay."""
        return not self.bands_read.isdisjoint({FactKeys.INTENT, FactKeys.TOTAL})
