"""Fit: how like the ideal customer a lead is, 0 to 100, with a line for every criterion."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from msgspec import Struct

from services.scorer.policy import CompiledCriterion, CompiledDisqualifier, CompiledSegment, ScoringPolicy
from shared.lead.events.scoring import ScoreLine
from shared.rules.syntax import Facts

_SHOWN_MAX = 5


class Fit(Struct, frozen=True):
    """The lines sum to `points`. `segment` is the one that fits best; None when nothing fits at all."""

    points: int
    segment: str | None
    lines: list[ScoreLine]


def score_fit(facts: Facts, at: datetime, policy: ScoringPolicy) -> Fit:
    """Return the fit to the segment that fits best, the first of equals."""
    fits = [_fit_to(segment, facts, at) for segment in policy.segments]
    return max(fits, key=lambda fit: fit.points, default=Fit(0, None, []))


def _fit_to(segment: CompiledSegment, facts: Facts, at: datetime) -> Fit:
    for disqualifier in segment.disqualify:
        if disqualifier.when(facts, at):
            return Fit(0, None, [_disqualified(disqualifier, facts)])
    lines = [_line(criterion, facts, at) for criterion in segment.criteria]
    points = sum([line.points for line in lines])
    return Fit(points, segment.name if points else None, lines)


def _line(criterion: CompiledCriterion, facts: Facts, at: datetime) -> ScoreLine:
    unknown = False
    for level in criterion.levels:
        matches = level.when(facts, at)
        if matches:
            return _said(criterion, level.points, _seen(criterion.fields, facts))
        unknown = unknown or matches is None
    if unknown:
        missing = ", ".join(field for field in criterion.fields if field not in facts)
        return _said(criterion, 0, f"{missing or criterion.fields[0]} is not known")
    return _said(criterion, 0, f"no level for {_seen(criterion.fields, facts)}")


def _said(criterion: CompiledCriterion, points: int, what: str) -> ScoreLine:
    return ScoreLine("fit", criterion.name, criterion.fact, points, f"{criterion.name}: {what}")


def _disqualified(disqualifier: CompiledDisqualifier, facts: Facts) -> ScoreLine:
    why = f"disqualified as {disqualifier.name}: {_seen(disqualifier.fields, facts)}"
    return ScoreLine("fit", disqualifier.name, ", ".join(disqualifier.fields), 0, why)


def _seen(fields: Sequence[str], facts: Facts) -> str:
    return ", ".join([f"{field} is {_shown(facts[field])}" for field in fields if field in facts])


def _shown(value: Any) -> str:
    if value is True or value is False:
        return "true" if value else "false"
    if isinstance(value, list):
        more = ", …" if len(value) > _SHOWN_MAX else ""
        return ", ".join(map(str, value[:_SHOWN_MAX])) + more
    if isinstance(value, datetime):
        return value.date().isoformat()
    return str(value)
