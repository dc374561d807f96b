"""The industry of a company in the words of one taxonomy, from the names of other lists: `industries.txt`."""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import cache, lru_cache
from importlib import resources
from typing import Final

from shared.lead.normalise.text import NAME_LENGTH_MAX, fold, single_line

_LIST: Final = "industries.txt"
_CACHED_INDUSTRIES_MAX: Final = 8_192
_CONTINUATION = re.compile(r"\n +")
_ROW = re.compile(r"[^#\s]")
_WORDS = re.compile(r"[^\W_]+")
_SEPARATORS = re.compile(r"[;|>\n]|,(?=\s)|\s/\s|\s-\s")
_PARTS_MAX: Final = 4
_FILLERS: Final = frozenset({"and", "the", "industry", "sector", "branche", "und", "et", "y"})


def normalise_industry(text: str | None) -> str | None:
    """Return the word of the taxonomy for an industry; the text as it is when the taxonomy does not know it.

    A text with several names (`Software; SaaS`) is read when all that are known mean the same.
    """
    typed = single_line(text, NAME_LENGTH_MAX)
    return _industry(typed) or typed or None


def is_known_industry(text: str | None) -> bool:
    """Return whether a text is a word of the taxonomy or a name for one."""
    return bool(text) and _industry(single_line(text, NAME_LENGTH_MAX)) is not None


@cache
def industry_words() -> frozenset[str]:
    """Return the words of the taxonomy."""
    return frozenset(_words_by_key().values())


@lru_cache(maxsize=_CACHED_INDUSTRIES_MAX)
def _industry(typed: str) -> str | None:
    known = _words_by_key()
    if word := known.get(_key_of(typed)):
        return word
    found = {known.get(_key_of(part)) for part in _SEPARATORS.split(typed, _PARTS_MAX)} - {None}
    return found.pop() if len(found) == 1 else None


def _key_of(name: str) -> str:
    """Return what spellings of an industry share: no case, accents, punctuation or filler words."""
    words = [word for word in _WORDS.findall(fold(name)) if word not in _FILLERS]
    return " ".join(words)


@cache
def _words_by_key() -> Mapping[str, str]:
    """Return the word of the taxonomy by the key of each of its names; its own name comes first."""
    text = resources.files(__package__).joinpath(_LIST).read_text(encoding="utf-8")
    rows = [line.partition("=") for line in _CONTINUATION.sub(" ", text).splitlines() if _ROW.match(line)]
    words = {_key_of(name): word.strip() for word, _, names in rows for name in names.split("|")}
    return words | {_key_of(word): word.strip() for word, _, _names in rows}
