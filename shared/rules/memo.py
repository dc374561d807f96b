"""What a pure function gave, kept for whoever asks the same again."""

from __future__ import annotations

from collections.abc import Callable, Hashable
from typing import Final, TypeVar

K = TypeVar("K", bound=Hashable)
T = TypeVar("T")

REMEMBERED_MAX: Final = 4_096


class Memo(dict[K, T]):
    """What `make` gives for each key, made when it is first asked for; only so many are kept.

    A dictionary, because nothing is found faster; a `lru_cache` would build a key first.
    """

    def __init__(self, make: Callable[[K], T]) -> None:
        super().__init__()
        self._make = make

    def __missing__(self, key: K) -> T:
        if len(self) >= REMEMBERED_MAX:
            self.clear()
        made = self[key] = self._make(key)
        return made
