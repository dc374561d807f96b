"""Finds faults in tables of rules: contradictions, dead rules, overlaps, a missing fallback.

A finding is certain: a rule that is reported as dead matches on no input. Conditions that need too many boxes
(`boxes`) are not reported at all.
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
    DEAD = "dead rule"
    OVERLAP = "overlap"
    NO_FALLBACK = "missing fallback"
    EARLY_FALLBACK = "rule without condition before the last"


@dataclass(frozen=True, slots=True)
class LintFinding:
    """One fault. `rule` is the index of the rule in its table."""

    code: LintCode
    rule: int
    message: str


def contradictions(condition: Condition) -> list[Path]:
    """Return the paths of the innermost parts that no facts make true; named conditions are not entered."""
    return list(_contradictions(FactSpace([condition]), condition, ()))


def _contradictions(space: FactSpace, condition: Condition, path: Path) -> Iterator[Path]:
    inner = [
        found for step, part in _parts(condition) for found in _contradictions(space, part, (*path, *step))
    ]
    yield from inner
    # An `any` or `not` is impossible only through its parts; `all: []` is true.
    is_candidate = isinstance(condition, Compare | AllOf) and condition != AllOf(())
    if not inner and is_candidate and _region(space, condition) == []:
        yield path


def _region(space: FactSpace, condition: Condition) -> Region | None:
    """Return where a condition is true; None when it takes too many boxes."""
    try:
        return space.boxes(condition)
    except TooManyBoxes:
        return None


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
    """Return the dead rules of a first-match table, and with `needs_fallback` the faults of its fallback."""
    table = _Table(rules)
    return [*table.dead_rules(), *(table.fallback_faults() if needs_fallback else ())]


def lint_overlaps(rules: Sequence[Rule[Any]]) -> list[LintFinding]:
    """Return the rules that overlap an earlier one with another outcome, neither lying within the other."""
    return list(_Table(rules).overlaps())


class _Table:
    """A first-match table with the region of each rule: None where it takes too many boxes."""

    def __init__(self, rules: Sequence[Rule[Any]]) -> None:
        self._rules = rules
        self._space = FactSpace([rule.when for rule in rules])
        self._regions = [_region(self._space, rule.when) for rule in rules]

    def dead_rules(self) -> Iterator[LintFinding]:
        """Yield the rules that never apply, because one earlier rule, or several together, cover them."""
        for at, rule in enumerate(self._rules):
            region = self._regions[at]
            if at == 0 or not region:
                continue
            single = next((index for index in range(at) if self._covers([index], region)), None)
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
        boxes = [box for index in earlier for box in self._regions[index] or ()]
        return bool(boxes) and self._space.covers(boxes, region)

    def fallback_faults(self) -> Iterator[LintFinding]:
        last = len(self._rules) - 1
        for at, rule in enumerate(self._rules):
            if at < last and rule.when == AllOf(()):
                message = f"{rule.name} has no condition, so nothing after it applies; it goes last"
                yield LintFinding(LintCode.EARLY_FALLBACK, at, message)
        if not self._rules or self._rules[last].when != AllOf(()):
            yield LintFinding(LintCode.NO_FALLBACK, max(last, 0), "the last rule should have no condition")

    def overlaps(self) -> Iterator[LintFinding]:
        for at, rule in enumerate(self._rules):
            names = [self._rules[earlier].name for earlier in range(at) if self._overlap(earlier, at)]
            if names:
                message = (
                    f"{rule.name} overlaps rules before it that have another outcome: {', '.join(names)}"
                )
                yield LintFinding(LintCode.OVERLAP, at, message)

    def _overlap(self, earlier: int, later: int) -> bool:
        one, other = self._regions[earlier], self._regions[later]
        if not one or not other or self._rules[earlier].outcome == self._rules[later].outcome:
            return False
        apart = not (self._space.covers(other, one) or self._space.covers(one, other))
        return apart and self._space.meets(one, other) and not self._space.given_up
