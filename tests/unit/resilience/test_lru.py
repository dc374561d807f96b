"""The LRU cache: what is computed again and what is evicted."""

from __future__ import annotations

from functools import partial

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.resilience.lru import LruCache


def test_a_value_is_computed_once_even_when_it_is_none():
    cache, computed = LruCache[str, None](2), []

    def compute() -> None:
        computed.append("a")

    for _ in range(3):
        cache.get_or_compute("a", compute)
    assert computed == ["a"]


def test_the_least_recently_used_value_is_evicted():
    cache, computed = LruCache[str, str](2), []

    def get(key: str) -> str:
        def compute() -> str:
            computed.append(key)
            return key.upper()

        return cache.get_or_compute(key, compute)

    assert [get(key) for key in "abacab"] == list("ABACAB")
    assert computed == ["a", "b", "c", "b"]


def test_an_error_is_raised_and_not_cached():
    cache = LruCache[str, float](2)
    with pytest.raises(ZeroDivisionError):
        cache.get_or_compute("a", lambda: 1 / 0)
    assert cache.get_or_compute("a", lambda: 1.0) == 1.0


def test_a_cache_holds_at_least_one_value():
    with pytest.raises(ValueError, match="at least 1"):
        LruCache(0)


@given(maxsize=st.integers(1, 5), keys=st.lists(st.integers(0, 9), max_size=60))
def test_it_never_grows_beyond_its_size_and_always_returns_the_value_of_the_key(maxsize, keys):
    cache = LruCache[int, int](maxsize)
    for key in keys:
        assert cache.get_or_compute(key, partial(pow, key, 2)) == key * key
        assert len(cache) <= maxsize
