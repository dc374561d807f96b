"""Fit: how well a lead matches the ideal customer profile, 0 to 100, with a line for every criterion."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from msgspec import Struct

from services.scorer.policy import CompiledCriterion, CompiledSegment, ScoringPolicy
from shared.lead.events.scoring import ScoreLine
from shared.rules.syntax import Facts

_ITEMS_SHOWN_MAX = 5


class FitScore(Struct, frozen=True):
    """Fit to one segment. The points of `lines` sum to `points`; `segment` is None when no criterion fits."""

    points: int
    segment: str | None
    lines: list[ScoreLine]


def score_fit(facts: Facts, at: datetime, policy: ScoringPolicy) -> FitScore:
    """Return the fit to the segment with the most points, the first one of equals."""
    fits = [fit_to(segment, facts, at) for segment in policy.segments]
    return max(fits, key=lambda fit: fit.points, default=FitScore(0, None, []))


def fit_to(segment: CompiledSegment, facts: Facts, at: datetime) -> FitScore:
    """Return the fit to one segment: 0 with one line if a disqualifier holds, else a line per criterion."""
    for disqualifier in segment.disqualify:
        if disqualifier.when(facts, at):
            why = f"disqualified as {disqualifier.name}: {_describe(disqualifier.fields, facts)}"
            line = ScoreLine("fit", disqualifier.name, ", ".join(disqualifier.fields), 0, why)
            return FitScore(0, None, [line])
    lines = [criterion_line(criterion, facts, at) for criterion in segment.criteria]
    points = sum([line.points for line in lines])
    return FitScore(points, segment.name if points else None, lines)


def criterion_line(criterion: CompiledCriterion, facts: Facts, at: datetime) -> ScoreLine:
    """Return the line of the first level that matches; with none, a line of 0 points that says why."""
    points, why, undecided = 0, "", False
    for level in criterion.levels:
        verdict = level.when(facts, at)
        if verdict:
            points, why = level.points, _describe(criterion.fields, facts)
            break
        undecided = undecided or verdict is None
    else:
        missing = ", ".join(field for field in criterion.fields if field not in facts)
        if undecided:
            why = f"{missing or criterion.fields[0]} is not known"
        else:
            why = f"no level for {_describe(criterion.fields, facts)}"
    return ScoreLine("fit", criterion.name, criterion.fact, points, f"{criterion.name}: {why}")


def _describe(fields: Sequence[str], facts: Facts) -> str:
    return ", ".join([f"{field} is {format_value(facts[field])}" for field in fields if field in facts])


def format_value(value: Any) -> str:
    """Return a fact as a line shows it: at most `_ITEMS_SHOWN_MAX` items of a list, the day of a time."""
    if value is True or value is False:
        return "true" if value else "false"
    if isinstance(value, list):
        more = ", …" if len(value) > _ITEMS_SHOWN_MAX else ""
        return ", ".join(map(str, value[:_ITEMS_SHOWN_MAX])) + more
    if isinstance(value, datetime):
        return value.date().isoformat()
    return str(value)
