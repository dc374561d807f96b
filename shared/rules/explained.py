"""Explanations of rules for APIs and events: each verdict with the comparisons that suffice for it."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from typing import Any, Literal

from msgspec import Struct

from shared.rules.describe import sentence
from shared.rules.evaluate import DecidingComparison, RuleVerdict

Verdict = Literal["matched", "no_match", "unknown_field", "earlier_match"]


class ExplainedComparison(Struct, frozen=True):
    """One comparison that decided a rule. `saw`: the fact, None when missing; `holds`: None when unknown."""

    field: str
    operator: str
    value: Any
    saw: Any
    holds: bool | None
    says: str


class RuleExplanation(Struct, frozen=True):
    """The verdict on one rule, and the comparisons that suffice for it."""

    rule: str
    verdict: Verdict
    because: list[ExplainedComparison]


def explained(verdict: RuleVerdict) -> RuleExplanation:
    """Return the verdict on a rule in its form for APIs and events."""
    name: Verdict
    match verdict.verdict.truth:
        case None:
            name = "unknown_field"
        case True:
            name = "earlier_match" if verdict.earlier else "matched"
        case False:
            name = "no_match"
    return RuleExplanation(verdict.name, name, explained_comparisons(verdict.verdict.because))


def explained_comparisons(deciders: Iterable[DecidingComparison]) -> list[ExplainedComparison]:
    """Return comparisons in their form for APIs and events; of those that say the same, the first one."""
    by_sentence: dict[str, ExplainedComparison] = {}
    for decider in deciders:
        says = sentence(decider)
        if says not in by_sentence:
            by_sentence[says] = ExplainedComparison(
                field=decider.compare.field,
                operator=decider.compare.op.value,
                value=as_json(decider.compare.value),
                saw=as_json(decider.fact),
                holds=decider.truth,
                says=says,
            )
    return list(by_sentence.values())


def as_json(value: Any) -> Any:
    """Return a value as JSON: sets are sorted lists, times ISO 8601, durations text such as `4h`."""
    if value is None or isinstance(value, bool | int | float | str):
        return value
    if isinstance(value, list | tuple | set | frozenset):
        return [as_json(item) for item in (sorted(value) if isinstance(value, set | frozenset) else value)]
    return value.isoformat() if isinstance(value, datetime) else str(value)
