"""How much a form looks like spam, by fixed rules over the message and the names."""

from __future__ import annotations

import re
import string
from dataclasses import dataclass
from typing import Final

from shared.lead.normalise.text import NAME_LENGTH_MAX, single_line

MESSAGE_LENGTH_MAX: Final = 10_000
"""Longer messages are cut here before they are read."""

_PHRASES: Final = """
    seo service,seo expert,seo package,backlink,guest post,link building,first page of google,
    rank your website,rank on google,increase your traffic,website traffic,domain authority,
    web design service,casino,viagra,cialis,payday loan,make money,earn money,work from home,forex,
    crypto investment,bitcoin investment,double your,100% free,act now,escort,adult dating,nigerian prince,
    lottery,email list for sale,buy followers,unsubscribe here
"""
_SPAM_PHRASES: Final = tuple(phrase.strip() for phrase in _PHRASES.split(","))
_MARKUP = re.compile(r"<a\s|\[url|\[link|href\s*=")
_NOT_IN_NAME = re.compile(r"https?:|www\.|://|[<>@\[\]{}]|\d{3}")
_UPPER, _LOWER = string.ascii_uppercase.encode(), string.ascii_lowercase.encode()
_SHOUTED_LETTERS_MIN: Final = 30
_KEYBOARD_RUNS: Final = ("qwert", "asdf", "zxcv", "hjkl", "qazwsx")
# Names have long runs too: "Knightsbridge" has six consonants in a row, "Hirschsprung" seven.
_CONSONANT_RUN = re.compile(r"[bcdfghjklmnpqrstvwxz]{8}")
_VOWELLESS = re.compile(r"[bcdfghjklmnpqrstvwxz]{6,}")
_CASE_FLIP = re.compile(r"[a-z][A-Z]")


@dataclass(frozen=True, slots=True)
class SpamReason:
    """A spam rule that matched, and its points."""

    rule: str
    points: int


@dataclass(frozen=True, slots=True)
class SpamScore:
    """How much a form looks like spam, 0 to 100: the sum of its reasons, at most 100."""

    score: int
    reasons: tuple[SpamReason, ...]


def spam_score(
    message: str | None = None,
    first_name: str | None = None,
    last_name: str | None = None,
) -> SpamScore:
    """Return how much a form looks like spam, with the rules that matched, in a fixed order.

    No single property of a message gives the 80 points at which the default policy suppresses a lead.
    """
    text = single_line(message, MESSAGE_LENGTH_MAX)
    lowered = text.lower()
    names = [single_line(name, NAME_LENGTH_MAX) for name in (first_name, last_name)]
    links = max(lowered.count("://"), lowered.count("www."))  # most links have both: count them once
    points = {
        "links": 0 if links < 2 else min(60, 15 * links),
        "markup": 50 if _MARKUP.search(lowered) else 0,
        "phrases": min(75, 35 * len([phrase for phrase in _SPAM_PHRASES if phrase in lowered])),
        "shouting": 20 if is_shouting(text) else 0,
        "no_name": 60 if any(map(_NOT_IN_NAME.search, names)) else 0,
        "gibberish_name": 40 * sum(map(is_gibberish, names)),
    }
    reasons = tuple([SpamReason(rule, given) for rule, given in points.items() if given])
    return SpamScore(min(100, sum(points.values())), reasons)


def is_shouting(text: str) -> bool:
    """Return whether a text of some length is mostly in capitals; only ASCII letters are counted."""
    if len(text) < _SHOUTED_LETTERS_MIN:
        return False
    letters = text.encode("ascii", "ignore")
    upper = len(letters) - len(letters.translate(None, _UPPER))
    lower = len(letters) - len(letters.translate(None, _LOWER))
    return upper + lower >= _SHOUTED_LETTERS_MIN and upper > 3 * lower


def is_gibberish(name: str) -> bool:
    """Return whether a name was typed at random: a keyboard row, no vowels, capitals in the middle."""
    lowered = name.lower()
    return bool(
        lowered.startswith(_KEYBOARD_RUNS)
        or _CONSONANT_RUN.search(lowered)
        or any(map(_VOWELLESS.fullmatch, lowered.split()))
        or len(_CASE_FLIP.findall(name)) >= 3
    )
