"""Finds phrases of many kinds in one pass over the symbols of a sentence, and kinds that stand together.

A phrase is looked for only where a symbol is that it can begin with, so what a sentence costs does not grow
with the number of phrases, of which there are thousands in each language.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from functools import cache
from itertools import pairwise
from typing import Final

from msgspec import Struct

TOGETHER_GAP_MAX: Final = 10
"""So many tokens may stand between two phrases that stand together."""
_ONE_SYMBOL: Final = re.compile(r"\[[^]]*\]|.", re.DOTALL)
_ANCHORS_MAX: Final = 8
"""So many places of the first kind are tried: a longer list says nothing clearly."""


class TokenSpan(Struct, frozen=True):
    """Where something stands in a sentence: its first token, and the one after its last."""

    start: int
    end: int


class Phrase(Struct, frozen=True):
    """A phrase as a regular expression over symbols, and the symbols that it can begin with."""

    kind: str
    source: str
    first_symbols: Collection[str]


class PhraseIndex:
    """Phrases by the symbol they begin with; at one place the kind that was given first counts first."""

    def __init__(self, phrases: Iterable[Phrase]) -> None:
        by_symbol: dict[str, dict[str, list[str]]] = {}
        for phrase in phrases:
            for symbol in phrase.first_symbols:
                by_symbol.setdefault(symbol, {}).setdefault(phrase.kind, []).append(phrase.source)
        self._sources = {
            symbol: [(kind, _longest_first(symbol, sources)) for kind, sources in kinds.items()]
            for symbol, kinds in by_symbol.items()
        }

    def separate(self, symbols: str) -> Iterator[tuple[str, TokenSpan]]:
        """Yield kinds and spans that do not overlap, in the order of the sentence."""
        end = 0
        for start, symbol in enumerate(symbols):
            if start >= end and symbol in self._sources:
                for kind, source in self._sources[symbol]:
                    found = _end(source, symbols, start)
                    if found:
                        end = found
                        yield kind, TokenSpan(start, end)
                        break

    def kinds_possible(self, symbols: Iterable[str]) -> set[str]:
        """Return the kinds of which a phrase may begin with one of the symbols."""
        return {kind for symbol in symbols for kind, _ in self._sources.get(symbol, ())}

    def by_kind(self, symbols: str, kinds: Collection[str]) -> Mapping[str, Sequence[TokenSpan]]:
        """Return all spans of some kinds, of those that are there, in the order of the sentence."""
        found: dict[str, list[TokenSpan]] = {}
        for start, symbol in enumerate(symbols):
            if symbol in self._sources:
                for kind, source in self._sources[symbol]:
                    if kind in kinds and (end := _end(source, symbols, start)):
                        found.setdefault(kind, []).append(TokenSpan(start, end))
        return found


def _longest_first(symbol: str, sources: Collection[str]) -> str | None:
    """Return the sources as one, None if all of them are the symbol alone."""
    longer = [source for source in sources if not _ONE_SYMBOL.fullmatch(source)]
    alone = [re.escape(symbol)] if len(longer) < len(sources) else []
    return "|".join(sorted(longer, key=len, reverse=True) + alone) if longer else None


def _end(source: str | None, symbols: str, start: int) -> int:
    if source is None:
        return start + 1
    match = compiled_pattern(source).match(symbols, start)
    return match.end() if match else 0


def standing_together(kinds: Sequence[Sequence[TokenSpan]], breaks: Collection[int]) -> Iterator[TokenSpan]:
    """Yield where one span of each kind stands near the others, in any order, with no break between them."""
    for anchor in kinds[0][:_ANCHORS_MAX]:
        chosen = [anchor]
        for spans in kinds[1:]:
            apart = [
                (max(span.start - anchor.end, anchor.start - span.end), span)
                for span in spans
                if all(span.end <= other.start or other.end <= span.start for other in chosen)
            ]
            if not apart:
                break
            chosen.append(min(apart, key=lambda pair: pair[0])[1])
        else:
            chosen.sort(key=lambda span: span.start)
            whole = TokenSpan(chosen[0].start, chosen[-1].end)
            near = all(after.start - before.end <= TOGETHER_GAP_MAX for before, after in pairwise(chosen))
            if near and not any(whole.start < at < whole.end for at in breaks):
                yield whole


@cache
def compiled_pattern(source: str) -> re.Pattern[str]:
    """Return a compiled pattern. `re` has a cache too, which is too small for all of them."""
    return re.compile(source)
