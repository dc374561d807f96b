"""Functions that all normal forms use: bounded input, one line, folding for comparison, phrase look-up.

Text from outside may be anything. Every normal form bounds it before it reads it and returns `None` (or an
empty text) for what it cannot read; none raises.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator, Mapping, Sequence
from typing import Final

NAME_LENGTH_MAX: Final = 200
URL_LENGTH_MAX: Final = 2048
PADDING_MAX: Final = 64
"""Characters of white space around an identifier that are tolerated."""

Lexicon = Mapping[tuple[str, ...], str]
"""What a phrase means, by its words."""

# Control characters and lone surrogates: neither can be part of a name, an address or a number.
_UNREADABLE = re.compile(r"[\x00-\x1f\x7f-\x9f\ud800-\udfff]+")
# What Unicode has for joining, directing and filling (Default_Ignorable_Code_Point), and the Braille blank:
# copied along with a text from a web page or an address book, and seen by nobody.
_INVISIBLE = re.compile(
    "[\u00ad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180b-\u180f\u200b-\u200f\u202a-\u202e\u2060-\u206f"
    "\u2800\u3164\ufe00-\ufe0f\ufeff\uffa0\ufff0-\ufff8\U0001bca0-\U0001bca3\U0001d173-\U0001d17a"
    "\U000e0000-\U000e0fff]+"
)
_INITIALS = re.compile(r"\b[a-z](?:\.[a-z])+\b\.?")
_APOSTROPHES = re.compile("['\u2019`]")


def bounded(text: str | None, length_max: int) -> str | None:
    """Return the text without surrounding white space; `None` when it is empty, too long or unreadable.

    For identifiers: one that was cut short would identify somebody else.
    """
    if not text or len(text) > length_max + PADDING_MAX:
        return None
    stripped = text.strip()
    if not stripped or len(stripped) > length_max or _UNREADABLE.search(stripped):
        return None
    return stripped


def without_invisible(text: str, keep: str = "") -> str:
    """Return the text without invisible characters, such as a byte order mark; those in `keep` stay.

    For identifiers only: in running text some of them change what is read, as in Persian or in an emoji.
    """
    if text.isascii():
        return text
    return _INVISIBLE.sub(lambda match: "".join(char for char in match[0] if char in keep), text)


def without_accents(text: str) -> str:
    """Return a text in lower case, in its compatibility form (NFKD), without accents: `Größe` is `grosse`."""
    decomposed = unicodedata.normalize("NFKD", text).casefold()
    return "".join(char for char in decomposed if not unicodedata.combining(char))


def single_line(text: str | None, length_max: int) -> str:
    """Return the first `length_max` characters on one line: single spaces, no control characters."""
    if not text:
        return ""
    cut = text[:length_max]
    return " ".join((cut if cut.isprintable() else _UNREADABLE.sub(" ", cut)).split())


def lower(text: str) -> str:
    """Return the text in lower case and in Unicode normal form C."""
    return unicodedata.normalize("NFC", unicodedata.normalize("NFC", text).lower())


def fold(text: str) -> str:
    """Return the text for comparison: no case or accents, `V.P.` as `vp`, `&` as `and`."""
    if text.isascii():
        bare = text.lower()
    else:
        decomposed = unicodedata.normalize("NFKD", text.casefold())
        bare = "".join(char for char in decomposed if not unicodedata.combining(char)).casefold()
    joined = _INITIALS.sub(lambda match: match[0].replace(".", ""), _APOSTROPHES.sub("", bare))
    return joined.replace("&", " and ")


def lexicon_of(phrases: Mapping[str, str]) -> Lexicon:
    """Return `{words of a phrase: meaning}` for `{meaning: "phrase, phrase, …"}`."""
    return {tuple(phrase.split()): meaning for meaning, row in phrases.items() for phrase in row.split(",")}


def meanings_in(words: Sequence[str], lexicon: Lexicon) -> Iterator[str]:
    """Yield the meanings of the phrases in `words`, in order.

    The longest phrase (up to three words) at a place wins: "general manager" is not also a "manager".
    """
    at = 0
    while at < len(words):
        for length in (3, 2, 1):
            meaning = lexicon.get(tuple(words[at : at + length]))
            if meaning is not None:
                yield meaning
                at += length - 1
                break
        at += 1
