"""Countries as ISO 3166 alpha-2 codes, read from names, codes and common aliases."""

from __future__ import annotations

import gettext
import re
from collections.abc import Mapping
from functools import cache, lru_cache
from typing import Final

from shared.lead.normalise.text import fold, single_line

COUNTRY_LENGTH_MAX: Final = 80
"""Longer texts are cut here before they are read."""

_WORDS = re.compile(r"[^\W_]+|,")

_COUNTRY_ALIASES: Final[Mapping[str, str]] = {
    "AE": "uae,emirates",
    "BA": "bosnia",
    "CD": "drc,dr congo,congo kinshasa,democratic republic of congo",
    "CG": "congo brazzaville",
    "CI": "ivory coast",
    "CN": "prc,mainland china,peoples republic of china",
    "CV": "cape verde",
    "CZ": "czech",
    "GB": "uk,britain,great britain,england,scotland,wales,northern ireland",
    "GR": "el",
    "HK": "hong kong sar",
    "IE": "republic of ireland,eire",
    "KR": "korea,republic of korea",
    "MK": "macedonia",
    "MM": "burma",
    "MO": "macau",
    "NL": "holland",
    "PS": "palestine",
    "RU": "russia",
    "SZ": "swaziland",
    "TL": "east timor",
    "TR": "turkey,turkiye",
    "US": "america,united states of america,us of a,estados unidos de america,vereinigte staaten von amerika",
    "VA": "vatican,vatican city",
    "XK": "xk,xkx,kosovo",
}
_COUNTRY_LANGUAGES: Final = "de fr es it pt nl pl sv da nb fi cs tr ja zh_CN"


def country_code(text: str | None) -> str | None:
    """Return the ISO 3166 alpha-2 code of a country given by name, code or common alias, else `None`.

    Names are known in English and in the languages of the larger markets.
    """
    return _country(single_line(text, COUNTRY_LENGTH_MAX)) if text else None


@lru_cache(maxsize=4_096)
def _country(text: str) -> str | None:
    key = _key_of(text)
    return _codes_by_key().get(key) if key else None


def _key_of(text: str) -> str:
    """Return what spellings of a country's name share: no case, accents, articles or punctuation."""
    words = _WORDS.findall(fold(text.replace(",", " ")))
    return " ".join("saint" if word == "st" else word for word in words if word != "the")


@cache
def _codes_by_key() -> Mapping[str, str]:
    """Return the country codes by `_key_of` name or code; a name of two countries is left out.

    Where sources differ, codes and English names win over our aliases, and these over other languages.
    """
    import pycountry  # takes 70 ms to import, so only where countries are read

    english: dict[str, set[str]] = {}
    foreign: dict[str, set[str]] = {}
    translations = [
        gettext.translation("iso3166-1", pycountry.LOCALES_DIR, languages=[language])
        for language in _COUNTRY_LANGUAGES.split()
    ]
    for country in pycountry.countries:
        kinds = ("name", "common_name", "official_name")
        names = [str(getattr(country, kind)) for kind in kinds if hasattr(country, kind)]
        for name in (*names, country.alpha_2, country.alpha_3):
            english.setdefault(_key_of(name), set()).add(country.alpha_2)
        for name in names:
            for spelling in (
                name.partition(",")[0],
                *(catalogue.gettext(name) for catalogue in translations),
            ):
                foreign.setdefault(_key_of(spelling), set()).add(country.alpha_2)
    aliases = {name: {code} for code, row in _COUNTRY_ALIASES.items() for name in row.split(",")}
    candidates = foreign | aliases | english
    return {name: next(iter(codes)) for name, codes in candidates.items() if len(codes) == 1}
