"""How far the rotation of a queue may be from the exact shares, and whether it is within that bound. Pure.

A rep's share is the sum of weight / total weight over the leads that the rep could have had; `behind` below
is that share minus the leads that the rep got, so the sum over all reps is 0. Claim: whatever the weights and
whoever shares each lead, the k reps who are behind most are together never more than f(k) = 1.5 k (n - k)
leads behind, n being all reps of the queue. With k = 1 and k = n - 1 that says that nobody is more than
1.5 (n - 1) leads behind or ahead.

Proof, by induction over the leads. Let c get the lead, p(i) be the part of it that i is worth, K any k reps
after the lead. If c is in K, the sum of K does not grow. Otherwise it grows by p(K) <= 1 - p(c). If nobody in
K shares the lead, it does not grow either. If i in K does, taking i from K and adding c to K gives sets of
k - 1 and k + 1 reps, so before the lead the sum of K was at most (f(k - 1) + f(k + 1) + behind(i) -
behind(c)) / 2. Whenever somebody who shares the lead is behind by a whole one, or no turn is eligible, c is
the one who is behind most, so behind(i) <= behind(c). Otherwise behind(i) < 1 and behind(c) > -p(c). In all
cases the sum is after the lead at most (f(k - 1) + f(k + 1)) / 2 + 1.5 = f(k).

A lead that the rotation does not give (by name, of an account), or whose credit is given back, moves each
sum by at most 1, so each of them adds 1 to the bound until the sums are within f again. The bound is 1 lead
for as long as the same reps with the same weights share all leads since all balances were 0 (see `rotation`).
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from functools import lru_cache
from itertools import accumulate
from typing import Final
from zlib import crc32

from msgspec import Struct
from msgspec.structs import replace

from services.router.domain.state import QueueRow, RepQueueRow

LEAD: Final = 720_720_000_000
"""A lead in units of balance. It is divisible by all numbers up to 16, so equal shares are mostly exact."""
_ROUNDING: Final = LEAD // 1_000
"""Parts of a lead are rounded down to whole units, which adds up to less than this in a billion leads."""


def noted(state: QueueRow, shares: tuple[tuple[str, int], ...] | None, balances: Sequence[int]) -> QueueRow:
    """Return the state of a queue after a lead was shared.

    `shares` are the reps with their weights in the order of their ids, None if the rotation did not give the
    lead. `balances` are those of all reps after it.
    """
    if not any(balances):
        return QueueRow(state.queue)
    added = state.added + (shares is None)
    if added and is_within(balances, 0):
        added = 0
    if shares is None:
        return replace(state, same_reps=None, steady=False, added=added)
    same_reps = _checksum(shares)
    steady = state.steady and state.same_reps in (None, same_reps)
    return replace(state, same_reps=same_reps, steady=steady, added=added)


@lru_cache(maxsize=256)
def _checksum(shares: tuple[tuple[str, int], ...]) -> int:
    return crc32(repr([*shares]).encode())


def is_within(balances: Sequence[int], added: int) -> bool:
    """Return whether every sum of the greatest balances is within the bound of `added` leads out of turn."""
    count = len(balances)
    return all(
        2 * (total - added * LEAD - _ROUNDING) <= 3 * k * (count - k) * LEAD
        for k, total in enumerate(accumulate(sorted(balances, reverse=True)), 1)
    )


def bound_of(state: QueueRow, reps: int) -> float:
    """Return how many leads each of that many reps of a queue may be from the share."""
    if state.steady and not state.added:
        return 1.0
    return max(1.0, 1.5 * (reps - 1)) + state.added


def exceeds(balance: int, bound: float) -> bool:
    """Return whether a rep is further from the share than the bound allows."""
    return abs(balance) > bound * LEAD + _ROUNDING


class RepFairness(Struct, frozen=True):
    """What a rep got of a queue. `share` is what it would be exactly, `deviation` what is more than that.

    Both count all leads `assigned`, those `out_of_turn` too.
    """

    rep: str
    assigned: int
    out_of_turn: int
    share: float
    deviation: float
    within_bound: bool


class QueueFairness(Struct, frozen=True):
    """How far the reps of a queue are from their shares, and how far they may be. Leads are the unit.

    `steady`: the same reps with the same weights have shared all leads since nobody was owed any.
    """

    queue: str
    bound: float
    steady: bool
    reps: list[RepFairness]

    @property
    def within_bound(self) -> bool:
        return all(rep.within_bound for rep in self.reps)


def fairness_of(rows: Iterable[RepQueueRow], states: Iterable[QueueRow]) -> list[QueueFairness]:
    """Return the fairness of the queues that these rows are of, by name, the reps by id."""
    by_queue: dict[str, list[RepQueueRow]] = {}
    for row in sorted(rows, key=lambda row: row.key):
        by_queue.setdefault(row.queue, []).append(row)
    state_of = {state.queue: state for state in states}
    found: list[QueueFairness] = []
    for queue, reps in by_queue.items():
        state = state_of.get(queue) or QueueRow(queue)
        bound = bound_of(state, len(reps))
        found.append(
            QueueFairness(
                queue,
                bound,
                state.steady and not state.added,
                [
                    RepFairness(
                        row.rep,
                        row.credits,
                        row.out_of_turn,
                        round(row.credits + row.balance / LEAD, 6),
                        round(-row.balance / LEAD, 6),
                        not exceeds(row.balance, bound),
                    )
                    for row in reps
                ],
            )
        )
    return found
