"""Memoisation of a pure function, bounded in size."""

from __future__ import annotations

from collections.abc import Callable, Hashable
from typing import Final, TypeVar

K = TypeVar("K", bound=Hashable)
T = TypeVar("T")

MEMO_SIZE_MAX: Final = 4_096


class Memo(dict[K, T]):
    """The results of `make` by its argument, each made when it is first asked for.

    It holds `size` results at most: one more, and all of them are dropped. That is simpler than dropping the
    least recently used one and as good, because a table that outgrows its size is not worth keeping anyway.
    It is a dictionary because nothing in Python is looked up faster; `lru_cache` would build a key first.
    """

    def __init__(self, make: Callable[[K], T], size: int = MEMO_SIZE_MAX) -> None:
        super().__init__()
        self._make = make
        self._size = size

    def __missing__(self, key: K) -> T:
        if len(self) >= self._size:
            self.clear()
        result = self[key] = self._make(key)
        return result
