"""Finds rules that cannot do what they seem to: contradictions, dead rules, overlaps, a missing fallback.

A finding is certain: what is called dead or contradictory is so on every input. Very large conditions are
left unjudged rather than judged wrongly.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from enum import Enum
from typing import Any

from shared.rules.boxes import FactSpace, Region, TooManyBoxes
from shared.rules.findings import Path
from shared.rules.syntax import AllOf, AnyOf, Compare, Condition, Not, Rule


class LintCode(Enum):
    CONTRADICTION = "contradiction"
    DEAD = "dead rule"
    OVERLAP = "overlap"
    NO_FALLBACK = "missing fallback"
    EARLY_FALLBACK = "rule without condition before the last"


@dataclass(frozen=True, slots=True)
class LintFinding:
    """One fault. `rule` is an index; `step` leads from the rule's condition to the part that is meant."""

    code: LintCode
    rule: int
    message: str
    step: Path = ()


def contradictions(condition: Condition) -> list[Path]:
    """Return the innermost parts of a condition that no facts can make true; used names are not entered."""
    space = FactSpace([condition])
    return list(_contradictions(space, condition, ()))


def _contradictions(space: FactSpace, condition: Condition, path: Path) -> Iterator[Path]:
    inner = [
        found for step, part in _parts(condition) for found in _contradictions(space, part, (*path, *step))
    ]
    yield from inner
    if (
        not inner
        and isinstance(condition, Compare | AllOf)
        and condition != AllOf(())
        and _never(space, condition)
    ):
        yield path


def _never(space: FactSpace, condition: Condition) -> bool:
    try:
        return not space.boxes(condition)
    except TooManyBoxes:
        return False


def _parts(condition: Condition) -> list[tuple[Path, Condition]]:
    match condition:
        case AllOf(parts):
            return [(("all", at), part) for at, part in enumerate(parts)]
        case AnyOf(parts):
            return [(("any", at), part) for at, part in enumerate(parts)]
        case Not(part):
            return [(("not",), part)]
    return []


def lint_first_match(rules: Sequence[Rule[Any]], *, needs_fallback: bool = False) -> list[LintFinding]:
    """Return the faults of a table of which the first matching rule is taken."""
    table = _FirstMatch(rules)
    return [*table.dead(), *(table.fallback() if needs_fallback else ())]


def lint_overlaps(rules: Sequence[Rule[Any]]) -> list[LintFinding]:
    """Return the rules that meet earlier ones, neither within the other, and have another outcome."""
    return list(_FirstMatch(rules).overlaps())


class _FirstMatch:
    def __init__(self, rules: Sequence[Rule[Any]]) -> None:
        self._rules = rules
        self._space = FactSpace([rule.when for rule in rules])
        self._regions = [self._region(rule.when) for rule in rules]

    def _region(self, condition: Condition) -> Region | None:
        try:
            return self._space.boxes(condition)
        except TooManyBoxes:
            return None

    def dead(self) -> Iterator[LintFinding]:
        """Yield the rules that an earlier one, or several together, always come before."""
        for at, rule in enumerate(self._rules):
            region = self._regions[at]
            if at == 0 or not region:
                continue
            single = next((each for each in range(at) if self._covers([each], region)), None)
            if single is not None:
                earlier = self._rules[single].name
                yield LintFinding(
                    LintCode.DEAD, at, f"{rule.name} never applies: {earlier} comes first and covers it"
                )
            elif self._covers(range(at), region):
                yield LintFinding(
                    LintCode.DEAD, at, f"{rule.name} never applies: the rules before it cover it together"
                )

    def _covers(self, earlier: Sequence[int], region: Region) -> bool:
        boxes = [box for each in earlier for box in self._regions[each] or ()]
        return bool(boxes) and self._space.covers(boxes, region)

    def fallback(self) -> Iterator[LintFinding]:
        last = len(self._rules) - 1
        for at, rule in enumerate(self._rules):
            if at < last and rule.when == AllOf(()):
                message = f"{rule.name} has no condition, so nothing after it applies; it goes last"
                yield LintFinding(LintCode.EARLY_FALLBACK, at, message)
        if not self._rules or self._rules[last].when != AllOf(()):
            yield LintFinding(LintCode.NO_FALLBACK, max(last, 0), "the last rule should have no condition")

    def overlaps(self) -> Iterator[LintFinding]:
        for at, rule in enumerate(self._rules):
            met = [self._rules[each].name for each in range(at) if self._cross(each, at)]
            if met:
                names = ", ".join(met)
                message = f"{rule.name} overlaps rules before it that have another outcome: {names}"
                yield LintFinding(LintCode.OVERLAP, at, message)

    def _cross(self, earlier: int, later: int) -> bool:
        one, other = self._regions[earlier], self._regions[later]
        if not one or not other or self._rules[earlier].outcome == self._rules[later].outcome:
            return False
        apart = not (self._space.covers(other, one) or self._space.covers(one, other))
        return apart and self._space.meets(one, other) and not self._space.given_up
