"""Reads what a text states about the elements of qualification, sentence by sentence.

A statement counts only if nothing takes it back: no negation, doubt, condition, question, or somebody else's
budget in the same clause. What the patterns state is then weighed together with all words of the sentence
(`classifier`). When in doubt, it does not count: an element that is wrongly *known* is not asked for again.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from collections.abc import Set as AbstractSet
from hashlib import blake2b
from itertools import chain
from typing import Final

from msgspec import Struct

from services.router.domain.qualification.classifier import classifier
from services.router.domain.qualification.features import Part, doubted_parts, sentence_parts
from services.router.domain.qualification.language import (
    Doubt,
    Language,
    languages,
    languages_by_common_word,
)
from services.router.domain.qualification.phrases import TokenSpan
from services.router.domain.qualification.sentence_rules import SentenceRule
from services.router.domain.qualification.tokens import Token, chunks, split_sentences, tokenize
from services.router.domain.qualification.vendors import with_vendors
from shared.policy.frames import FRAMES
from shared.resilience.lru import LruCache

_PAINS: Final = frozenset({"need", "identify_pain"})
_QUANTITIES: Final = _PAINS | {"metrics"}
_FIGURES: Final = frozenset({"metrics"})
"""A negation after a figure does not concern it: "a third of our leads is never called"."""
_CERTAIN_BY_WORDS: Final = 2
_BUYING: Final = frozenset({"budget", "authority", "economic_buyer"})
_ALL: Final = frozenset(element for frame in FRAMES.values() for element in frame)
_TAKEN_BACK: Final[Mapping[str, frozenset[str]]] = {
    # Words that look like a doubt and are none: "not only".
    "harmless": frozenset(),
    "negation": _ALL,
    # Denies what follows it in the clause: "without".
    "adjunct": _ALL,
    # Still to be done: "still needs to be approved".
    "pending": frozenset({"budget", "timeline"}),
    "unsure": _ALL - _PAINS,
    # Supposes the whole sentence: "if".
    "hypothetical": _ALL - _QUANTITIES - {"decision_criteria"},
    # Supposes a verb: "would".
    "conditional": _BUYING,
    # Is about other companies: "our customers".
    "others": _ALL - _PAINS - {"champion", "timeline", "paper_process"},
    # The same, unless we were named before: "our CEO puts her name to it".
    "theirs": _ALL - _PAINS - {"champion", "timeline", "paper_process"},
    # Is about us: "your budget".
    "yours": _BUYING | {"metrics", "competition", "timeline", "identify_pain"},
    # Trouble with our own pages and accounts: "my password".
    "support": _PAINS,
    "past": _ALL - _QUANTITIES - {"champion", "decision_criteria"},
    # Is about a time that is over: "back then".
    "formerly": _ALL - {"metrics", "champion", "decision_criteria"},
    # Trouble stated in the past tense may be over: "it was chaotic".
    "imperfect": frozenset({"identify_pain"}),
    # Is about a plan that may have changed: "we wanted to".
    "intended": _PAINS | {"timeline", "budget"},
    # Begins a question, with or without a question mark.
    "asks": _ALL,
    # A date for a meeting or an answer is none for the project: "a call on Friday".
    "meeting": frozenset({"timeline"}),
    "ago": frozenset({"timeline"}),
    "elsewhere": _ALL,
    "unrelated": _ALL,
    "solved": _QUANTITIES,
    "abandoned": _ALL,
    "withdrawn": frozenset({"budget"}),
    # Money that is none to spend on this: "revenue".
    "other_money": frozenset({"budget"}),
    # What is to be paid to us, and when: "your invoice is due".
    "bills": frozenset({"budget", "timeline"}),
    # A contract for something else: "our lease".
    "other_contract": frozenset({"timeline"}),
    # Defines success: "success means an answer within an hour".
    "success": _PAINS,
    # Is about trouble that others pay us to solve: "for our clients, late deliveries are a headache".
    "for_others": _PAINS,
    # Tests of what the buyer makes or sells: "we test all our products".
    "own_goods": frozenset({"decision_process"}),
    # A vendor is named for another reason than its use: "integrates with".
    "no_use": frozenset({"competition"}),
}
"""Which elements a doubt of each kind concerns. "If a lead comes in on Sunday, nobody answers" is a need."""
_OF_SENTENCE: Final = frozenset(
    {"hypothetical", "solved", "abandoned", "unrelated", "withdrawn", "intended", "success"}
)
"""Doubts that concern the whole sentence, not only their clause: "we lost leads, but that has been fixed"."""


class Statements(Struct, frozen=True):
    """The sentence that makes an element known, and the one that denies it, by element."""

    known: dict[str, str]
    denied: dict[str, str]


class _Reading(Struct, frozen=True):
    """The number of the sentence that makes an element known, and of the one that denies it, by element."""

    known: dict[str, int]
    denied: dict[str, int]


_READINGS: Final = LruCache[bytes, _Reading](4_096)


def read_statements(text: str | Sequence[str] | None) -> Statements:
    """Return what a text, or its sentences, state. The first sentence that does is the evidence.

    Every new score, owner and hand-over of a lead reads its messages again, so readings are cached: by the
    digest of the text, and without the text, since nothing of an erased person may stay.
    """
    sentences = split_sentences(text) if text is None or isinstance(text, str) else text
    key = blake2b("\n".join(sentences).encode("utf-8", "surrogatepass"), digest_size=16).digest()
    reading = _READINGS.get_or_compute(key, lambda: _read_sentences(sentences))
    return Statements(
        {element: sentences[at] for element, at in reading.known.items()},
        {element: sentences[at] for element, at in reading.denied.items()},
    )


def _read_sentences(sentences: Sequence[str]) -> _Reading:
    statements = _Reading({}, {})
    tokens = [with_vendors(tokenize(sentence)) for sentence in sentences]
    spoken_in_text: Sequence[Language] | None = None
    for at, (sentence, row) in enumerate(zip(sentences, tokens, strict=True)):
        spoken, certain = spoken_languages(row)
        if not certain:
            if spoken_in_text is None:
                spoken_in_text, _ = spoken_languages(list(chain.from_iterable(tokens)))
            spoken = spoken_in_text
        for part in chunks(row):
            reading = read_by_patterns(
                part, spoken, is_question=is_question(sentence), settled=statements.known.keys()
            )
            for element in classifier().known(reading.parts, reading.stated):
                if element in reading.stated or element not in reading.denied:
                    statements.known.setdefault(element, at)
            for element in reading.denied:
                statements.denied.setdefault(element, at)
    return statements


def is_doubtful(text: str) -> bool:
    """Return whether a text denies, doubts, supposes or asks, whatever it is about."""
    if text.rstrip().endswith("?"):
        return True
    tokens = with_vendors(tokenize(text))
    return any(
        doubt.kind in ("negation", "unsure", "hypothetical")
        for language in spoken_languages(tokens)[0]
        for part in chunks(tokens)
        for doubt in language.doubts(language.encode(part))
    )


def is_question(sentence: str) -> bool:
    """Return whether a sentence ends with a question mark, maybe within quotation marks or parentheses."""
    return sentence.rstrip(" )\"'”»").endswith("?")


def spoken_languages(tokens: Sequence[Token]) -> tuple[Sequence[Language], bool]:
    """Return the languages with most common words in a text, and whether that is certain.

    It is certain with two common words more than any other language has. Without any, all are candidates.
    """
    counts = [0] * len(languages())
    by_word = languages_by_common_word()
    for token in tokens:
        for at in by_word.get(token.folded, ()):
            counts[at] += 1
    most, second = sorted(counts, reverse=True)[:2]
    spoken = [language for language, count in zip(languages(), counts, strict=True) if count == most]
    return spoken, most >= second + _CERTAIN_BY_WORDS


class PatternReading(Struct, frozen=True):
    """What the patterns find in a sentence: elements stated and denied, and the parts to be weighed."""

    stated: AbstractSet[str]
    denied: AbstractSet[str]
    parts: Sequence[Part]


def read_by_patterns(
    tokens: Sequence[Token],
    spoken: Sequence[Language],
    *,
    is_question: bool,
    settled: AbstractSet[str] = frozenset(),
) -> PatternReading:
    """Return what the patterns find. In one language, `settled` elements need not be found again."""
    stated: set[str] = set()
    denied: set[str] = set()
    taken_back: set[str] = set()
    doubts: set[str] = set()
    classes: Sequence[Sequence[str]] = ()
    after_doubts: Sequence[Part] = ()
    for language in spoken:
        symbols = language.encode(tokens)
        clauses = _Clauses(language, symbols, is_question=is_question)
        doubts |= clauses.kinds_of_doubt
        if not classes:
            classes = language.classes(symbols)
            after_doubts = [
                part
                for doubt, end in clauses.doubted_spans
                for part in doubted_parts(tokens, classes, doubt.kind, doubt.span.end, end)
            ]
        found = {*settled} if len(spoken) == 1 else set()
        matches = language.matches(symbols, found, asked=clauses.is_one_question)
        for rule, match in matches if clauses.may_state else ():
            doubted = clauses.doubted(rule, match)
            said = rule.elements - doubted
            stated |= said
            if len(spoken) == 1:
                found |= said
            else:
                taken_back |= doubted & rule.elements
        if not clauses.is_open:
            denied.update(*language.denied(symbols))
    # Where the language is uncertain, what is taken back in one of them is not stated.
    parts = [*sentence_parts(tokens, classes, doubts, is_question=is_question), *after_doubts]
    return PatternReading(stated - taken_back, denied, parts)


class _Clauses:
    """The clauses of a sentence, and what takes back what they say."""

    def __init__(self, language: Language, symbols: str, *, is_question: bool) -> None:
        self._starts = language.clause_starts(symbols)
        self._doubts = language.doubts(symbols)
        self._end = len(symbols)
        self._first_own = language.first_own(symbols)
        self._is_question = is_question

    @property
    def kinds_of_doubt(self) -> set[str]:
        return {doubt.kind for doubt in self._doubts}

    @property
    def doubted_spans(self) -> Iterator[tuple[Doubt, int]]:
        """Yield the doubts that are no harmless words, and where the clause of each ends."""
        for doubt in self._doubts:
            if doubt.kind != "harmless":
                yield doubt, min((at for at in self._starts if at >= doubt.span.end), default=self._end)

    @property
    def is_one_question(self) -> bool:
        """Whether the sentence is a question and nothing else."""
        return self._is_question and len(self._starts) == 1

    @property
    def may_state(self) -> bool:
        """Whether no doubt takes back all that the sentence may say."""
        return not any(_TAKEN_BACK[kind] == _ALL for kind in self.kinds_of_doubt & _OF_SENTENCE)

    @property
    def is_open(self) -> bool:
        """Whether the sentence asks or supposes something as a whole."""
        return self._is_question or any(doubt.kind in ("hypothetical", "asks") for doubt in self._doubts)

    def doubted(self, rule: SentenceRule, match: TokenSpan) -> frozenset[str]:
        """Return the elements that a rule's match says nothing about after all."""
        start = max(at for at in self._starts if at <= match.start)
        end = min((at for at in self._starts if at >= match.end), default=self._end)
        asked = self._is_question and end == self._end and not rule.asked
        doubted = _ALL if asked else frozenset()
        for doubt in self._doubts:
            if doubt.kind == "meeting" and doubt.span.end == match.start:
                doubted |= _FIGURES | _TAKEN_BACK["meeting"]
            elif self._concerns(doubt, rule, match, TokenSpan(start, end)):
                after = doubt.kind == "negation" and doubt.span.start >= match.end
                doubted |= _TAKEN_BACK[doubt.kind] - (_FIGURES if after else frozenset())
                if self._is_question and doubt.kind == "hypothetical":
                    doubted |= _PAINS
        # What is no pain after all is no need either.
        return doubted | _PAINS if "identify_pain" in doubted & rule.elements else doubted

    def _concerns(self, doubt: Doubt, rule: SentenceRule, match: TokenSpan, clause: TokenSpan) -> bool:
        kind, span = doubt.kind, doubt.span
        within = match.start <= span.start and span.end <= match.end
        if kind in _OF_SENTENCE:
            return True
        if kind == "meeting" or span.end <= clause.start or span.start >= clause.end:
            return kind == "meeting" and within
        if kind == "yours":
            foreign = "identify_pain" in rule.elements and span.start < min(self._first_own, match.start)
            return within or span.end == match.start or foreign
        if kind in ("theirs", "adjunct"):
            return span.start < (self._first_own if kind == "theirs" else match.start)
        if kind == "asks":
            return not (rule.asked or within) and span.start <= (clause.start and clause.start + 1)
        return not (kind == "negation" and rule.negated and within)
