"""The tables of rules that a policy holds, in the form in which they are compiled, explained and linted."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from shared.rules.syntax import ALWAYS, Rule

if TYPE_CHECKING:
    from shared.policy.models import (
        Band,
        Criterion,
        Disqualifier,
        FormActivity,
        IntentRule,
        Level,
        Market,
        RoutingRule,
        SignalRule,
        SuppressionRule,
    )


def market_rules(markets: Sequence[Market]) -> list[Rule[Market]]:
    return [Rule(market.name, market.when, market) for market in markets]


def disqualifier_rules(disqualify: Sequence[Disqualifier]) -> list[Rule[Disqualifier]]:
    return [Rule(disqualifier.name, disqualifier.when, disqualifier) for disqualifier in disqualify]


def level_rules(criterion: Criterion) -> list[Rule[Level]]:
    """Return the levels as rules, which are named by the criterion and their index: `size[0]`."""
    return [
        Rule(f"{criterion.name}[{index}]", level.when or ALWAYS, level)
        for index, level in enumerate(criterion.levels)
    ]


def intent_rules(rules: Sequence[IntentRule], type_: str) -> list[Rule[IntentRule]]:
    """Return the rules for activities of a type."""
    return [Rule(rule.name, rule.when or ALWAYS, rule) for rule in rules if type_ in rule.on]


def signal_rules(rules: Sequence[SignalRule], type_: str) -> list[Rule[SignalRule]]:
    """Return the rules for signals of a type."""
    return [Rule(rule.name, rule.when or ALWAYS, rule) for rule in rules if type_ in rule.on]


def band_rules(bands: Sequence[Band]) -> list[Rule[Band]]:
    """Return the bands as rules, which are named by band and index: `sql[0]`."""
    return [Rule(f"{band.band}[{index}]", band.when or ALWAYS, band) for index, band in enumerate(bands)]


def suppression_rules(suppress: Sequence[SuppressionRule]) -> list[Rule[SuppressionRule]]:
    return [Rule(rule.reason, rule.when, rule) for rule in suppress]


def routing_rules(rules: Sequence[RoutingRule]) -> list[Rule[RoutingRule]]:
    return [Rule(rule.name, rule.when or ALWAYS, rule) for rule in rules]


def activity_rules(activities: Sequence[FormActivity]) -> list[Rule[FormActivity]]:
    """Return the activities of a source as rules, which are named by type and index: `demo_request[0]`."""
    return [
        Rule(f"{activity.type}[{index}]", activity.when or ALWAYS, activity)
        for index, activity in enumerate(activities)
    ]
