"""Slows down who guesses API keys or the tokens of sources, by the address that guesses."""

from __future__ import annotations

from typing import Final

from services.gateway.domain.access import key_hash
from shared.clock import Clock
from shared.errors import Reject
from shared.resilience.lru import LruCache
from shared.resilience.sliding_window import KEYS_MAX, Quota, SlidingWindowLimiter

FAILURES_MAX: Final = 20
"""How many different wrong secrets an address may try within a minute before it is slowed down."""
REPEATS_MAX: Final = 200
"""How many wrong requests in all: a client that repeats one revoked key guesses nothing."""
EXAMINED_A_SECOND: Final = 5
"""How many secrets of a slowed address are still looked at, each second."""


class Guesses:
    """Counts wrong secrets by address; `what` separates API keys and the tokens of each source.

    A slowed address has a few secrets examined each second, all others are answered 429 unseen. A secret that
    was right from that address lately is always examined: who guesses from behind the proxy or the router of
    an office does not shut out those who know their key. Each process counts by itself.
    """

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._failures = SlidingWindowLimiter()
        self._repeats = SlidingWindowLimiter()
        self._examined = SlidingWindowLimiter(window_s=1)
        self._wrong: LruCache[tuple[str, str, str], bool] = LruCache(KEYS_MAX)
        self._right: LruCache[tuple[str, str, str], bool] = LruCache(KEYS_MAX)

    def refuse_if_slowed(self, what: str, address: str, secret: str) -> None:
        """Raise `Reject` (429) for a secret that is not looked at, since its address tried too many."""
        key, now = (what, address), self._clock.now()
        quotas = [self._failures.look(now, key, FAILURES_MAX), self._repeats.look(now, key, REPEATS_MAX)]
        if all(quota.remaining for quota in quotas):
            return
        if self._right.get((what, address, key_hash(secret))):
            return
        (examined,) = self._examined.take(now, (key, EXAMINED_A_SECOND))
        if examined.retry_after_s:
            raise _slowed(quotas)

    def count_right(self, what: str, address: str, secret: str) -> None:
        """Remember that a secret was right."""
        self._right.get_or_compute((what, address, key_hash(secret)), lambda: True)

    def count_wrong(self, what: str, address: str, secret: str) -> None:
        """Count a wrong secret. Raises `Reject` (429) beyond the limit, before it is said to be wrong."""
        key, guess = (what, address), (what, address, key_hash(secret))
        now = self._clock.now()
        quotas = self._repeats.take(now, (key, REPEATS_MAX))
        if not self._wrong.get(guess):
            self._wrong.get_or_compute(guess, lambda: True)
            quotas += self._failures.take(now, (key, FAILURES_MAX))
        if any(quota.retry_after_s for quota in quotas):
            raise _slowed(quotas)


def _slowed(quotas: list[Quota]) -> Reject:
    wait_s = max(quota.retry_after_s for quota in quotas)
    return Reject(
        429,
        "too-many-failures",
        "Too many wrong keys or tokens came from this address",
        "Keys that were right lately are still taken",
        headers=(("retry-after", str(wait_s)),),
    )
