"""A cache of bounded size that evicts the value that was used least recently (LRU).

`functools.lru_cache` does this for a function of hashable arguments. This one is for values that are computed
from more than their key.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable
from typing import Generic, TypeVar

K = TypeVar("K", bound=Hashable)
V = TypeVar("V")


class LruCache(Generic[K, V]):
    """At most `maxsize` values by key. For one event loop or thread: it takes no lock."""

    def __init__(self, maxsize: int) -> None:
        if maxsize < 1:
            raise ValueError("maxsize must be at least 1")
        self._maxsize = maxsize
        # A dictionary keeps the order of insertion: the first key was used least recently.
        self._values: dict[K, V] = {}

    def __len__(self) -> int:
        return len(self._values)

    def get(self, key: K) -> V | None:
        """Return the cached value of `key`, None when there is none."""
        return self._values.get(key)

    def put(self, key: K, value: V) -> None:
        """Cache a value, in the place of one with the same key."""
        self._values.pop(key, None)
        if len(self._values) >= self._maxsize:
            del self._values[next(iter(self._values))]
        self._values[key] = value

    def get_or_compute(self, key: K, compute: Callable[[], V]) -> V:
        """Return the cached value of `key`, computing it when there is none. Errors are not cached."""
        try:
            value = self._values.pop(key)
        except KeyError:
            value = compute()
            if len(self._values) >= self._maxsize:
                del self._values[next(iter(self._values))]
        self._values[key] = value
        return value
