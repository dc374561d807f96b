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
        IntentRule,
        Level,
        Market,
        RoutingRule,
        SignalRule,
        SuppressionRule,
    )


def market_rules(markets: Sequence[Market]) -> list[Rule[Market]]:
    return [Rule(each.name, each.when, each) for each in markets]


def disqualifier_rules(disqualify: Sequence[Disqualifier]) -> list[Rule[Disqualifier]]:
    return [Rule(each.name, each.when, each) for each in disqualify]


def level_rules(criterion: Criterion) -> list[Rule[Level]]:
    return [
        Rule(f"{criterion.name}[{at}]", level.when or ALWAYS, level)
        for at, level in enumerate(criterion.levels)
    ]


def intent_rules(rules: Sequence[IntentRule], type_: str) -> list[Rule[IntentRule]]:
    """Return the rules for activities of a type."""
    return [Rule(each.name, each.when or ALWAYS, each) for each in rules if type_ in each.on]


def signal_rules(rules: Sequence[SignalRule], type_: str) -> list[Rule[SignalRule]]:
    """Return the rules for signals of a type."""
    return [Rule(each.name, each.when or ALWAYS, each) for each in rules if type_ in each.on]


def band_rules(bands: Sequence[Band]) -> list[Rule[Band]]:
    return [Rule(f"{each.band}[{at}]", each.when or ALWAYS, each) for at, each in enumerate(bands)]


def suppression_rules(suppress: Sequence[SuppressionRule]) -> list[Rule[SuppressionRule]]:
    return [Rule(each.reason, each.when, each) for each in suppress]


def routing_rules(rules: Sequence[RoutingRule]) -> list[Rule[RoutingRule]]:
    return [Rule(each.name, each.when or ALWAYS, each) for each in rules]
