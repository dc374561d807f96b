"""The number of employees that an answer to "How large is your company?" says at least. Pure.

`51-200` is 51: only the lower end is certain, a middle would be an invention. A text that is not one number
or one range, or that a spreadsheet made a date of (`Nov-50`, once `11-50`), says nothing certain and is not
read.
"""

from __future__ import annotations

import re
from decimal import Decimal
from typing import Final

from shared.lead.normalise.text import without_accents

EMPLOYEES_MAX: Final = 10**9
_UP_TO_MAX: Final = 50
"""`< 50` is 1; `< 1000` may be a company of any size, of which 1 would make a single person."""
TEXT_LENGTH_MAX: Final = 200

# 1,000 and 1.000 and 1 000 and 1'000 and 1,00,000; digits alone; either with a decimal part.
_GROUPED: Final = r"\d{1,3}(?:,\d{2,3})*,\d{3}|\d{1,3}(?:\.\d{3})+|\d{1,3}(?:['\u2019 ]\d{3})+"
_NUMBER: Final = rf"(?:{_GROUPED}|\d{{1,12}})(?![\d])(?:[.,]\d{{1,2}}(?!\d))?"
_UNIT: Final = (
    r"dozen|hundred|hundert|k|tsd|tausend|thousand|mille|mila|tys|m|mn|mio|mln|million(?:en|s|es|i)?|millones"
    r"|milioni|milhoes|lakhs?|lacs?|crores?"
)
_AMOUNT = re.compile(rf"(?<![\w.,'\u2019])({_NUMBER})(?:\s?({_UNIT})\b\.?)?(?![a-z])", re.ASCII)
_FACTORS: Final = {
    "dozen": 12,
    **dict.fromkeys(("hundred", "hundert"), 100),
    **dict.fromkeys(("k", "tsd", "tausend", "thousand", "mille", "mila", "tys"), 1_000),
    **dict.fromkeys(("lakh", "lakhs", "lac", "lacs"), 100_000),
    **dict.fromkeys(("crore", "crores"), 10_000_000),
}
"""What a unit multiplies by; the others are millions."""
_TO = re.compile(
    r"\s*(?:\+\s*)?(?:[~-]|to|through|until|bis|a|al|ate|tot|do|til|till|and|och|og|i|und|et|y|e)\s*"
)
_DASH = re.compile("[\u2010-\u2015\u2212]")
_UP_TO = re.compile(
    r"(?:<|\u2264|\u2a7d|up to|under|less than|fewer than|below|at most|max(?:imum|imal)?\.?|not more than"
    r"|bis(?: zu)?|unter|weniger als|hochstens|moins de?|jusqu['\u2019 ]?a|menos de|hasta|meno di|fino a|ate"
    r"|minder dan|tot|mniej niz|ponizej|do|maksymalnie|mindre (?:an|end)|f(?:a|ae|æ)rre (?:an|end)"
    r"|upp till|op til|hogst|hojst|højst)\s*=?\s*\Z"
)
_OR_LESS = re.compile(
    r"\s*(?:\b(?:or|and|oder|und|et|y|o|ou|e|of|lub|eller)\s+)?(?:less|fewer|under|below|weniger|moins|menos|meno|mniej|minder|mindre|max)\b"
)
_BILLIONS = re.compile(r"\d\s?(?:b|bn|billion(?:en|s)?|mrd)\b")
_ALONE = re.compile(
    r"(?:(?:it'?s )?(?:just|only) me|me only|myself(?: only)?|self[- ]?employed|solo(?:preneur)?|sole trader"
    r"|freelance(?:r)?|one[- ]person|nur ich|einzelunternehmer(?:in)?|selbststandig|independant|autonomo)"
)
_MONTHS: Final = """
    jan feb mar mrz maer marz apr may mai maj jun jul aug sep sept oct okt nov dec dez janv fevr fev avr
    juin juil aout ene abr ago set dic gen mag giu lug ott out january february march april june july
    august september october november december januar februar juni juli oktober dezember janvier fevrier
    avril juillet septembre octobre novembre decembre enero febrero marzo abril mayo junio julio agosto
    septiembre octubre noviembre diciembre gennaio febbraio aprile maggio giugno luglio settembre
    ottobre dicembre janeiro fevereiro marco maio junho julho setembro outubro novembro dezembro
"""
_MONTH = re.compile(rf"\b(?:{'|'.join(_MONTHS.split())})\b")
_DATE = re.compile(
    r"\b\d{4}-\d{1,2}-\d{1,2}|\b\d{1,2}([./])\d{1,2}\1(?:\d{2}|\d{4})\b(?!\.?\d)|\d{1,2}:\d{2}", re.ASCII
)


def lower_bound(text: str) -> int | None:
    """Return the least number that a company size allows, None for a text that is no company size.

    `1,000+` and `1.000` are 1000, `1.5k` is 1500, `1-5k` is 1000, `< 50` is 1.
    """
    if len(text) > TEXT_LENGTH_MAX:
        return None
    plain = " ".join(_DASH.sub("-", without_accents(text)).split())
    if _ALONE.fullmatch(plain):
        return 1
    if _DATE.search(plain) or _MONTH.search(plain) or _BILLIONS.search(plain):
        return None
    amounts = list(_AMOUNT.finditer(plain))
    if not amounts or sum(map(str.isdigit, plain)) > sum(
        sum(map(str.isdigit, amount[0])) for amount in amounts
    ):
        return None
    first, *rest = amounts
    if rest:
        number = _lower_of_range(plain, first, rest)
    elif re.search(r"-\s*\Z", plain[: first.start()]):
        number = None  # it may be negative
    elif _UP_TO.search(plain[: first.start()]) or _OR_LESS.match(plain[first.end() :]):
        most = _value(first[1], first[2])
        number = 1 if most is not None and most <= _UP_TO_MAX else None
    else:
        number = _value(first[1], first[2])
    return number if number is not None and number <= EMPLOYEES_MAX else None


def _lower_of_range(plain: str, low: re.Match[str], rest: list[re.Match[str]]) -> int | None:
    """Return the lower end of a range, None where the numbers are not one. `1-5k` begins at 1000."""
    high, *more = rest
    if more or not _TO.fullmatch(plain[low.end() : high.start()]):
        return None
    least, most = _value(low[1], low[2]), _value(high[1], high[2])
    if least is None or most is None:
        return None
    if not low[2] and high[2]:
        in_unit = _value(low[1], high[2])
        if in_unit is not None and least < in_unit < most:
            return in_unit
    return min(least, most)


def _value(number: str, unit: str | None) -> int | None:
    """Return the whole number that digits and a unit say, None when it is no whole number."""
    parts = re.fullmatch(r"(.*?)(?:[.,](\d{1,2}))?", number)
    if parts is None:
        return None
    whole, decimals = re.sub(r"\D", "", parts[1]), parts[2] or "0"
    factor = 1 if unit is None else _FACTORS.get(unit, 1_000_000)
    if unit is not None and re.search(r"\D", parts[1]):
        return None  # 1.500k: thousands or a decimal point
    value = Decimal(f"{whole}.{decimals}") * factor
    return int(value) if value == int(value) else None
