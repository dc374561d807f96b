"""A compiled policy: every table as one generated function, and its rules for explanations.

It is made once for each version, shared, and immutable.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any, Generic, TypeVar

from shared.policy.content_hash import version_of
from shared.policy.rule_tables import (
    band_rules,
    disqualifier_rules,
    intent_rules,
    level_rules,
    market_rules,
    routing_rules,
    signal_rules,
    suppression_rules,
)
from shared.rules.comparison import Truth
from shared.rules.compile import all_matches, check, first_match, first_of_each
from shared.rules.evaluate import RuleVerdict, Verdict, evaluate, explain_first
from shared.rules.syntax import Condition, Facts, Rule, comparisons
from shared.rules.times import Duration

if TYPE_CHECKING:
    from shared.policy.models import (
        Band,
        Disqualifier,
        IntentRule,
        Level,
        Market,
        Policy,
        RoutingRule,
        Segment,
        SignalRule,
        SuppressionRule,
    )

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class FirstMatch(Generic[T]):
    """A table of which the first rule that matches is taken. `first(facts, at)` gives its outcome or None."""

    rules: Sequence[Rule[T]]
    first: Callable[[Facts, datetime], T | None]

    def explain(self, facts: Facts, at: datetime) -> tuple[RuleVerdict, ...]:
        """Return the verdict on every rule, and which comparisons decided it."""
        return explain_first(self.rules, facts, at)


@dataclass(frozen=True, slots=True)
class AllMatches(Generic[T]):
    """A table of which every rule that matches counts. `matching(facts, at)` gives their outcomes."""

    rules: Sequence[Rule[T]]
    matching: Callable[[Facts, datetime], tuple[T, ...]]

    def explain(self, facts: Facts, at: datetime) -> tuple[RuleVerdict, ...]:
        """Return the verdict on every rule, and which comparisons decided it."""
        return tuple(RuleVerdict(rule.name, evaluate(rule.when, facts, at)) for rule in self.rules)


@dataclass(frozen=True, slots=True)
class CompiledCondition:
    """One condition. `holds(facts, at)` gives true, false or unknown (None)."""

    condition: Condition
    holds: Callable[[Facts, datetime], Truth]

    def explain(self, facts: Facts, at: datetime) -> Verdict:
        """Return the verdict on the condition, and which comparisons decided it."""
        return evaluate(self.condition, facts, at)


@dataclass(frozen=True, slots=True)
class SegmentTables:
    """A segment. `levels(facts, at)` gives for each criterion, in order, the level that it reached."""

    segment: Segment
    disqualify: FirstMatch[Disqualifier]
    criteria: tuple[FirstMatch[Level], ...]
    levels: Callable[[Facts, datetime], tuple[Level | None, ...]]


@dataclass(frozen=True, slots=True)
class CompiledPolicy:
    """One version of the policy, ready to decide. Intent and signals are by activity and signal type."""

    policy: Policy
    version: str
    markets: FirstMatch[Market]
    segments: tuple[SegmentTables, ...]
    intent: Mapping[str, AllMatches[IntentRule]]
    signals: Mapping[str, AllMatches[SignalRule]]
    bands: FirstMatch[Band]
    suppress: FirstMatch[SuppressionRule]
    rules: FirstMatch[RoutingRule]
    qualified: CompiledCondition | None
    alert_owner: CompiledCondition | None
    discover: CompiledCondition | None = None


def compiled(policy: Policy) -> CompiledPolicy:
    """Compile a policy that was loaded."""
    intent, routing = policy.scoring.intent, policy.routing
    return CompiledPolicy(
        policy=policy,
        version=version_of(policy),
        markets=_first(market_rules(policy.icp.markets)),
        segments=tuple(
            SegmentTables(
                segment=segment,
                disqualify=_first(disqualifier_rules(segment.disqualify)),
                criteria=tuple(_first(level_rules(criterion)) for criterion in segment.criteria),
                levels=first_of_each(map(level_rules, segment.criteria)),
            )
            for segment in policy.icp.segments
        ),
        intent={type_: _all(intent_rules(intent.rules, type_)) for type_ in _types(intent.rules)},
        signals={type_: _all(signal_rules(intent.signals, type_)) for type_ in _types(intent.signals)},
        bands=_first(band_rules(policy.scoring.bands)),
        suppress=_first(suppression_rules(routing.suppress)),
        rules=_first(routing_rules(routing.rules)),
        qualified=_condition(policy.scoring.accounts.qualified_when),
        alert_owner=_condition(routing.alert_owner_when),
        discover=_condition(discovery.when) if (discovery := policy.providers.discover) else None,
    )


def compared_fields(*conditions: Condition | None) -> tuple[str, ...]:
    """Return the fields that conditions compare, in the order of the file, each once."""
    fields = (compare.field for when in conditions if when is not None for compare in comparisons(when))
    return tuple(dict.fromkeys(fields))


def compared_ages(*conditions: Condition | None) -> tuple[tuple[str, timedelta], ...]:
    """Return the fields whose age conditions compare, each with the age at which the truth changes."""
    return tuple(
        dict.fromkeys(
            (compare.field, compare.value.timedelta)
            for when in conditions
            if when is not None
            for compare in comparisons(when)
            if isinstance(compare.value, Duration)
        )
    )


def _first(rules: Sequence[Rule[T]]) -> FirstMatch[T]:
    return FirstMatch(rules, first_match(rules))


def _all(rules: Sequence[Rule[T]]) -> AllMatches[T]:
    return AllMatches(rules, all_matches(rules))


def _condition(condition: Condition | None) -> CompiledCondition | None:
    return None if condition is None else CompiledCondition(condition, check(condition))


def _types(rules: Sequence[Any]) -> list[str]:
    return sorted({type_ for rule in rules for type_ in rule.on})
