"""The rules of a language: what says something about the elements of qualification."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterator, Mapping, Sequence
from collections.abc import Set as AbstractSet
from itertools import islice
from typing import Any, Final

from msgspec import Struct

from services.router.domain.qualification.patterns import PatternCompiler
from services.router.domain.qualification.phrases import (
    PhraseIndex,
    TokenSpan,
    compiled_pattern,
    standing_together,
)

_MATCHES_MAX: Final = 2


class SentenceRule(Struct, frozen=True):
    """Says something about some elements.

    `negated`: it has a negation of its own ("cannot see"). `asked`: it holds in a question too.
    """

    elements: frozenset[str]
    negated: bool
    asked: bool


class SequenceRule(SentenceRule, frozen=True):
    """A pattern whose parts follow each other; its source is compiled when it is first needed.

    `requires` are sets of symbols of each of which one is in every match.
    """

    source: str
    requires: tuple[frozenset[str], ...]


class TogetherRule(SentenceRule, frozen=True):
    """Kinds of phrases that stand near each other in any order."""

    kinds: tuple[str, ...]
    kind_set: frozenset[str]


class SentenceRules:
    """The `[[rules]]` of a file, those that may match a sentence found by its symbols."""

    def __init__(
        self, rows: Sequence[Mapping[str, Any]], compiler: PatternCompiler, common_symbols: Collection[str]
    ) -> None:
        self._in_sequence: dict[str, list[SequenceRule]] = defaultdict(list)
        self._together: list[TogetherRule] = []
        for row in rows:
            elements, asked = frozenset(row["elements"]), row.get("asked", False)
            for pattern in row.get("together", ()):
                kinds = tuple(pattern.split())
                self._together.append(
                    TogetherRule(elements, compiler.names_negation(pattern), asked, kinds, frozenset(kinds))
                )
            for pattern in row.get("says", ()):
                source = compiler.compile(pattern)
                negated = compiler.names_negation(pattern) or compiler.is_negation_within(pattern, source)
                first, *others = compiler.required_symbols(pattern, common_symbols)
                rule = SequenceRule(elements, negated, asked, source, tuple(others))
                for symbol in first:
                    self._in_sequence[symbol].append(rule)
        self._kinds = PhraseIndex(
            phrase
            for kind in {kind: None for rule in self._together for kind in rule.kinds}
            for phrase in compiler.phrases(kind, kind)
        )

    def matches(
        self, symbols: str, breaks: Sequence[int], settled: AbstractSet[str], *, asked: bool
    ) -> Iterator[tuple[SentenceRule, TokenSpan]]:
        """Yield the rules that match, with the spans of their first two matches.

        `breaks` is where words are that begin a new statement ("but"). Rules about nothing but `settled`
        elements are not tried, nor, if `asked` is set, those that do not hold in a question. The caller may
        settle elements between two matches.
        """
        if not asked:
            yield from self._matches_together(symbols, breaks, settled)
        present = {*symbols}
        candidates = {id(rule): rule for symbol in present for rule in self._in_sequence.get(symbol, ())}
        for rule in candidates.values():
            if (
                (asked and not rule.asked)
                or settled >= rule.elements
                or any(map(present.isdisjoint, rule.requires))
            ):
                continue
            pattern = compiled_pattern(rule.source)
            match = pattern.search(symbols)
            if match is not None:
                yield rule, TokenSpan(*match.span())
                again = pattern.search(symbols, max(match.end(), match.start() + 1))
                if again is not None:
                    yield rule, TokenSpan(*again.span())

    def _matches_together(
        self, symbols: str, breaks: Sequence[int], settled: AbstractSet[str]
    ) -> Iterator[tuple[SentenceRule, TokenSpan]]:
        possible = self._kinds.kinds_possible({*symbols})
        rules = [rule for rule in self._together if possible >= rule.kind_set]
        found = self._kinds.by_kind(symbols, {kind for rule in rules for kind in rule.kinds})
        for rule in rules:
            if found.keys() >= rule.kind_set and not settled >= rule.elements:
                spans = standing_together([found[kind] for kind in rule.kinds], breaks)
                yield from ((rule, span) for span in islice(spans, _MATCHES_MAX))
