"""How much alike the names of two companies are: 0 to 100, and how they differ.

Names are compared word by word, never by a part of a name: `Apple` is not `Apple Leisure Group`.
"""

from __future__ import annotations

from typing import Final

from msgspec import Struct
from rapidfuzz.distance import OSA
from rapidfuzz.fuzz import token_sort_ratio

from shared.lead.matching.company_names import (
    CompanyName,
    ascii_words,
    company_words,
    is_country,
)

EQUAL: Final = 100
SPACING: Final = 98
SHORT_NAME: Final = 97
EXTRA_WORD: Final = 90
EDIT: Final = 6
"""What a letter that is left out, doubled or swapped, or another vowel, takes from a score."""
OTHER_CONSONANT: Final = 16
DIFFERENT_MAX: Final = 70
"""The most that names of two companies get, however many letters they have in common."""

_VOWELS: Final = frozenset("aeiouy")
_MISSPELT_LENGTH_MIN: Final = 6
_OTHER_VOWEL_LENGTH_MIN: Final = 7
_TWICE_MISSPELT_LENGTH_MIN: Final = 11
_EXTRA_WORDS_MAX: Final = 2


class NameSimilarity(Struct, frozen=True):
    """The score of two names, how they differ, and whether they say which company it is.

    `difference` is None for names of two companies: `why` then says what tells them apart.
    """

    score: int
    difference: str | None
    why: str = ""
    distinctive: bool = True


def compare_names(one: CompanyName, other: CompanyName, *places: str | None) -> NameSimilarity:
    """Compare two names; the order of the arguments does not matter.

    `places` are the cities where the companies are: the name of its city does not tell which company it is.
    """
    cities = {word for place in places if place for word in ascii_words(place)}
    distinctive = not cities.issuperset(one.distinctive_words) and not cities.issuperset(
        other.distinctive_words
    )
    if one.short_spelled == other.short_spelled:
        equal = (EQUAL, "equal") if one.spelled == other.spelled else (SHORT_NAME, "known by both names")
        return NameSimilarity(*equal, distinctive=distinctive)
    if one.joined == other.joined:
        return NameSimilarity(SPACING, "written with other spaces", distinctive=distinctive)
    plain = sorted((one.short_spelled, other.short_spelled))
    only_one, only_other, cost = _unpaired(plain[0], plain[1])
    if not distinctive:
        return _different(plain, "the words say what many companies do")
    if not only_one and not only_other:
        return NameSimilarity(EQUAL - cost, "spelled otherwise")
    extra = only_one or only_other
    optional = company_words().optional
    if (only_one and only_other) or len(extra) > _EXTRA_WORDS_MAX or not optional.issuperset(extra):
        apart = sorted(word for word in (*only_one, *only_other) if word not in optional) or sorted(
            (*only_one, *only_other)
        )
        return _different(plain, f"only one is called {apart[0]}")
    return NameSimilarity(EXTRA_WORD - cost - (len(extra) - 1) * 2, f"only one adds {extra[0]}")


def _different(plain: list[tuple[str, ...]], why: str) -> NameSimilarity:
    ratio = token_sort_ratio(" ".join(plain[0]), " ".join(plain[1]))
    return NameSimilarity(min(DIFFERENT_MAX, round(ratio * DIFFERENT_MAX / 100)), None, why)


def _unpaired(one: tuple[str, ...], other: tuple[str, ...]) -> tuple[list[str], list[str], int]:
    """Return the words that only one name has, those that only the other has, and what a misspelling costs.

    A word and its misspelling are a pair; a name has one misspelt word at most.
    """
    rest = list(other)
    only_one = []
    for word in one:
        if word in rest:
            rest.remove(word)
        else:
            only_one.append(word)
    pairs = [
        (cost, word, spelled)
        for word in only_one
        for spelled in rest
        if (cost := misspelling_cost(word, spelled)) is not None
    ]
    if not pairs:
        return only_one, rest, 0
    cost, word, spelled = min(pairs)
    only_one.remove(word)
    rest.remove(spelled)
    return only_one, rest, cost


def misspelling_cost(one: str, other: str) -> int | None:
    """Return what it takes from the score that one word is a misspelling of the other, None if it is none.

    Letters that are left out, doubled or swapped are usual in a misspelling. Another consonant rather makes
    another name, so it costs more.
    """
    shorter, distinguishing = min(len(one), len(other)), company_words().distinguishing
    if (
        shorter < _MISSPELT_LENGTH_MIN
        or one[0] != other[0]
        or not (one.isalpha() and other.isalpha())
        or not distinguishing.isdisjoint((one, other))
        or is_country(one)
        or is_country(other)
    ):
        return None
    allowed = 2 if shorter >= _TWICE_MISSPELT_LENGTH_MIN else 1
    edits = OSA.distance(one, other, score_cutoff=allowed)
    if edits > allowed:
        return None
    replaced = [(a, b) for a, b in zip(one, other, strict=True) if a != b] if len(one) == len(other) else []
    if edits * 2 == len(replaced) and sorted(one) == sorted(other):
        replaced = []  # letters are swapped
    consonants = any(not _VOWELS.issuperset(pair) for pair in replaced)
    if replaced and not consonants and shorter < _OTHER_VOWEL_LENGTH_MIN:
        return None
    return OTHER_CONSONANT if consonants else EDIT * edits
