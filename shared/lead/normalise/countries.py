"""Countries as ISO 3166 alpha-2 codes, read from names, codes, flags and common aliases.

The names are those of `pycountry` in the languages of `_LANGUAGES` and `_MORE_LANGUAGES`, with an own list of
the abbreviations and short names that people use.
"""

from __future__ import annotations

import gettext
import re
import string
from collections.abc import Collection, Mapping
from functools import cache, lru_cache
from typing import Final

from shared.lead.normalise.text import fold, single_line, without_invisible

COUNTRY_LENGTH_MAX: Final = 80
"""Longer texts are cut here before they are read."""

_WORDS = re.compile(r"[^\W_]+")
_PARTS = re.compile(r"[,;()\[\]/|]|\s-+\s|[\u2013\u2014]")
_PARTS_MAX: Final = 4
_FLAG = re.compile("[\U0001f1e6-\U0001f1ff]{2}")
_FLAG_LETTERS: Final = {0x1F1E6 + at: letter for at, letter in enumerate(string.ascii_uppercase)}

_COUNTRY_ALIASES: Final[Mapping[str, str]] = {
    "AE": "uae,emirates,vae,eau",
    "AU": "oz,commonwealth of australia",
    "AT": "oesterreich",
    "BA": "bosnia",
    "CD": "drc,dr congo,congo kinshasa,democratic republic of congo",
    "CG": "congo brazzaville",
    "CI": "ivory coast",
    "CH": "sui",
    "CN": "prc,mainland china,peoples republic of china",
    "CV": "cape verde",
    "CZ": "czech",
    "DE": "ger,brd,german",
    "DK": "den",
    "GB": "uk,britain,great britain,england,scotland,wales,northern ireland,n ireland,grossbritannien,"
    "united kingdom of great britain,grande bretagne,gran bretana,gran bretagna,gra bretanha,великобритания,"
    "gb eng,gb sct,gb wls,gb nir",
    "GR": "el,gre,hellas",
    "HK": "hong kong sar",
    "IE": "republic of ireland,eire",
    "IN": "bharat",
    "JP": "nippon",
    "KR": "korea,republic of korea,한국,韩国,韓国",
    "MK": "macedonia",
    "MM": "burma",
    "MO": "macau",
    "NL": "holland,ned",
    "NO": "noreg",
    "NZ": "aotearoa",
    "PS": "palestine",
    "PT": "por",
    "RU": "russia,россия",
    "SA": "ksa,saudi",
    "SZ": "swaziland",
    "TL": "east timor",
    "TR": "turkey,turkiye",
    "TW": "台灣,台湾,臺灣",
    "US": "america,united states of america,united states america,us of a,estados unidos de america,"
    "vereinigte staaten von amerika,eeuu,ee uu,eua,сша,アメリカ,미국,states,the states",
    "VA": "vatican,vatican city",
    "XK": "xk,xkx,kosovo",
    "ZA": "rsa",
}
# Beside a name these make it another country: "Korea (North)" is not Korea.
_DIRECTIONS: Final = frozenset({"north", "northern", "south", "southern", "east", "west", "western"})
_LANGUAGES: Final = "de fr es it pt nl pl sv da nb fi cs tr ja zh_CN"
_MORE_LANGUAGES: Final = """
    ar bg bn bs ca el et eu fa fil ga gl he hi hr hu hy id is ka kk ko lt lv mk ms mt nn pt_BR ro ru sk sl sq
    sr ta te th tl uk ur uz vi zh_HK zh_TW
"""


def country_code(text: str | None) -> str | None:
    """Return the ISO 3166 alpha-2 code of a country given by name, code, flag or common alias, else `None`.

    A text of several parts ("Germany (DE)", "Berlin, Germany") is read when they mean one country only.
    """
    return _country(single_line(text, COUNTRY_LENGTH_MAX)) if text else None


@lru_cache(maxsize=4_096)
def _country(text: str) -> str | None:
    typed = _FLAG.sub(lambda flag: f" {flag[0].translate(_FLAG_LETTERS)} , ", without_invisible(text))
    codes, key = _codes_by_key(), _key_of(typed)
    if not key or key in codes:
        return codes.get(key)
    parts = [_key_of(part) for part in _PARTS.split(typed, _PARTS_MAX)]
    if reordered := codes.get(" ".join(reversed([part for part in parts if part]))):  # Korea, North
        return reordered
    if not _DIRECTIONS.isdisjoint(parts):
        return None
    found = {codes[part] for part in parts if part in codes}
    return found.pop() if len(found) == 1 else None


def _key_of(text: str) -> str:
    """Return the comparison key of a country's name: without case, accents, articles and punctuation."""
    words = _WORDS.findall(fold(text.replace(",", " ")))
    return " ".join("saint" if word == "st" else word for word in words if word != "the")


@cache
def _codes_by_key() -> Mapping[str, str]:
    """Return the country codes by `_key_of` name or code; a name of two countries is left out.

    Where sources differ, codes and English names win over our aliases, and these over other languages.
    """
    import pycountry  # takes 70 ms to import, so only where countries are read

    english: dict[str, set[str]] = {}
    names: dict[str, set[str]] = {}
    for country in pycountry.countries:
        kinds = ("name", "common_name", "official_name")
        own = {str(getattr(country, kind)) for kind in kinds if hasattr(country, kind)}
        for name in (*own, country.alpha_2, country.alpha_3):
            english.setdefault(_key_of(name), set()).add(country.alpha_2)
        names[country.alpha_2] = own
    short = {code: {re.split(r"[,(]", name)[0] for name in own} for code, own in names.items()}
    aliases = {_key_of(name): {code} for code, row in _COUNTRY_ALIASES.items() for name in row.split(",")}
    candidates = (
        _translated(names, pycountry.LOCALES_DIR, _MORE_LANGUAGES)
        | _translated(names, pycountry.LOCALES_DIR, _LANGUAGES)
        | _translated(short, pycountry.LOCALES_DIR, "")
        | aliases
        | english
    )
    return {name: next(iter(codes)) for name, codes in candidates.items() if len(codes) == 1}


def _translated(names: Mapping[str, Collection[str]], locales: str, languages: str) -> dict[str, set[str]]:
    """Return the codes of countries by `_key_of` their names in these languages; none for English."""
    catalogues: list[gettext.NullTranslations] = [
        gettext.translation("iso3166-1", locales, languages=[language]) for language in languages.split()
    ]
    found: dict[str, set[str]] = {}
    for code, spellings in names.items():
        for name in spellings:
            for catalogue in catalogues or [gettext.NullTranslations()]:
                found.setdefault(_key_of(catalogue.gettext(name)), set()).add(code)
    return found
