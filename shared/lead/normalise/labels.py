"""Labels of form fields as plain words, so that spellings of one label compare equal. Pure."""

from __future__ import annotations

import re
import unicodedata
from functools import lru_cache
from typing import Final

LABEL_LENGTH_MAX: Final = 200

# Between `first` and `Name`, and between `Y` and `Apellidos`: of two capitals the second begins a word.
_CAMEL = re.compile(
    r"(?<=[a-z0-9ß-öø-ÿąćęłńśźżčšž])(?=[A-ZÀ-ÖØ-ÞĄĆĘŁŃŚŹŻČŠŽ])|(?<=[A-ZÀ-ÖØ-Þ])(?=[A-Z][a-z]{2})"
)
_BETWEEN_WORDS = re.compile(r"[\W_]+")


def plain_label(label: str) -> str:
    """Return a label as plain words: `E-Mail *`, `e_mail`, `eMail` and `e-mail[]` are `e mail`."""
    return _plain(label[:LABEL_LENGTH_MAX])  # cut before it is cached: anybody may send labels


def answer_label(label: str) -> str:
    """Return the label under which an answer is stored; one without any word stays as it was typed."""
    return plain_label(label)[:LABEL_LENGTH_MAX] or label.strip()[:LABEL_LENGTH_MAX] or "unnamed"


@lru_cache(maxsize=4096)
def _plain(label: str) -> str:
    words = _CAMEL.sub(" ", unicodedata.normalize("NFKC", label))
    return _BETWEEN_WORDS.sub(" ", words).strip().casefold()
