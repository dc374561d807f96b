"""Turns patterns over words into regular expressions over symbols.

A sentence is turned into a string with one symbol a token, so that a pattern over words is a short regular
expression over symbols. Gaps are bounded, so matching is linear in the length of the text. A pattern is a
list of words, and of these:

- `{class}`: one of the words of `[words]`, or of the figures `{money}`, `{sum}` (an amount that may lack its
  currency), `{number}`, `{percent}`, `{year}`, `{quarter}`, `{day}`, or `{vendor}`, or `{name}` (a word that
  is written with a capital)
- `stem*` and `*ending`: words that begin or end so; `a|b`: one of them; `a?`: may be missing
- `_` and `__`: up to 3 and up to 6 words of the same clause
- `!{class}`: none of the next words is in the class
- `,`: the end of a clause or of the sentence
"""

from __future__ import annotations

import re
from bisect import bisect_left
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from functools import cache, lru_cache
from itertools import chain, islice, takewhile
from typing import Final

from services.router.domain.qualification.phrases import Phrase
from services.router.domain.qualification.tokens import tokenize

UNKNOWN, NAME, STOP = "w", "N", ","
FIGURES: Final = {
    "money": "M",
    "amount": "A",
    "percent": "%",
    "year": "Y",
    "number": "#",
    "day": "D",
    "quarter": "Q",
    "vendor": "V",
    "stop": STOP,
}
_BUILT_IN: Final = {
    "{money}": "M",
    "{sum}": "MA",
    "{percent}": "%",
    "{year}": "Y",
    "{number}": "#A",
    "{day}": "D",
    "{quarter}": "Q",
    "{vendor}": "V",
    "{name}": "NV",
}
_FIRST_SYMBOL: Final = 0x3400
"""Symbols of words are ideographs: a range without a meaning in regular expressions."""
GAPS: Final = {"_": 3, "__": 6}
_CLASS = re.compile(r"\{\w+\}")


class Symbols:
    """Maps words to symbols, one for each word and stem that the patterns of a language name."""

    def __init__(self) -> None:
        self._words: dict[str, str] = {}
        self._stems: dict[str, str] = {}
        self._endings: dict[str, str] = {}
        self._sorted: list[tuple[str, str]] | None = None

    def add(self, written: str) -> None:
        """Give a symbol to a `word`, a `stem*` or an `*ending`, unless it has one."""
        table, key = self._table(written)
        if key not in table:
            count = len(self._words) + len(self._stems) + len(self._endings)
            table[key] = chr(_FIRST_SYMBOL + count)

    @lru_cache(maxsize=16_384)  # noqa: B019 - the languages live as long as the process
    def of(self, word: str) -> str:
        """Return the symbol of a word: its own, else that of its longest stem or ending."""
        if word in self._words:
            return self._words[word]
        for length in range(len(word), 1, -1):
            for known in (self._endings.get(word[-length:]), self._stems.get(word[:length])):
                if known is not None:
                    return known
        return UNKNOWN

    def matching(self, written: str) -> str:
        """Return all symbols that `word`, `stem*` or `*ending` means; to be called after the last `add`."""
        table, key = self._table(written)
        if table is self._words:
            return table[key]
        if table is self._endings:
            words = chain(self._words.items(), table.items())
            return "".join(symbol for word, symbol in words if word.endswith(key))
        if self._sorted is None:
            self._sorted = sorted(chain(self._words.items(), self._stems.items()))
        matching = islice(self._sorted, bisect_left(self._sorted, (key, "")), None)
        return "".join(symbol for _, symbol in takewhile(lambda pair: pair[0].startswith(key), matching))

    def _table(self, written: str) -> tuple[dict[str, str], str]:
        if written.endswith("*"):
            return self._stems, written[:-1]
        return (self._endings, written[1:]) if written.startswith("*") else (self._words, written)


@cache
def folded(written: str) -> Sequence[str]:
    """Return the words of an entry as the tokens of a text are folded."""
    return [
        ("*" if word.startswith("*") else "") + token.folded + ("*" if word.endswith("*") else "")
        for word in written.split()
        for token in tokenize(word.strip("*"))
    ]


class PatternCompiler:
    """Turns the patterns of one file into regular expressions over symbols."""

    def __init__(self, classes: Mapping[str, Sequence[str]]) -> None:
        self.symbols = Symbols()
        self._classes = {f"{{{name}}}": tuple(entries) for name, entries in classes.items()}
        self._expanded: dict[str, str] = {}
        self._first: dict[str, set[str]] = {}
        self._clause_ends = STOP

    def add_words(self, patterns: Iterable[str], clause_ends: Iterable[str]) -> None:
        """Give a symbol to each word of the classes and patterns; call it once, before `compile`."""
        clause_ends = [*clause_ends]
        for pattern in (
            *(entry for entries in self._classes.values() for entry in entries),
            *patterns,
            *clause_ends,
        ):
            for part in pattern.replace("|", " ").split():
                bare = part.lstrip("!").rstrip("?")
                if bare not in GAPS and not _CLASS.fullmatch(bare) and bare != ",":
                    for word in folded(bare):
                        self.symbols.add(word)
        single = [words[0] for entry in clause_ends if len(words := folded(entry)) == 1]
        self._clause_ends = STOP + "".join(self.symbols.matching(word) for word in single)

    def compile(self, pattern: str) -> str:
        """Return the regular expression of a pattern."""
        return "".join(self._part(part) for part in pattern.split())

    def classes_by_symbol(self) -> Mapping[str, tuple[str, ...]]:
        """Return the classes that a symbol alone is an entry of, and the name of a figure for its symbol."""
        found = {symbol: [kind] for kind, symbol in FIGURES.items() if symbol != STOP}
        for name, entries in self._classes.items():
            words = [parts[0] for entry in entries if "{" not in entry and len(parts := folded(entry)) == 1]
            for symbol in sorted({symbol for word in words for symbol in self.symbols.matching(word)}):
                found.setdefault(symbol, []).append(name[1:-1])
        return {symbol: tuple(names) for symbol, names in found.items()}

    def names_negation(self, pattern: str) -> bool:
        """Return whether a pattern names a negation as one of its parts."""
        return not {"{not}", *self._classes["{not}"]}.isdisjoint(re.split(r"[ |]", pattern))

    def is_negation_within(self, pattern: str, source: str) -> bool:
        """Return whether a pattern without gaps may match a negation ("cannot find" of `{happens}`)."""
        negations = {*self.compile("{not}")} - {*"[](?:|)"}
        return GAPS.keys().isdisjoint(pattern.split()) and not negations.isdisjoint(source)

    def phrases(self, kind: str, written: str) -> Iterator[Phrase]:
        """Yield the phrases that one part of a pattern, or an entry of a class, means."""
        for entry in written.split("|") if " " not in written else (written,):
            if entry in self._classes:
                for member in self._classes[entry]:
                    yield from self.phrases(kind, member)
            else:
                yield Phrase(kind, self.compile(entry), self._first_of(entry))

    def _part(self, part: str) -> str:
        inside = f"[^{self._clause_ends}]"
        if part in GAPS:
            return f"{inside}{{0,{GAPS[part]}}}"
        if part.startswith("!"):
            return f"(?!{inside}{{0,3}}{self._part(part[1:])})"
        optional = "?" if part.endswith("?") else ""
        return self._any_of(part.rstrip("?").split("|")) + optional

    def required_symbols(self, pattern: str, common: Collection[str]) -> list[frozenset[str]]:
        """Return sets of symbols of each of which one is in every match, that of the rarest word first."""
        sets = {
            frozenset(self._first_symbols(part))
            for part in pattern.split()
            if part not in GAPS and part[0] != "!" and part[-1] != "?" and STOP not in part.split("|")
        }
        return sorted(sets, key=lambda symbols: (len(symbols & {*common, STOP, NAME}), len(symbols)))

    def _first_symbols(self, part: str) -> set[str]:
        if part in self._first:
            return self._first[part]
        found: set[str] = set()
        for entry in part.split("|"):
            if entry in self._classes:
                for member in self._classes[entry]:
                    found |= self._first_of(member)
            else:
                found |= {*self._any_of([entry])} - {*"[](?:|)"}
        self._first[part] = found
        return found

    def _first_of(self, pattern: str) -> set[str]:
        found: set[str] = set()
        for part in pattern.split():
            found |= self._first_symbols(part.rstrip("?"))
            if not part.endswith("?"):
                break
        return found

    def _any_of(self, entries: Sequence[str]) -> str:
        if len(entries) == 1:
            only = entries[0]
            if only not in self._expanded:
                self._expanded[only] = self._joined(self._classes.get(only, entries))
            return self._expanded[only]
        return self._joined(entries)

    def _joined(self, entries: Sequence[str]) -> str:
        single, longer = "", []
        for entry in entries:
            if entry == STOP:
                single += self._clause_ends
                longer.append("$")
            elif entry in _BUILT_IN:
                single += _BUILT_IN[entry]
            elif entry in self._classes:
                longer.append(self._any_of([entry]))
            elif _CLASS.fullmatch(entry):
                raise ValueError(f"there is no class {entry}")
            elif any(mark in entry for mark in ("{", "_", "|", "?")):
                longer.append(self.compile(entry))
            else:
                words = [self.symbols.matching(word) for word in folded(entry)]
                if len(words) == 1:
                    single += words[0]
                else:
                    longer.append("".join(f"[{symbols}]" for symbols in words))
        if single:
            longer.append(f"[{single}]")
        return f"(?:{'|'.join(longer)})" if len(longer) > 1 else longer[0]
