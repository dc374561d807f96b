"""Names of people and companies: as they are shown, and as they are compared."""

from __future__ import annotations

import re
from typing import Final

from shared.lead.normalise.text import NAME_LENGTH_MAX, fold, single_line

_LEGAL_FORM_WORDS: Final = """
    ab ag aps as asa bv bvba co company corp corporation cv eeig ehf ek eurl ev foundation gbr gesmbh gmbh
    holding holdings inc incorporated kft kg kgaa kk limited llc llp lp ltd ltda mbh nv og ohg oy oyj plc
    pllc private pte pty pvt sa sab sarl sas sasu sca scs se sl slu snc sp spa spk sro srl srls ug z oo
"""
_LEGAL_FORMS: Final = frozenset(_LEGAL_FORM_WORDS.split())
KEY_LENGTH_MAX: Final = 190
"""Folding makes up to 18 characters of one; the key of a name still fits in a column of a table."""
_PARTICLE_WORDS: Final = "da das de del della den der di do dos du el la le ten ter van von zu zum zur"
_PARTICLES: Final = frozenset(_PARTICLE_WORDS.split())


def company_name(text: str | None) -> str | None:
    """Return a company's name as it is shown: one line, single spaces; `None` when there is none."""
    return single_line(text, NAME_LENGTH_MAX) or None


def company_key(text: str | None) -> str | None:
    """Return the comparison key of a company's name: without case, accents, punctuation and legal form."""
    words = re.findall(r"[^\W_]+", fold(single_line(text, NAME_LENGTH_MAX)))
    words = words[1:] if words[:1] == ["the"] and len(words) > 1 else words
    while len(words) > 1 and words[-1] in _LEGAL_FORMS:
        words.pop()
        words = words[:-1] if len(words) > 1 and words[-1] == "and" else words
    return " ".join(words)[:KEY_LENGTH_MAX].rstrip() or None


def person_name(text: str | None) -> str | None:
    """Return a person's name on one line; a name all in one case gets the usual capitals (`van` stays)."""
    name = single_line(text, NAME_LENGTH_MAX)
    if len(name) > 2 and (name.islower() or name.isupper()):
        *before, last = name.split(" ")
        first = [word.lower() if word.lower() in _PARTICLES else _capitalised(word) for word in before]
        name = " ".join([*first, _capitalised(last)])
    return name or None


def _capitalised(word: str) -> str:
    return re.sub(r"[^\W\d_]+", lambda part: part[0].capitalize(), word)
