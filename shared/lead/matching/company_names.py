"""Names of companies as they are compared: words in ASCII without legal form, and the keys they are found by.

The data is in this folder: `legal_forms.toml`, `company_words.toml` and `acronyms.toml`.
"""

from __future__ import annotations

import re
import tomllib
import unicodedata
from collections.abc import Mapping
from functools import cache, lru_cache
from importlib import resources
from typing import Any, Final

from anyascii import anyascii
from msgspec import Struct

from shared.lead.normalise.countries import country_code
from shared.lead.normalise.text import NAME_LENGTH_MAX, fold, single_line

WORDS_MAX: Final = 16
"""The words of a name that are compared; a longer text is no name."""

_CACHED_NAMES_MAX: Final = 16_384
_WORD: Final = re.compile(r"[a-z0-9]+")
_VOWELS: Final = re.compile(r"[aeiouy]+")
_DOUBLED: Final = re.compile(r"(.)\1+")
# German and Nordic umlauts are written with an e where the keyboard has none, as in Mueller.
_UMLAUT: Final = re.compile(r"(?<=[aou])e")
_INITIALS: Final = re.compile(r"\b([^\W\d_]{1,2})(?:/|\s?[&+]\s?)([^\W\d_])\b")
"""Letters that are one word of a name: `A/S`, `H & M`, `AT&T`."""
_BLOCK_LENGTH_MAX: Final = 60
_PREFIX_LENGTH: Final = 5


class CompanyWords(Struct, frozen=True):
    """The lists of words and phrases; a phrase is the tuple of its words.

    `legal_forms` has the countries of each form, `before` the forms that are written before a name as well,
    and `short_names` the short name for each full one.
    """

    legal_forms: Mapping[tuple[str, ...], frozenset[str]]
    before: frozenset[str]
    attached_before: tuple[str, ...]
    attached_after: tuple[str, ...]
    connectors: frozenset[str]
    optional: frozenset[str]
    generic: frozenset[str]
    distinguishing: frozenset[str]
    short_names: Mapping[tuple[str, ...], str]


class CompanyName(Struct, frozen=True):
    """A name as it is compared: its words without legal form and connectors, in their order.

    `countries` are those whose companies have its legal forms; none where it has no form, or one that tells
    nothing. The rest follows from the words and is here because it takes time: `short` has a known acronym in
    place of what it stands for, `spelled` and `short_spelled` are the words in one spelling and in the order
    of the alphabet, `joined` is the name without blanks, and `distinctive_words` are those that few
    names have.
    """

    words: tuple[str, ...]
    countries: frozenset[str]
    short: tuple[str, ...]
    spelled: tuple[str, ...]
    short_spelled: tuple[str, ...]
    joined: str
    distinctive_words: tuple[str, ...]


@cache
def company_words() -> CompanyWords:
    """Return the lists that come with Baton."""
    forms, words, acronyms = map(read_data, ("legal_forms", "company_words", "acronyms"))
    countries: dict[tuple[str, ...], set[str]] = {}
    for country, row in forms["forms"].items():
        for phrase in row.split("|"):
            countries.setdefault(tuple(phrase.split()), set()).add(country)
    return CompanyWords(
        legal_forms={phrase: frozenset(found) for phrase, found in countries.items()},
        before=frozenset(forms["before"]["forms"].split("|")),
        attached_before=tuple(forms["attached"]["before"]),
        attached_after=tuple(forms["attached"]["after"]),
        **{
            name: frozenset(words[name].split())
            for name in ("connectors", "optional", "generic", "distinguishing")
        },
        short_names={
            tuple(phrase.split()): short
            for short, row in acronyms["names"].items()
            for phrase in row.split("|")
        },
    )


def read_data(name: str) -> dict[str, Any]:
    """Return a data file of this folder."""
    return tomllib.loads(resources.files(__package__).joinpath(f"{name}.toml").read_text(encoding="utf-8"))


def company_name_of(text: str | None) -> CompanyName | None:
    """Return a name as it is compared, None for a text that holds no word."""
    line = single_line(text, NAME_LENGTH_MAX)
    return _company_name(line) if line else None


@lru_cache(maxsize=_CACHED_NAMES_MAX)
def ascii_words(text: str) -> tuple[str, ...]:
    """Return the words of a text in lower case and ASCII: umlauts and other scripts are transliterated."""
    return tuple(_WORD.findall(fold(anyascii(fold(text))))[:WORDS_MAX])


@lru_cache(maxsize=_CACHED_NAMES_MAX)
def _company_name(text: str) -> CompanyName | None:
    lists = company_words()
    bare = _INITIALS.sub(r"\1\2", unicodedata.normalize("NFKC", text).strip())
    for form in lists.attached_before:
        bare = bare.removeprefix(form).strip() or bare
    for form in lists.attached_after:
        bare = bare.removesuffix(form).strip() or bare
    words, countries = _without_legal_forms(ascii_words(bare), lists)
    compared = tuple(
        word
        for at, word in enumerate(words)
        # A letter at an end is a part of the name: e-vento.
        if word not in lists.connectors or (len(word) == 1 and at in {0, len(words) - 1})
    )
    compared = compared or words
    if not compared:
        return None
    short = compared
    for length in range(len(compared), 0, -1):
        if found := lists.short_names.get(compared[:length]):
            short = (found, *compared[length:])
            break
    return CompanyName(
        words=compared,
        countries=countries,
        short=short,
        spelled=tuple(sorted(map(plain_spelling, compared))),
        short_spelled=tuple(sorted(map(plain_spelling, short))),
        joined="".join(map(plain_spelling, compared)),
        distinctive_words=tuple(
            word for word in short if word not in lists.generic and word not in lists.optional
        ),
    )


def _without_legal_forms(
    words: tuple[str, ...], lists: CompanyWords
) -> tuple[tuple[str, ...], frozenset[str]]:
    """Return the words without the legal forms at the end, before a country at the end, and at the start.

    With them come the countries that all of the forms are of.
    """
    found: list[frozenset[str]] = []
    country: tuple[str, ...] = ()
    if len(words) > 2 and is_country(words[-1]) and (words[-2],) in lists.legal_forms:
        words, country = words[:-1], words[-1:]
    length = len(words) - 1
    while length > 0:
        first, last = words[:length], words[-length:]
        if last in lists.legal_forms:
            found.append(lists.legal_forms[last])
            words = words[:-length]
        elif length == 1 and words[0] in lists.before:
            found.append(lists.legal_forms.get(first, frozenset()))
            words = words[1:]
        else:
            length -= 1
            continue
        length = len(words) - 1
    known = [countries for countries in found if countries and "xx" not in countries]
    return words + country, frozenset.intersection(*known) if known else frozenset()


@lru_cache(maxsize=_CACHED_NAMES_MAX)
def is_country(word: str) -> bool:
    """Tell whether a word of a name is a country; two letters rather are something else."""
    return (len(word) > 3 or word in {"usa", "uae"}) and country_code(word) is not None


@lru_cache(maxsize=_CACHED_NAMES_MAX)
def name_blocks(name: CompanyName) -> tuple[str, str]:
    """Return the two keys under which the other spellings of a name are found, the distinctive one first.

    They are its consonants in the order of the alphabet, which most misspellings and another order of the
    words leave as they are, and its first letters. Words that a spelling may leave out are in neither.
    """
    optional = company_words().optional
    words = [word for word in name.short if word not in optional] or name.short
    spelled = [plain_spelling(word) for word in words]
    consonants = sorted("".join(_VOWELS.sub("", _DOUBLED.sub(r"\1", word)) for word in spelled))
    joined = "".join(spelled)
    letters = "".join(consonants) or joined
    return f"all:{letters[:_BLOCK_LENGTH_MAX]}", f"start:{joined[:_PREFIX_LENGTH]}"


def plain_spelling(word: str) -> str:
    """Return one of the spellings that a word has by umlauts and transliteration: `mueller` is `muller`."""
    return _UMLAUT.sub("", word).replace("ks", "x")
