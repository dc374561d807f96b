"""The dictionary of form labels in ten languages: the files of the folder `form_labels`, read once."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator, Mapping
from importlib import resources
from typing import Final

from shared.lead.normalise.text import without_accents
from shared.policy.form_fields import is_form_field

SOURCES: Final = ("da", "sv", "pl", "nl", "it", "pt", "es", "fr", "de", "form_builders", "crm", "en")
"""The files of the dictionary. Where one label means two fields, the later file wins."""

_FOLDER: Final = "form_labels"
_CONTINUATION = re.compile(r"\n[ \t]+")
_TWO_LETTERS: Final = str.maketrans({"ä": "ae", "ö": "oe", "ü": "ue", "ø": "oe", "å": "aa", "æ": "ae"})
_ONE_LETTER: Final = str.maketrans({"ø": "o", "æ": "a", "ł": "l", "œ": "oe"})


def dictionary_rows(text: str) -> Iterator[tuple[str, list[str]]]:
    """Yield each key in the text of a dictionary file with its labels or words."""
    for line in _CONTINUATION.sub(" ", text).splitlines():
        if line and not line.startswith("#"):
            key, _, labels = line.partition("=")
            yield key.strip(), [label.strip() for label in labels.split("|")]


def spellings(label: str) -> Iterator[str]:
    """Yield a label as `plain_label` gives it, and as it is written without accents and special letters."""
    label = unicodedata.normalize("NFKC", label).casefold()
    for spelling in (label, label.translate(_TWO_LETTERS), label.translate(_ONE_LETTER)):
        yield spelling
        yield without_accents(spelling)


def _files() -> Iterator[str]:
    folder = resources.files(__package__).joinpath(_FOLDER)
    return (folder.joinpath(f"{name}.txt").read_text(encoding="utf-8") for name in SOURCES)


_ROWS: Final = [row for text in _files() for row in dictionary_rows(text)]

FIELD_OF: Final[Mapping[str, str]] = {
    spelling: key
    for key, labels in _ROWS
    if is_form_field(key)
    for label in labels
    for spelling in spellings(label)
}
"""The field of a lead for each known plain label. The dotted name of a field is a label of it too."""


def words_of(key: str) -> frozenset[str]:
    """Return the words of a class in all languages, without accents; empty when no file has the class."""
    labels = (label for row_key, row in _ROWS if row_key == key for label in row)
    return frozenset(without_accents(spelling) for label in labels for spelling in spellings(label))


def pattern_of(key: str) -> re.Pattern[str]:
    """Return the pattern of the words of a class, in a plain label without accents."""
    words = sorted(words_of(key), key=len, reverse=True)
    return re.compile(r"\b(?:" + "|".join(re.escape(word).replace(r"\*", r"\w*") for word in words) + r")\b")
