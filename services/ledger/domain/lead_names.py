"""The words by which leads are found: those of their names. Pure."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator
from typing import Final

from services.ledger.domain.rows import LeadNameRow, ViewRow
from shared.storage.rows import Change, Put, Remove

WORDS_MAX: Final = 6
WORD_LENGTH_MAX: Final = 50
_WORD: Final = re.compile(r"[^\W_]+")


def words_of(name: str | None) -> tuple[str, ...]:
    """Return the words of a name in lower case without accents, at most `WORDS_MAX`.

    What is stored of present leads was made by this function, and an erasure removes what it returns: to
    change it needs a migration.
    """
    decomposed = unicodedata.normalize("NFKD", name or "").casefold()
    words = _WORD.findall("".join(char for char in decomposed if not unicodedata.combining(char)))
    return tuple(dict.fromkeys(word[:WORD_LENGTH_MAX] for word in words))[:WORDS_MAX]


def changed_words(before: ViewRow | None, after: ViewRow | None) -> Iterator[Change]:
    """Yield the changes to the words of a lead whose view changes; None: there is no view."""
    if before is not None and after is not None and before.name == after.name:
        return  # most events say nothing new of the name
    old = words_of(before.name) if before is not None else ()
    new = words_of(after.name) if after is not None else ()
    if before is not None:
        yield from (Remove(LeadNameRow, (word, before.lead_id)) for word in old if word not in new)
    if after is not None:
        yield from (Put(LeadNameRow(word, after.lead_id)) for word in new if word not in old)
