"""Reads form answers, hand-off notes and lines like "Budget: 40k": a label, and what it is answered with."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from functools import lru_cache
from typing import Final

from services.router.domain.qualification.language import languages
from services.router.domain.qualification.statements import Statements, is_doubtful, read_statements
from services.router.domain.qualification.tokens import Token, tokenize
from shared.policy.frames import FRAMES

_LABELS_CACHED: Final = 4_096
_LABEL_LENGTH_MAX: Final = 200
_SHORT_ANSWER_WORDS_MAX: Final = 6
_ANSWERED_BRIEFLY: Final = frozenset({"budget", "authority", "economic_buyer", "timeline", "metrics"})
"""A long answer is read as sentences: it says something about these elements only if a sentence does."""
_STATED_BY_ANY_WORDS: Final = frozenset({"need", "identify_pain"})
_ELEMENTS: Final = frozenset(element for frame in FRAMES.values() for element in frame)
_LABELLED_LINE = re.compile(r"[-•*\s]*([^\W\d_][^:=?!.\n]{1,60})\s*[:=]\s+(\S.*)", re.DOTALL)


def labelled_line(sentence: str) -> tuple[str, str] | None:
    """Return label and answer of a sentence like "Budget: 40k", None for any other."""
    match = _LABELLED_LINE.fullmatch(sentence[:1_000])
    return (match[1], match[2]) if match and elements_of_label(match[1]) else None


def read_answer(label: str, text: str) -> Statements:
    """Return what an answer says about the elements that its label asks for, and by its own sentences."""
    asked = elements_of_label(label)
    stated = read_statements(text) if len(text.split()) > 1 else Statements({}, {})
    known, denied = dict.fromkeys(stated.known, text), dict.fromkeys(stated.denied, text)
    for element in asked:
        if element in known:
            continue
        if is_negative(text):
            denied[element] = text
        elif element in _STATED_BY_ANY_WORDS or not is_doubtful(text):
            if element not in _ANSWERED_BRIEFLY or len(text.split()) <= _SHORT_ANSWER_WORDS_MAX:
                known[element] = text
        elif not text.rstrip().endswith("?"):
            denied.setdefault(element, text)
    return Statements(known, denied)


@lru_cache(maxsize=_LABELS_CACHED)
def elements_of_label(label: str) -> tuple[str, ...]:
    """Return the elements that a label asks for, in any language. An element's name is a label too."""
    words = " ".join(re.split(r"[\W_]+", label[:_LABEL_LENGTH_MAX])).strip()
    if (name := words.casefold().replace(" ", "_")) in _ELEMENTS:
        return (name,)
    found: dict[str, None] = {}
    for language in languages():
        asked = language.asked_by(tokenize(words))
        if asked is None:
            return ()
        found |= dict.fromkeys(asked)
    return (*found,)


def is_negative(text: str) -> bool:
    """Return whether an answer says that there is nothing, or that it is not known: "none", "tbd, later"."""
    tokens = tokenize(text[:_LABEL_LENGTH_MAX])
    words = tuple(_words(tokens))
    if not "".join(words).strip("0"):
        return True
    return any(
        words in language.negative_answers or language.begins_with_placeholder(tokens)
        for language in languages()
    )


def _words(tokens: Iterable[Token]) -> Iterator[str]:
    for token in tokens:
        if token.kind == "money" and not any(char in "123456789" for char in token.text):
            yield "0"
        elif token.kind != "stop":
            yield token.folded
