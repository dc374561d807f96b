"""Finds the names of software vendors among the tokens of a sentence, by the list in `vendors.txt`."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from importlib import resources
from typing import Final

from msgspec import Struct

from services.router.domain.qualification.tokens import Token, tokenize

_FILE: Final = "vendors.txt"
_ORDINARY_WORD: Final = " *"


class VendorName(Struct, frozen=True):
    """A name and its folded words; `ordinary` names count only if they are written with a capital."""

    name: str
    words: tuple[str, ...]
    ordinary: bool


@cache
def vendor_names() -> dict[str, list[VendorName]]:
    """Return the names by their first word, the longest first."""
    names: dict[str, list[VendorName]] = {}
    text = resources.files(__package__).joinpath(_FILE).read_text(encoding="utf-8")
    for line in text.splitlines():
        if line and not line.startswith("#"):
            name = line.removesuffix(_ORDINARY_WORD)
            words = tuple(token.folded for token in tokenize(name))
            vendor = VendorName(name, words, line.endswith(_ORDINARY_WORD))
            names.setdefault(words[0], []).append(vendor)
    return {first: sorted(row, key=lambda name: -len(name.words)) for first, row in names.items()}


def vendor_named(text: str) -> str | None:
    """Return the vendor's name, as it is written in the list, if a text is a name and nothing else."""
    words = tuple(token.folded for token in tokenize(text))
    names = vendor_names().get(words[0], ()) if words else ()
    return next((vendor.name for vendor in names if vendor.words == words), None)


def with_vendors(tokens: Sequence[Token]) -> list[Token]:
    """Return the tokens with one token for each name of a vendor.

    At the start of a sentence every word has a capital, and some people write in capitals only: there a name
    that is also an ordinary word does not count.
    """
    names = vendor_names()
    shouted = all(token.text.isupper() for token in tokens if token.kind == "word")
    found: list[Token] = []
    at = 0
    while at < len(tokens):
        token = tokens[at]
        length = 1
        for name in names.get(token.folded, ()):
            words = name.words
            if len(words) > 1 and tuple(other.folded for other in tokens[at : at + len(words)]) != words:
                continue
            if name.ordinary and (shouted or at == 0 or not token.text[:1].isupper()):
                continue
            length = len(words)
            text = " ".join(other.text for other in tokens[at : at + length])
            token = Token("vendor", " ".join(words), text)
            break
        found.append(token)
        at += length
    return found
