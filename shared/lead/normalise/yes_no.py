"""Yes and no, as check boxes, spreadsheets and people of several languages write it. Pure."""

from __future__ import annotations

import re
from typing import Final

from shared.lead.normalise.text import without_accents

TEXT_LENGTH_MAX: Final = 200

_YES_TEXT: Final = """
    yes y yeah yep true t 1 on x checked ticked selected agree agreed accept accepted confirmed ok okay
    always ✓ ✔ ☑ ✅ 是 はい 예 ja j jawohl wahr oui o vrai si s verdadero vero sim verdadeiro tak prawda igen
    kylla evet ano da да jah taip nai naam نعم כן
"""
_YES: Final = frozenset(_YES_TEXT.split())
_NO_TEXT: Final = """
    no n nope false f 0 off unchecked unticked never none null nil n/a na ✗ ✘ ☐ ❌ 否 いいえ 아니요
    nein falsch non faux falso nao nee nej nei ikke nie falsz nem ei hayir ne net нет nu لا לא -
"""
_NO: Final = frozenset(_NO_TEXT.split())
_COURTESY_TEXT: Final = """
    please thanks thank you danke bitte merci gracias grazie obrigado obrigada bedankt tack tak i agree do
"""
_COURTESY: Final = frozenset(_COURTESY_TEXT.split())
_ONE = re.compile(r"1(?:[.,]0+)?")
_ZERO = re.compile(r"0(?:[.,]0+)?|0000[-/.]00[-/.]00(?:[ t][0:.]+z?)?")
_AROUND: Final = " \t\r\n.,;:!*\"'()[]"


def yes_or_no(value: object) -> bool | None:
    """Return what a ticked box, a number or a word says; None for what is neither yes nor no.

    An empty text is no: the box was left empty.
    """
    if isinstance(value, bool) or value is None:
        return bool(value)
    if not isinstance(value, str | int | float) or len(text := str(value)) > TEXT_LENGTH_MAX:
        return None
    words = without_accents(text.strip(_AROUND)).replace("\u0131", "i")
    first, *rest = re.split(r"[\s,.!]+", words.removeprefix("i "))
    word = first if _COURTESY.issuperset(filter(None, rest)) else words
    if word in _YES or _ONE.fullmatch(words):
        return True
    return False if not words or word in _NO or _ZERO.fullmatch(words) else None
