"""What rules came to, as it is told to people: each verdict with the comparisons that suffice for it."""

from __future__ import annotations

from datetime import datetime
from typing import Any, Literal

from msgspec import Struct

from shared.rules.describe import sentence
from shared.rules.evaluate import DecidingComparison, RuleVerdict

Verdict = Literal["matched", "no_match", "unknown_field", "earlier_match"]


class ExplainedComparison(Struct, frozen=True):
    """One comparison that decided a rule: `saw` is the fact (None: missing), `holds` None is unknown."""

    field: str
    operator: str
    value: Any
    saw: Any
    holds: bool | None
    says: str


class RuleExplanation(Struct, frozen=True):
    """What one rule came to, and the comparisons that suffice for it."""

    rule: str
    verdict: Verdict
    because: list[ExplainedComparison]


def explained(verdict: RuleVerdict) -> RuleExplanation:
    """Return what a rule came to as it is told to people."""
    because = [_leaf(decider) for decider in verdict.verdict.because]
    return RuleExplanation(verdict.name, _verdict(verdict), because)


def _verdict(verdict: RuleVerdict) -> Verdict:
    if verdict.earlier:
        return "earlier_match"
    truth = verdict.verdict.truth
    return "unknown_field" if truth is None else "matched" if truth else "no_match"


def _leaf(decider: DecidingComparison) -> ExplainedComparison:
    compare = decider.compare
    return ExplainedComparison(
        field=compare.field,
        operator=compare.op.value,
        value=as_json(compare.value),
        saw=as_json(decider.fact),
        holds=decider.truth,
        says=sentence(decider),
    )


def as_json(value: Any) -> Any:
    """Return a value as JSON can say it."""
    if value is None or isinstance(value, bool | int | float | str):
        return value
    if isinstance(value, list | tuple | set | frozenset):
        return [as_json(each) for each in (sorted(value) if isinstance(value, set | frozenset) else value)]
    return value.isoformat() if isinstance(value, datetime) else str(value)
