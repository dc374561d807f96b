"""How large a lead, a signal or an action may be as JSON, so that what follows from it can be published.

An event holds at most 1 MiB. A lead record collects what many forms say: its lists are bounded by bytes too,
so that the record stays below that whatever its forms were.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final, TypeVar

KIB: Final = 1024

LEAD_BYTES_MAX: Final = 512 * KIB
SIGNAL_BYTES_MAX: Final = 64 * KIB
ACTION_BYTES_MAX: Final = 64 * KIB
HISTORY_BYTES_MAX: Final = 128 * KIB
"""Of the activities of a lead record, and again of its answers."""
WORDS_BYTES_MAX: Final = 64 * KIB
"""Of the technologies of a lead record, of its hiring, and of its UTM parameters."""

T = TypeVar("T")


def newest_within(items: Sequence[tuple[T, bytes]], bytes_max: int = HISTORY_BYTES_MAX) -> list[T]:
    """Return the items that fit into `bytes_max`, the last ones first served, in their order.

    Each item comes with its JSON.
    """
    left = bytes_max
    newest: list[T] = []
    for item, text in reversed(items):
        if len(text) <= left:
            left -= len(text)
            newest.append(item)
    return newest[::-1]
