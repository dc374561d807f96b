"""Finds rules that cannot do what they seem to: contradictions, dead rules, overlaps, a missing fallback.

A finding is certain: what is called dead or contradictory is so on every input. Very large conditions are
left unjudged rather than judged wrongly.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from enum import Enum
from typing import Any

from shared.rules.boxes import Region, Space, TooLarge
from shared.rules.problems import Path
from shared.rules.syntax import AllOf, AnyOf, Compare, Condition, Not, Rule


class Fault(Enum):
    CONTRADICTION = "contradiction"
    DEAD = "dead rule"
    OVERLAP = "overlap"
    NO_FALLBACK = "missing fallback"
    EARLY_FALLBACK = "rule without condition before the last"


@dataclass(frozen=True, slots=True)
class Finding:
    """One fault. `rule` is an index; `step` leads from the rule's condition to the part that is meant."""

    fault: Fault
    rule: int
    message: str
    step: Path = ()


def contradictions(condition: Condition) -> list[Path]:
    """Return the innermost parts of a condition that no facts can make true; used names are not entered."""
    space = Space([condition])
    return list(_contradictions(space, condition, ()))


def _contradictions(space: Space, condition: Condition, path: Path) -> Iterator[Path]:
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


def _never(space: Space, condition: Condition) -> bool:
    try:
        return not space.region(condition)
    except TooLarge:
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


def lint_first_match(rules: Sequence[Rule[Any]], *, needs_fallback: bool = False) -> list[Finding]:
    """Return the faults of a table of which the first matching rule is taken."""
    table = _FirstMatch(rules)
    return [*table.dead(), *(table.fallback() if needs_fallback else ())]


def lint_overlaps(rules: Sequence[Rule[Any]]) -> list[Finding]:
    """Return the rules that meet earlier ones, neither within the other, and have another outcome."""
    return list(_FirstMatch(rules).overlaps())


class _FirstMatch:
    def __init__(self, rules: Sequence[Rule[Any]]) -> None:
        self._rules = rules
        self._space = Space([rule.when for rule in rules])
        self._regions = [self._region(rule.when) for rule in rules]

    def _region(self, condition: Condition) -> Region | None:
        try:
            return self._space.region(condition)
        except TooLarge:
            return None

    def dead(self) -> Iterator[Finding]:
        """Yield the rules that an earlier one, or several together, always come before."""
        for at, rule in enumerate(self._rules):
            region = self._regions[at]
            if at == 0 or not region:
                continue
            single = next((each for each in range(at) if self._covers([each], region)), None)
            if single is not None:
                earlier = self._rules[single].name
                yield Finding(
                    Fault.DEAD, at, f"{rule.name} never applies: {earlier} comes first and covers it"
                )
            elif self._covers(range(at), region):
                yield Finding(
                    Fault.DEAD, at, f"{rule.name} never applies: the rules before it cover it together"
                )

    def _covers(self, earlier: Sequence[int], region: Region) -> bool:
        boxes = [box for each in earlier for box in self._regions[each] or ()]
        return bool(boxes) and self._space.covers(boxes, region)

    def fallback(self) -> Iterator[Finding]:
        last = len(self._rules) - 1
        for at, rule in enumerate(self._rules):
            if at < last and rule.when == AllOf(()):
                message = f"{rule.name} has no condition, so nothing after it applies; it goes last"
                yield Finding(Fault.EARLY_FALLBACK, at, message)
        if not self._rules or self._rules[last].when != AllOf(()):
            yield Finding(Fault.NO_FALLBACK, max(last, 0), "the last rule should have no condition")

    def overlaps(self) -> Iterator[Finding]:
        for at, rule in enumerate(self._rules):
            met = [self._rules[each].name for each in range(at) if self._cross(each, at)]
            if met:
                names = ", ".join(met)
                message = f"{rule.name} overlaps rules before it that have another outcome: {names}"
                yield Finding(Fault.OVERLAP, at, message)

    def _cross(self, earlier: int, later: int) -> bool:
        one, other = self._regions[earlier], self._regions[later]
        if not one or not other or self._rules[earlier].outcome == self._rules[later].outcome:
            return False
        apart = not (self._space.covers(other, one) or self._space.covers(one, other))
        return apart and self._space.meets(one, other) and not self._space.given_up
