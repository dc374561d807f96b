"""Titles and names of companies as people write them, of those that a data vendor has in lower case."""

from __future__ import annotations

import re
from typing import Final

_ABBREVIATION_WORDS: Final = """
    abm ae ai apac api avp aws bdr bi ceo cco cdo cfo chro cio ciso cmo coo cpo crm cro cso csm cto cxo dach
    emea erp eu evp gm gtm hr ii iii iot it iv kyc latam ml pmo pr qa rvp sap sdr sem seo sme svp uae ui uk us
    usa ux vp
"""
_SMALL_WORDS: Final = """
    an and at by for from in of on or the to with
    da das de del della der des di do dos du el en et für la las le les los und van von zu zum zur
"""
_WRITTEN: Final = {
    **{word: word.upper() for word in _ABBREVIATION_WORDS.split()},
    **{
        word.lower(): word
        for word in ("DataOps", "DevOps", "DevSecOps", "FinOps", "MLOps", "PhD", "RevOps", "SaaS", "SalesOps")
    },
}
_SMALL: Final = frozenset(_SMALL_WORDS.split())
_WORD = re.compile(r"[^\W\d_]+(?:['\u2019][^\W\d_]+)?")


def with_capitals(text: str | None) -> str | None:
    """Return a text that is all in lower case with the usual capitals (`VP of Sales`); any other as it is."""
    if not text or not text.islower():
        return text

    def written(word: re.Match[str]) -> str:
        if word.start() > 0 and word[0] in _SMALL:
            return word[0]
        return _WRITTEN.get(word[0]) or word[0][0].upper() + word[0][1:]

    return _WORD.sub(written, text)
