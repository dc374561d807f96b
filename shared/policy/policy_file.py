"""A validated policy file, with the report of its findings and the checks that several files share."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, Generic, TypeVar

from shared.lead.fields import FactKeys, Kind, field_named
from shared.lead.normalise.industries import industry_words, is_known_industry, normalise_industry
from shared.policy.models import PolicyModel
from shared.policy.source_values import SourceDocument
from shared.rules.findings import FindingReport, Path, did_you_mean, quoted
from shared.rules.lint import LintCode, contradictions, lint_first_match, lint_overlaps
from shared.rules.operators import EQUALITY, MEMBERSHIP
from shared.rules.syntax import ALWAYS, AllOf, AnyOf, Compare, Condition, Not, Rule, Use, comparisons

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
        """Report the parts of a condition that nothing can make true, and words that a field never has.

        Named conditions are not entered: they are checked where they are defined.
        """
        for step in contradictions(when or ALWAYS):
            self.error((*path, *step), "no value can make this true")
        for step, name, word in compared_words(when):
            field = field_named(name)
            if name == FactKeys.INDUSTRY:
                meant = normalise_industry(word)
                if meant is None or meant.casefold() != word.casefold():
                    message = f"company.industry is never {quoted(word)}: the taxonomy has {quoted(meant)}"
                    self.warning((*path, *step), message)
                elif not is_known_industry(word):
                    meant = did_you_mean(word, industry_words())
                    self.warning((*path, *step), f"the taxonomy of industries has no {quoted(word)}{meant}")
            elif field is not None and field.words and word.casefold() not in map(str.casefold, field.words):
                meant = did_you_mean(word, field.words) or f"; it is one of {', '.join(field.words)}"
                self.warning((*path, *step), f"{name} is never {quoted(word)}{meant}")

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
        for step, name, word in compared_words(when, into_named=True):
            if name == field and word.casefold() not in names:
                message = f"there is no {what} {quoted(word)}{did_you_mean(word, known)}"
                self.warning((*path, *step), message)


def compared_words(when: Condition | None, *, into_named: bool = False) -> Iterator[tuple[Path, str, str]]:
    """Yield the texts that a condition compares fields with for equality or membership.

    Each with its place in the condition and the name of the field. With `into_named` also those of named
    conditions, at the place that uses them.
    """
    for path, compare in comparisons_in(when or ALWAYS, into_named=into_named):
        field = field_named(compare.field)
        is_set = field is not None and field.kind is Kind.SET  # of a text, `contains` means a part
        if compare.op in EQUALITY or (is_set and compare.op in MEMBERSHIP):
            if isinstance(compare.value, str):
                yield (*path, compare.op.value), compare.field, compare.value
            elif isinstance(compare.value, tuple):
                for index, word in enumerate(compare.value):
                    if isinstance(word, str):
                        yield (*path, compare.op.value, index), compare.field, word


def comparisons_in(
    condition: Condition, path: Path = (), *, into_named: bool = False
) -> Iterator[tuple[Path, Compare]]:
    """Yield the comparisons of a condition with their paths; of named ones only with `into_named`."""
    match condition:
        case Compare():
            yield path, condition
        case AllOf(parts) | AnyOf(parts):
            key = "all" if isinstance(condition, AllOf) else "any"
            for index, part in enumerate(parts):
                yield from comparisons_in(part, (*path, key, index), into_named=into_named)
        case Not(part):
            yield from comparisons_in(part, (*path, "not"), into_named=into_named)
        case Use(_, meaning) if into_named:
            yield from ((path, compare) for compare in comparisons(meaning))


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
