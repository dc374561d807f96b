"""The scoring policy: what the scorer needs of one version of the policy, compiled once.

The values bear the names of the policy's models, with `Compiled` before them: their conditions are functions,
their durations timedeltas, their points curves over time. Scoring reads only these. What explains a score or
says which scores are still possible reads the conditions as trees, which `compiled` holds.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import cached_property
from typing import TYPE_CHECKING, ClassVar, Final, Generic, Literal, TypeVar

from services.scorer.domain.decay import PointsCurve, half_life_curve, ramp_curve
from shared.lead.events.account_received import AccountReceivedV1, Relation
from shared.lead.events.parts import Activity
from shared.lead.facts import FactReaders, activity_facts, fact_readers
from shared.lead.fields import FactKeys, Known, field_named
from shared.lead.identity import account_key
from shared.policy.compiled import CompiledPolicy, compared_ages, compared_fields
from shared.rules.compile import all_matches, check
from shared.rules.equivalence_classes import ARBITRARY_TIME
from shared.rules.memo import Memo
from shared.rules.syntax import ALWAYS, Condition, Facts, Rule

if TYPE_CHECKING:
    from shared.policy.models import Accounts, Criterion, IntentRule, Policy, Segment, SignalRule

Predicate = Callable[[Facts, datetime], bool | None]
"""A compiled condition, asked of facts at an instant. None: a field that decides is unknown; no match."""

BandName = Literal["cold", "mql", "sql"]

_RELATIONS: Final[tuple[Relation, ...]] = ("target", "customer", "competitor", "partner")
_PAGE_FIELDS: Final = frozenset({FactKeys.ACTIVITY_TYPE, FactKeys.ACTIVITY_PATH, FactKeys.ACTIVITY_URL})


@dataclass(frozen=True, slots=True)
class CompiledMarket:
    name: str
    validated: bool
    when: Predicate


@dataclass(frozen=True, slots=True)
class CompiledLevel:
    points: int
    when: Predicate


@dataclass(frozen=True)
class CompiledCriterion:
    """Gives the points of its first level that matches. `fields` are those that its levels compare."""

    name: str
    levels: tuple[CompiledLevel, ...]
    fields: tuple[str, ...]

    @cached_property
    def fact(self) -> str:
        """The fields, as a score line names them."""
        return ", ".join(self.fields)


@dataclass(frozen=True, slots=True)
class CompiledDisqualifier:
    """Makes the fit to a segment zero. `fields` are those that it compares."""

    name: str
    when: Predicate
    fields: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class CompiledSegment:
    name: str
    criteria: tuple[CompiledCriterion, ...]
    disqualify: tuple[CompiledDisqualifier, ...] = ()


@dataclass(frozen=True, eq=False)
class CompiledIntentRule:
    """Points for each activity that it matches: together at most `max`, and what its group gives."""

    name: str
    points: int
    half_life: timedelta
    max: int | None = None
    group: str | None = None
    rises: ClassVar[timedelta | None] = None
    strong: ClassVar[bool] = False

    @cached_property
    def curve(self) -> PointsCurve:
        """The points by the age of the activity."""
        return half_life_curve(self.points, self.half_life)


@dataclass(frozen=True, eq=False)
class CompiledSignalRule:
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
    def curve(self) -> PointsCurve:
        """The points by the age of the signal, or by the time since the day that it rises to."""
        if self.rises is not None:
            return ramp_curve(self.points, self.rises, self.ends)
        if self.half_life is None:
            raise ValueError(f"signal rule {self.name} neither halves nor rises")
        return half_life_curve(self.points, self.half_life)


R = TypeVar("R", CompiledIntentRule, CompiledSignalRule)


@dataclass(frozen=True, slots=True)
class RulesOfType(Generic[R]):
    """The rules for activities or signals of one type, in the order of the policy.

    `matching` gives those that match; None: all do, whatever the facts. `reads_lead` says whether they
    compare fields of the lead too, or only those of the activity or signal. `by_url` has the rules that match
    by the URL of the activity, where they compare nothing else.
    """

    rules: tuple[R, ...]
    matching: Callable[[Facts, datetime], tuple[R, ...]] | None = None
    reads_lead: bool = False
    by_url: Mapping[str | None, tuple[R, ...]] | None = None


@dataclass(frozen=True, slots=True)
class GradeFloors:
    """The least points of each grade, the best first; the last grade has floor 0."""

    grades: tuple[tuple[str, int], ...]

    def grade(self, points: int, before: str | None, hysteresis: int) -> str:
        """Return the grade of `points`. The grade before and those below it are left `hysteresis` later.

        Falling through several grades at once ends where falling step by step would, so that it does not
        matter how often a score is computed.
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
class CompiledBand:
    """`when` None matches always."""

    name: BandName
    when: Predicate | None = None


@dataclass(frozen=True)
class ScoringPolicy:
    """One version of the policy. `fit_share` is in per cent; the rest of the total is intent.

    `bands_read` are the fields that the bands' conditions compare; `ages` are the `within` conditions: a time
    field, and the age at which the answer turns. `fact_readers` read the fields that conditions compare.
    `seeds` say what is known of accounts, by key, until somebody says more; they are no part of the version.
    """

    version: str
    compiled: CompiledPolicy
    markets: tuple[CompiledMarket, ...]
    segments: tuple[CompiledSegment, ...]
    intent_on: Mapping[str, RulesOfType[CompiledIntentRule]]
    signals_on: Mapping[str, RulesOfType[CompiledSignalRule]]
    intent_cap: int
    group_caps: Mapping[str, int]
    fit_floors: GradeFloors
    intent_floors: GradeFloors
    hysteresis: int
    fit_share: int
    spike_people: int
    spike_within: timedelta
    qualified_when: Predicate | None
    bands: tuple[CompiledBand, ...]
    fact_readers: FactReaders
    bands_read: frozenset[str] = frozenset()
    ages: tuple[tuple[str, timedelta], ...] = ()
    seeds: Mapping[str, AccountReceivedV1] = field(default_factory=dict)

    @cached_property
    def bands_follow_points(self) -> bool:
        """Whether a band can change while both grades stay."""
        return not self.bands_read.isdisjoint({FactKeys.INTENT, FactKeys.TOTAL})


def scoring_policy(compiled: CompiledPolicy) -> ScoringPolicy:
    """Return the scoring policy of a version of the policy."""
    icp, scoring = compiled.policy.icp, compiled.policy.scoring
    conditions = tuple(scoring_conditions(compiled.policy))
    return ScoringPolicy(
        version=compiled.version,
        compiled=compiled,
        markets=tuple(
            CompiledMarket(market.name, market.validated, check(market.when)) for market in icp.markets
        ),
        segments=tuple(map(compile_segment, icp.segments)),
        intent_on=_by_type(
            [(rule.on, rule.when, compile_intent_rule(rule)) for rule in scoring.intent.rules], Known.ACTIVITY
        ),
        signals_on=_by_type(
            [(rule.on, rule.when, compile_signal_rule(rule)) for rule in scoring.intent.signals], Known.SIGNAL
        ),
        intent_cap=scoring.intent.cap,
        group_caps=scoring.intent.groups,
        fit_floors=GradeFloors(scoring.grades.fit.floors),
        intent_floors=GradeFloors(scoring.grades.intent.floors),
        hysteresis=scoring.grades.hysteresis,
        fit_share=scoring.total.fit,
        spike_people=scoring.accounts.spike.people,
        spike_within=scoring.accounts.spike.within.timedelta,
        qualified_when=compiled.qualified.holds if compiled.qualified else None,
        bands=tuple(
            CompiledBand(band.band, None if band.when is None else check(band.when)) for band in scoring.bands
        ),
        fact_readers=fact_readers(compared_fields(*conditions, scoring.accounts.qualified_when), Known.LEAD),
        bands_read=frozenset(compared_fields(*(band.when for band in scoring.bands))),
        ages=compared_ages(*conditions),
        seeds=seeds_of(compiled.policy.accounts),
    )


def seeds_of(accounts: Accounts) -> Mapping[str, AccountReceivedV1]:
    """Return the accounts of the file by account key; they hold until somebody says more of an account."""
    return {
        key: AccountReceivedV1(domain, relation=relation)
        for relation in _RELATIONS
        for domain in getattr(accounts, relation)
        if (key := account_key(domain, None, ""))
    }


def scoring_conditions(policy: Policy) -> Iterator[Condition | None]:
    """Yield every condition on which a lead's score, band or live signals depend."""
    yield from (market.when for market in policy.icp.markets)
    for segment in policy.icp.segments:
        yield from (disqualifier.when for disqualifier in segment.disqualify)
        yield from (level.when for criterion in segment.criteria for level in criterion.levels)
    yield from (rule.when for rule in policy.scoring.intent.rules)
    yield from (rule.when for rule in policy.scoring.intent.signals)
    yield from (band.when for band in policy.scoring.bands)


def compile_segment(segment: Segment) -> CompiledSegment:
    """Return a segment with its conditions compiled."""
    return CompiledSegment(
        name=segment.name,
        criteria=tuple(map(compile_criterion, segment.criteria)),
        disqualify=tuple(
            CompiledDisqualifier(
                disqualifier.name, check(disqualifier.when), compared_fields(disqualifier.when)
            )
            for disqualifier in segment.disqualify
        ),
    )


def compile_criterion(criterion: Criterion) -> CompiledCriterion:
    """Return a criterion with the conditions of its levels compiled; a level without one always matches."""
    levels = criterion.levels
    return CompiledCriterion(
        name=criterion.name,
        levels=tuple(CompiledLevel(level.points, check(level.when or ALWAYS)) for level in levels),
        fields=compared_fields(*(level.when for level in levels)),
    )


def compile_intent_rule(rule: IntentRule) -> CompiledIntentRule:
    """Return a rule on activities; its condition is compiled with those of its type (`rules_of_type`)."""
    return CompiledIntentRule(
        name=rule.name,
        points=rule.points,
        half_life=rule.half_life.timedelta,
        max=rule.max,
        group=rule.group,
    )


def compile_signal_rule(rule: SignalRule) -> CompiledSignalRule:
    """Return a rule on signals; its condition is compiled with those of its type (`rules_of_type`)."""
    return CompiledSignalRule(
        name=rule.name,
        points=rule.points,
        half_life=rule.half_life.timedelta if rule.half_life else None,
        rises=rule.rises.timedelta if rule.rises else None,
        ends=rule.ends.timedelta if rule.ends else timedelta(0),
        strong=rule.strong,
    )


def _by_type(
    rules: Sequence[tuple[tuple[str, ...], Condition | None, R]], own: Known
) -> dict[str, RulesOfType[R]]:
    """Return the rules by each type that they are on. `own` says which fields belong to the type."""
    types = dict.fromkeys(type_ for on, _when, _rule in rules for type_ in on)
    return {
        type_: rules_of_type(type_, [(when, rule) for on, when, rule in rules if type_ in on], own)
        for type_ in types
    }


def rules_of_type(type_: str, rules: Sequence[tuple[Condition | None, R]], own: Known) -> RulesOfType[R]:
    """Return the rules on one type, compiled together, with what they read.

    `own` says which fields belong to an activity or signal of the type. Rules that read no field but the URL
    of an activity are decided once per URL, as the same pages are viewed again and again.
    """
    all_rules = tuple(rule for _when, rule in rules)
    fields = [(name, field_named(name)) for name in compared_fields(*(when for when, _rule in rules))]
    if not fields:
        return RulesOfType(all_rules)
    matching = all_matches([Rule(rule.name, when or ALWAYS, rule) for when, rule in rules])

    def on_page(url: str | None) -> tuple[R, ...]:
        return matching(activity_facts({}, Activity(type_, ARBITRARY_TIME, url)), ARBITRARY_TIME)

    return RulesOfType(
        rules=all_rules,
        matching=matching,
        reads_lead=any(asked is None or asked.known != own for _name, asked in fields),
        by_url=Memo(on_page) if _PAGE_FIELDS.issuperset(name for name, _asked in fields) else None,
    )
