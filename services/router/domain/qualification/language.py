"""Compiles `languages/*.toml`: what the sentences of a language say about the elements of qualification.

A sentence is turned into a string with one symbol a token, so that a pattern over words is a short regular
expression over symbols. Gaps are bounded, so matching is linear in the length of the text.

A pattern of the files is a list of words, and of these:

- `{class}`: one of the words of `[words]`, or of the figures `{money}`, `{sum}` (an amount that may lack its
  currency), `{number}`, `{percent}`, `{year}`, `{quarter}`, `{day}`, or `{vendor}`, or `{name}` (a word that
  is written with a capital)
- `stem*` and `*ending`: words that begin or end so; `a|b`: one of them; `a?`: may be missing
- `_` and `__`: up to 3 and up to 6 words of the same clause
- `!{class}`: none of the next words is in the class
- `,`: the end of a clause or of the sentence

`[doubts]` has the words that take a statement back, by kind; `statements` says what each kind means. Where
two kinds match at one place, the one that is first in the file counts.
"""

from __future__ import annotations

import re
import tomllib
from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from functools import cache, lru_cache
from importlib import resources
from itertools import chain
from typing import Final

from msgspec import Struct

from services.router.domain.qualification.tokens import Token, tokenize

LANGUAGES: Final = ("en", "de", "fr", "es", "pt")
_UNKNOWN, _NAME, _STOP = "w", "N", ","
_FIGURES: Final = {
    "money": "M",
    "amount": "A",
    "percent": "%",
    "year": "Y",
    "number": "#",
    "day": "D",
    "quarter": "Q",
    "vendor": "V",
    "stop": _STOP,
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
_GAPS: Final = {"_": 3, "__": 6}
_CLASS = re.compile(r"\{\w+\}")


class SentenceRule(Struct, frozen=True):
    """A pattern that says something about some elements; its source is compiled when it is first needed.

    `requires` are sets of symbols of each of which one is in every match. `negated`: the pattern has a
    negation of its own ("cannot see"). `asked`: it holds in a question too.
    """

    elements: tuple[str, ...]
    source: str
    requires: tuple[frozenset[str], ...]
    negated: bool
    asked: bool


class Doubt(Struct, frozen=True):
    """Words that take back what the clause says: where they stand, and the kind, a key of `[doubts]`."""

    kind: str
    start: int
    end: int


class Symbols:
    """Maps words to symbols, one for each word and stem that the patterns of a language name."""

    def __init__(self) -> None:
        self._words: dict[str, str] = {}
        self._stems: dict[str, str] = {}
        self._endings: dict[str, str] = {}

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
        return _UNKNOWN

    def matching(self, written: str) -> str:
        """Return all symbols of words that `word`, `stem*` or `*ending` means."""
        table, key = self._table(written)
        if table is self._words:
            return table[key]
        begins = table is self._stems
        return "".join(
            symbol
            for word, symbol in chain(self._words.items(), table.items())
            if (word.startswith(key) if begins else word.endswith(key))
        )

    def _table(self, written: str) -> tuple[dict[str, str], str]:
        if written.endswith("*"):
            return self._stems, written[:-1]
        return (self._endings, written[1:]) if written.startswith("*") else (self._words, written)


@cache
def _folded(written: str) -> Sequence[str]:
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
        self._clause_ends = _STOP

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
                if bare not in _GAPS and not _CLASS.fullmatch(bare) and bare != ",":
                    for word in _folded(bare):
                        self.symbols.add(word)
        single = [words[0] for entry in clause_ends if len(words := _folded(entry)) == 1]
        self._clause_ends = _STOP + "".join(self.symbols.matching(word) for word in single)

    def compile(self, pattern: str) -> str:
        """Return the regular expression of a pattern."""
        return "".join(self._part(part) for part in pattern.split())

    def _part(self, part: str) -> str:
        inside = f"[^{self._clause_ends}]"
        if part in _GAPS:
            return f"{inside}{{0,{_GAPS[part]}}}"
        if part.startswith("!"):
            return f"(?!{inside}{{0,3}}{self._part(part[1:])})"
        optional = "?" if part.endswith("?") else ""
        return self._any_of(part.rstrip("?").split("|")) + optional

    def required_symbols(self, pattern: str, common: Collection[str]) -> list[frozenset[str]]:
        """Return sets of symbols of each of which one is in every match, that of the rarest word first."""
        sets = {
            frozenset(self._first_symbols(part))
            for part in pattern.split()
            if part not in _GAPS and part[0] != "!" and part[-1] != "?" and _STOP not in part.split("|")
        }
        return sorted(sets, key=lambda symbols: (len(symbols & {*common, _STOP, _NAME}), len(symbols)))

    def _first_symbols(self, part: str) -> set[str]:
        if part in self._first:
            return self._first[part]
        found: set[str] = set()
        for entry in part.split("|"):
            if entry in self._classes:
                for member in self._classes[entry]:
                    for first in member.split():
                        found |= self._first_symbols(first.rstrip("?"))
                        if not first.endswith("?"):
                            break
            else:
                found |= {*self._any_of([entry])} - {*"[](?:|)"}
        self._first[part] = found
        return found

    def _any_of(self, entries: Sequence[str]) -> str:
        if len(entries) == 1 and entries[0] in self._classes:
            if entries[0] not in self._expanded:
                self._expanded[entries[0]] = self._any_of(self._classes[entries[0]])
            return self._expanded[entries[0]]
        single, longer = "", []
        for entry in entries:
            if entry == _STOP:
                single += self._clause_ends
                longer.append("$")
            elif entry in _BUILT_IN:
                single += _BUILT_IN[entry]
            elif entry in self._classes:
                longer.append(self._any_of([entry]))
            elif any(mark in entry for mark in ("{", "_", "|", "?")):
                longer.append(self.compile(entry))
            else:
                words = [self.symbols.matching(word) for word in _folded(entry)]
                if len(words) == 1:
                    single += words[0]
                else:
                    longer.append("".join(f"[{symbols}]" for symbols in words))
        if single:
            longer.append(f"[{single}]")
        return f"(?:{'|'.join(longer)})" if len(longer) > 1 else longer[0]


class Language:
    """What one file says: how to read a sentence, and which words a language is known by."""

    def __init__(self, name: str) -> None:
        folder = resources.files(__package__).joinpath("languages")
        document = tomllib.loads(folder.joinpath(f"{name}.toml").read_text(encoding="utf-8"))
        self.name = name
        self.common_words = frozenset(word for entry in document["common"] for word in _folded(entry))
        rules = document["rules"]
        doubts: Mapping[str, Sequence[str]] = document["doubts"]
        compiler = PatternCompiler(document["words"])
        patterns = [row["says"] for row in rules]
        denials, labels = document["denials"], document["labels"]
        patterns += [*(row["says"] for row in denials), *labels.values()]
        compiler.add_words(
            [pattern for row in (*patterns, *doubts.values()) for pattern in row], document["clauses"]
        )
        self._symbols = compiler.symbols
        self._clause = re.compile(
            "|".join([_STOP, *(compiler.compile(entry) for entry in document["clauses"])])
        )
        self._doubts = re.compile(
            "|".join(
                f"(?P<{kind}>{'|'.join(map(compiler.compile, entries))})" for kind, entries in doubts.items()
            )
        )
        negations = {"{not}", *document["words"]["not"]}
        negation_symbols = {*compiler.compile("{not}")} - {*"[](?:|)"}

        self._rules_by_symbol: dict[str, list[SentenceRule]] = defaultdict(list)
        common_symbols = {compiler.symbols.of(word) for word in self.common_words}
        for row in rules:
            for pattern in row["says"]:
                source = compiler.compile(pattern)
                parts = {*re.split(r"[ |]", pattern)}
                negated = not negations.isdisjoint(parts) or (
                    _GAPS.keys().isdisjoint(parts) and not negation_symbols.isdisjoint(source)
                )
                first, *others = compiler.required_symbols(pattern, common_symbols)
                rule = SentenceRule(
                    tuple(row["elements"]), source, tuple(others), negated, row.get("asked", False)
                )
                for symbol in first:
                    self._rules_by_symbol[symbol].append(rule)
        self._denials = [
            (tuple(row["elements"]), re.compile("|".join(map(compiler.compile, row["says"]))))
            for row in denials
        ]
        self._labels = {
            element: re.compile("|".join(map(compiler.compile, entries)))
            for element, entries in labels.items()
        }
        self._ignored_labels = self._labels.pop("ignored")
        self.negative_answers = frozenset(
            tuple(token.folded for token in tokenize(entry) if token.kind != "stop")
            for entry in document["answers"]["negative"]
        )

    def denied(self, symbols: str) -> Iterator[tuple[str, ...]]:
        """Yield the elements that a sentence denies: "there is no budget"."""
        return (elements for elements, pattern in self._denials if pattern.search(symbols))

    def asked_by(self, label: Sequence[Token]) -> Sequence[str] | None:
        """Return the elements that a form's label asks for; None if it asks for something else."""
        symbols = self.encode(label)
        if self._ignored_labels.search(symbols):
            return None
        return [element for element, pattern in self._labels.items() if pattern.search(symbols)]

    def encode(self, tokens: Sequence[Token]) -> str:
        """Return one symbol a token."""
        of = self._symbols.of
        symbols = ""
        for at, token in enumerate(tokens):
            if token.kind == "word":
                symbol = of(token.folded)
                is_name = symbol == _UNKNOWN and at and token.text[:1].isupper()
                symbols += _NAME if is_name else symbol
            else:
                symbols += _FIGURES[token.kind]
        return symbols

    def clause_starts(self, symbols: str) -> list[int]:
        """Return where clauses begin, the first at 0."""
        return [0, *(match.start() for match in self._clause.finditer(symbols))]

    def doubts(self, symbols: str) -> list[Doubt]:
        """Return the doubts in a sentence, in its order."""
        return [
            Doubt(match.lastgroup or "", match.start(), match.end())
            for match in self._doubts.finditer(symbols)
        ]

    def matches(self, symbols: str) -> Iterator[tuple[SentenceRule, re.Match[str]]]:
        """Yield the rules that match, with their first two matches."""
        present = {*symbols}
        candidates = {id(rule): rule for symbol in present for rule in self._rules_by_symbol.get(symbol, ())}
        for rule in candidates.values():
            if any(map(present.isdisjoint, rule.requires)):
                continue
            pattern = compiled_pattern(rule.source)
            match = pattern.search(symbols)
            if match is not None:
                yield rule, match
                again = pattern.search(symbols, max(match.end(), match.start() + 1))
                if again is not None:
                    yield rule, again


@cache
def compiled_pattern(source: str) -> re.Pattern[str]:
    """Return a compiled pattern. `re` has a cache too, which is too small for all of them."""
    return re.compile(source)


@cache
def languages() -> Sequence[Language]:
    """Return all languages, compiled once."""
    return [Language(name) for name in LANGUAGES]
