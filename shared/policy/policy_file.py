"""A validated policy file, with the report of its findings and the checks that several files share."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, Generic, TypeVar

from shared.lead.fields import FactKeys
from shared.lead.normalise.industries import is_known_industry, normalise_industry
from shared.policy.models import PolicyModel
from shared.policy.source_values import SourceDocument
from shared.rules.findings import FindingReport, Path, did_you_mean, quoted
from shared.rules.lint import LintCode, contradictions, lint_first_match, lint_overlaps
from shared.rules.operators import EQUALITY
from shared.rules.syntax import ALWAYS, AllOf, AnyOf, Condition, Not, Rule, Use, comparisons

M_co = TypeVar("M_co", bound=PolicyModel, covariant=True)

_ERRORS: Final = {LintCode.NO_FALLBACK, LintCode.EARLY_FALLBACK}


@dataclass(frozen=True)
class PolicyFile(Generic[M_co]):
    """A file whose form is right. `document` says where its values stand, `report` takes further findings."""

    model: M_co
    document: SourceDocument
    report: FindingReport

    def error(self, path: Path, message: str) -> None:
        self.report.error(self.document.position(path), path, message)

    def warning(self, path: Path, message: str) -> None:
        self.report.warning(self.document.position(path), path, message)

    def note(self, path: Path, message: str) -> None:
        self.report.note(self.document.position(path), path, message)

    def unknown(self, path: Path, what: str, word: str, known: Collection[str]) -> None:
        """Report a name that nothing has."""
        self.error(path, f"there is no {what} {quoted(word)}{did_you_mean(word, known)}")

    def condition(self, when: Condition | None, path: Path) -> None:
        """Report the parts of a condition that nothing can make true, and industries that no company has."""
        for step in contradictions(when or ALWAYS):
            self.error((*path, *step), "no value can make this true")
        for word in _compared_words(when, FactKeys.INDUSTRY):
            meant = normalise_industry(word)
            if meant is None or meant.casefold() != word.casefold():
                self.warning(
                    path, f"company.industry is never {quoted(word)}: the taxonomy has {quoted(meant)}"
                )
            elif not is_known_industry(word):
                self.warning(path, f"the taxonomy of industries has no {quoted(word)}")

    def table(
        self, rules: Sequence[Rule[Any]], path: Path, *, fallback: bool = False, overlaps: bool = False
    ) -> None:
        """Report what is wrong with a first-match table whose rules are the list at `path`."""
        for finding in lint_first_match(rules, needs_fallback=fallback):
            add = self.error if finding.code in _ERRORS else self.warning
            add((*path, finding.rule), finding.message)
        for finding in lint_overlaps(rules) if overlaps else ():
            self.note((*path, finding.rule), finding.message)  # the order of the list decides

    def named_conditions(
        self, conditions: Mapping[str, Condition], others: Iterable[Condition | None]
    ) -> None:
        """Report what is wrong with the file's named conditions, and those that nothing uses.

        `others` are all conditions of the file that are not named.
        """
        used = {name for when in (*conditions.values(), *others) if when is not None for name in _uses(when)}
        for name, condition in conditions.items():
            self.condition(condition, ("conditions", name))
            if name not in used:
                self.warning(("conditions", name), f"nothing uses {name}")

    def words(
        self, when: Condition | None, path: Path, field: str, what: str, known: Collection[str]
    ) -> None:
        """Warn of a condition that compares a field with a name that the policy does not have."""
        names = {name.casefold() for name in known}
        for word in _compared_words(when, field):
            if word.casefold() not in names:
                self.warning(path, f"there is no {what} {quoted(word)}{did_you_mean(word, known)}")


def _compared_words(when: Condition | None, field: str) -> Iterator[str]:
    """Yield the texts that a condition compares a field with for equality."""
    for compare in comparisons(when or ALWAYS):
        if compare.field == field and compare.op in EQUALITY:
            values = compare.value if isinstance(compare.value, tuple) else (compare.value,)
            yield from (word for word in values if isinstance(word, str))


def _uses(condition: Condition) -> Iterator[str]:
    match condition:
        case Use(name, meaning):
            yield name
            yield from _uses(meaning)
        case Not(part):
            yield from _uses(part)
        case AllOf(parts) | AnyOf(parts):
            for part in parts:
                yield from _uses(part)
