"""What every check of a policy needs: a file's model beside its report, and lint that knows its positions."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, Generic, TypeVar

import msgspec

from shared.policy.bind import SourcePositions
from shared.rules.findings import FindingReport, Path, SourcePosition, did_you_mean, quoted
from shared.rules.lint import LintCode, contradictions, lint_first_match, lint_overlaps
from shared.rules.syntax import ALWAYS, EQUALITY, Compare, Condition, Rule, Use, comparisons

M_co = TypeVar("M_co", bound=msgspec.Struct, covariant=True)

_ERRORS: Final = {LintCode.NO_FALLBACK, LintCode.EARLY_FALLBACK, LintCode.CONTRADICTION}


@dataclass(frozen=True)
class File(Generic[M_co]):
    """One file that was read without error, and where to say what else is wrong with it."""

    model: M_co
    positions: SourcePositions
    report: FindingReport

    def error(self, path: Path, message: str) -> None:
        self.report.error(self._position(path), path, message)

    def warning(self, path: Path, message: str) -> None:
        self.report.warning(self._position(path), path, message)

    def unknown(self, path: Path, what: str, word: str, known: Collection[str]) -> None:
        """Report a name that nothing has."""
        self.error(path, f"there is no {what} {quoted(word)}{did_you_mean(word, known)}")

    def condition(self, when: Condition | None, path: Path) -> None:
        """Report the parts of a condition that nothing can make true."""
        for step in contradictions(when or ALWAYS):
            self.error((*path, *step), "no value can make this true")

    def table(
        self, rules: Sequence[Rule[Any]], path: Path, *, fallback: bool = False, overlaps: bool = False
    ) -> None:
        """Report what is wrong with a first-match table whose rules are the list at `path`."""
        findings = lint_first_match(rules, needs_fallback=fallback)
        for finding in [*findings, *(lint_overlaps(rules) if overlaps else ())]:
            tell = self.error if finding.code in _ERRORS else self.warning
            tell((*path, finding.rule), finding.message)

    def named(self, conditions: Mapping[str, Condition], used: Iterator[Condition | None]) -> None:
        """Report what is wrong with the file's named conditions, and those that nothing uses."""
        words = {word for when in used if when is not None for word in _uses(when)}
        for name, condition in conditions.items():
            self.condition(condition, ("conditions", name))
            if name not in words:
                self.warning(("conditions", name), f"nothing uses {name}")

    def words(
        self, when: Condition | None, path: Path, field: str, what: str, known: Collection[str]
    ) -> None:
        """Warn of a condition that compares a field with a name that the policy does not have."""
        for compare in comparisons(when or ALWAYS):
            if compare.field == field and compare.op in EQUALITY:
                for word in _texts(compare):
                    if word.casefold() not in {each.casefold() for each in known}:
                        message = f"there is no {what} {quoted(word)}{did_you_mean(word, known)}"
                        self.warning(path, message)

    def _position(self, path: Path) -> SourcePosition:
        """Return the position of a value, or of what holds it."""
        while path and path not in self.positions:
            path = path[:-1]
        return self.positions.get(path, SourcePosition(1, 1))


def _texts(compare: Compare) -> tuple[str, ...]:
    values = compare.value if isinstance(compare.value, tuple) else (compare.value,)
    return tuple(value for value in values if isinstance(value, str))


def _uses(condition: Condition) -> Iterator[str]:
    if isinstance(condition, Use):
        yield condition.name
    part = getattr(condition, "meaning", None) or getattr(condition, "part", None)
    for each in (part,) if part is not None else getattr(condition, "parts", ()):
        yield from _uses(each)
