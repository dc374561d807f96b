"""Tells without reading the file of a backtest that a key is not in it: most leads and accounts are new."""

from __future__ import annotations

from collections.abc import Hashable
from typing import Final

_BITS: Final = 2**26
"""In 8 MiB, whatever the number of leads; of a million keys that are not there, one in sixty seems to be."""


class KnownKeys:
    """A Bloom filter with one hash. It rules nothing out unless it `is_complete`: no key is older than it."""

    def __init__(self, *, is_complete: bool) -> None:
        self._bits = bytearray(_BITS // 8) if is_complete else None

    def add(self, key: Hashable) -> None:
        if self._bits is not None:
            bit = hash(key) % _BITS
            self._bits[bit >> 3] |= 1 << (bit & 7)

    def may_have(self, key: Hashable) -> bool:
        """Return whether the key was added, or may have been; False is certain."""
        if self._bits is None:
            return True
        bit = hash(key) % _BITS
        return bool(self._bits[bit >> 3] & 1 << (bit & 7))
