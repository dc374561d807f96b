"""Reads `languages/*.toml`: what the sentences of a language say about the elements of qualification.

- `[words]`: classes of words; `patterns` says how they and the patterns are written.
- `[doubts]`: the words that take a statement back, by kind; `statements` says what each kind means. Where two
  kinds match at one place, the one that is first in the file counts.
- `[[rules]]`: `says` has patterns of parts that follow each other, `together` of parts that stand
  near each other in any order, without a word between them that begins a new statement ("but"): there it
  matters that somebody who can spend, an amount and a word of consent meet, not how.
- `[[denials]]` say that there is nothing, `[labels]` what a form asks for, `[answers]` has empty answers.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterator, Mapping, Sequence
from collections.abc import Set as AbstractSet
from functools import cache
from importlib import resources
from typing import Final

from msgspec import Struct

from services.router.domain.qualification.patterns import (
    FIGURES,
    NAME,
    STOP,
    UNKNOWN,
    PatternCompiler,
    folded,
)
from services.router.domain.qualification.phrases import PhraseIndex, TokenSpan
from services.router.domain.qualification.sentence_rules import SentenceRule, SentenceRules
from services.router.domain.qualification.tokens import Token, tokenize

LANGUAGES: Final = ("en", "de", "fr", "es", "pt")


class Doubt(Struct, frozen=True):
    """Words that take back what the clause says: the kind, a key of `[doubts]`, and where they stand."""

    kind: str
    span: TokenSpan


class Language:
    """What one file says: how to read a sentence, and which words a language is known by."""

    def __init__(self, name: str) -> None:
        folder = resources.files(__package__).joinpath("languages")
        document = tomllib.loads(folder.joinpath(f"{name}.toml").read_text(encoding="utf-8"))
        self.name = name
        self.common_words = frozenset(word for entry in document["common"] for word in folded(entry))
        rules = document["rules"]
        doubts: Mapping[str, Sequence[str]] = document["doubts"]
        compiler = PatternCompiler(document["words"])
        patterns = [row.get(key, ()) for row in rules for key in ("says", "together")]
        denials, labels = document["denials"], document["labels"]
        answers = document["answers"]
        patterns += [*(row["says"] for row in denials), *labels.values(), answers["placeholders"]]
        compiler.add_words(
            [pattern for row in (*patterns, *doubts.values()) for pattern in row], document["clauses"]
        )
        self._symbols = compiler.symbols
        self._classes_by_symbol = compiler.classes_by_symbol()
        self._clause = re.compile(
            "|".join([STOP, *(compiler.compile(entry) for entry in document["clauses"])])
        )
        self._doubts = PhraseIndex(
            phrase
            for kind, entries in doubts.items()
            for entry in entries
            for phrase in compiler.phrases(kind, entry)
        )
        self._own = re.compile(compiler.compile("{own}"))
        common_symbols = {compiler.symbols.of(word) for word in self.common_words}
        self._rules = SentenceRules(rules, compiler, common_symbols)
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
            for entry in answers["negative"]
        )
        self._placeholder = re.compile("|".join(map(compiler.compile, answers["placeholders"])))

    def denied(self, symbols: str) -> Iterator[tuple[str, ...]]:
        """Yield the elements that a sentence denies: "there is no budget"."""
        return (elements for elements, pattern in self._denials if pattern.search(symbols))

    def begins_with_placeholder(self, answer: Sequence[Token]) -> bool:
        """Return whether an answer begins with words that say that there is none: "tbd, after Q3"."""
        return self._placeholder.match(self.encode(answer)) is not None

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
                is_name = symbol == UNKNOWN and at and token.text[:1].isupper()
                symbols += NAME if is_name else symbol
            else:
                symbols += FIGURES[token.kind]
        return symbols

    def classes(self, symbols: str) -> Sequence[Sequence[str]]:
        """Return for each symbol the classes of words that it alone is an entry of."""
        return [self._classes_by_symbol.get(symbol, ()) for symbol in symbols]

    def clause_starts(self, symbols: str) -> list[int]:
        """Return where clauses begin, the first at 0."""
        return [0, *(match.start() for match in self._clause.finditer(symbols))]

    def doubts(self, symbols: str) -> list[Doubt]:
        """Return the doubts in a sentence, in its order."""
        return [Doubt(kind, span) for kind, span in self._doubts.separate(symbols)]

    def first_own(self, symbols: str) -> int:
        """Return where a sentence first names the buyer's side ("our"), its length if nowhere."""
        match = self._own.search(symbols)
        return match.start() if match else len(symbols)

    def matches(
        self, symbols: str, settled: AbstractSet[str], *, asked: bool
    ) -> Iterator[tuple[SentenceRule, TokenSpan]]:
        """Yield the rules that match and say more than what is settled, with the spans of their matches.

        If the sentence is `asked`, only rules that hold in a question count.
        """
        breaks = [at for match in self._clause.finditer(symbols) if symbols[at := match.start()] != STOP]
        return self._rules.matches(symbols, breaks, settled, asked=asked)


@cache
def languages() -> Sequence[Language]:
    """Return all languages, compiled once."""
    return [Language(name) for name in LANGUAGES]


@cache
def languages_by_common_word() -> Mapping[str, Sequence[int]]:
    """Return in which languages a word is common, as places in `languages()`."""
    found: dict[str, list[int]] = {}
    for at, language in enumerate(languages()):
        for word in language.common_words:
            found.setdefault(word, []).append(at)
    return found
