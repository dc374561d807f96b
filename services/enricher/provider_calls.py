"""Calls of providers: shared by leads that ask the same, within the day's budget, each lead in its lane.

Equal queries that are in flight at the same time become one call, and its answer is shared. The first lead
that gets the answer pays for it and stores it for the others. A call that has begun goes on when the lead
that asked stops waiting, so that its answer is there when that lead is looked up again.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Mapping
from datetime import timedelta
from typing import Final, NamedTuple
from weakref import WeakKeyDictionary, WeakSet

from msgspec.structs import replace

from services.enricher.daily_budget import DailyBudget
from services.enricher.domain.providers import ProviderAnswer, ProviderQuery, mark_stale
from services.enricher.provider_client import Lane
from services.enricher.provider_registry import ProviderSet
from shared.clock import Clock
from shared.resilience.priority_limiter import Turn
from shared.resilience.single_flight import SingleFlight
from shared.storage.database import Database

_RECENT_S: Final = 60.0
"""How long an answer stays in memory: for leads it came too late for, and for others until it is stored."""
_RECENT_MAX: Final = 5_000
_BEGIN_S: Final = 0.05
"""More than a call takes to begin when nobody waits before it."""
PUBLIC: Final = "p"
"""The name of the part of the day's budget that is for leads of public sources."""


class Wait(NamedTuple):
    """How long a lead waits: `patience_s` for the turns of its calls, and until `deadline_s` in all."""

    lane: Lane
    patience_s: float
    deadline_s: float

    @property
    def turn_s(self) -> float:
        """How long it waits for one turn.

        While it waits to be decided on, half of its patience, so that the first provider does not use up
        all of it: where more leads come than a provider takes, a longer queue serves no more of them.
        """
        return self.patience_s / 2 if self.lane is Lane.FRESH else self.patience_s

    def after(self, waited_s: float) -> Wait:
        """Return how long it still waits for other turns after it waited for this one."""
        return self._replace(patience_s=max(self.patience_s - waited_s, 0.0))


class ProviderCalls:
    """The calls in flight. `monotonic_s` is the clock of deadlines: seconds that never go backwards."""

    def __init__(
        self,
        database: Database,
        budget: DailyBudget,
        clock: Clock,
        *,
        monotonic_s: Callable[[], float] = time.monotonic,
    ) -> None:
        self._budget = budget
        self._public_budget = DailyBudget(database, clock, PUBLIC)
        self._clock = clock
        self._monotonic_s = monotonic_s
        # After a failure the next lead asks again. Age is by the wall clock, which a demonstration may move
        # on: an answer is not recent for ever then.
        self._calls: SingleFlight[tuple[str, str, str, str], ProviderAnswer] = SingleFlight(
            keep_s=_RECENT_S,
            kept_max=_RECENT_MAX,
            is_worth_keeping=lambda answer: answer.is_conclusive,
            is_current=lambda answer: clock.now() - answer.at <= timedelta(seconds=_RECENT_S),
        )
        # Calls whose answer no lead has got yet: the first one that does pays.
        self._unbilled: WeakSet[asyncio.Task[ProviderAnswer]] = WeakSet()
        self._turns: WeakKeyDictionary[asyncio.Task[ProviderAnswer], Turn] = WeakKeyDictionary()
        self._trials: WeakSet[asyncio.Task[ProviderAnswer]] = WeakSet()

    async def answers(
        self, providers: ProviderSet, queries: Mapping[ProviderQuery, int], wait: Wait, *, is_public: bool
    ) -> tuple[list[ProviderAnswer], Wait]:
        """Return the answers to queries with their prices in cents, and how long the lead still waits.

        The calls are made at the same time: the lead waited as long as the longest of them.
        """
        answered = await asyncio.gather(
            *(
                self._answer(providers, query, cents, wait, is_public=is_public)
                for query, cents in queries.items()
            )
        )
        waited_s = max(waited_s for _answer, waited_s in answered)
        return [answer for answer, _s in answered], wait.after(waited_s)

    async def _answer(
        self, providers: ProviderSet, query: ProviderQuery, cents: int, wait: Wait, *, is_public: bool
    ) -> tuple[ProviderAnswer, float]:
        """Return the answer of a new call, or of an equal one that is in flight or just ended.

        The second value is how many seconds passed until it was the call's turn. A lead that waits for its
        decision does not wait for the trial call of a provider that was not available.
        """
        # A call for a public lead may be refused for want of budget, so no other lead waits for it.
        key = (*query.key, PUBLIC if is_public else "")
        call = self._calls.find((*query.key, "")) or self._calls.find(key)
        # The turn of a new call is no more patient than its lead. That of a shared one may be.
        patience_s = max(wait.turn_s, _BEGIN_S)
        client = providers.clients[query.provider]
        if call is None:
            waits_for_trial = client.is_on_trial and wait.lane is not Lane.FRESH
            if client.access == "closed" and not waits_for_trial:
                return self._skipped(query, client.status.reason), 0.0
            turn = Turn(wait.lane, wait.turn_s)
            call = self._calls.start(key, self._call(providers, query, cents, turn, is_public=is_public))
            self._unbilled.add(call)
            self._turns[call] = turn
            patience_s = self._left_s(wait.deadline_s)
            if client.access != "open":
                self._trials.add(call)
        is_trial = call in self._trials and client.access != "open"
        if not call.done() and is_trial and wait.lane is Lane.FRESH:
            return self._skipped(query, "it is tried again only now, after it was not available"), 0.0
        began_s = self._monotonic_s()
        turn = self._turns[call]
        turn.promote(wait.lane)
        await asyncio.wait(
            (call, turn.granted),
            timeout=min(patience_s, self._left_s(wait.deadline_s)),
            return_when=asyncio.FIRST_COMPLETED,
        )
        waited_s = self._monotonic_s() - began_s
        if not (call.done() or turn.granted.done()):
            return self._skipped(query, f"it was not its turn within {waited_s:.1f} s"), waited_s
        left_s = self._left_s(wait.deadline_s)
        try:
            async with asyncio.timeout(left_s):
                answer = await asyncio.shield(call)
        except TimeoutError:
            now = self._clock.now()
            return query.unanswered("timeout", now, f"no answer within {left_s:.1f} s"), waited_s
        if call not in self._unbilled:
            return replace(answer, billed=False), waited_s
        self._unbilled.discard(call)
        return answer, waited_s

    async def close(self) -> None:
        """Cancel the calls that are still in flight and return the unspent part of the budget."""
        await self._calls.close()
        await self._budget.close()
        await self._public_budget.close()

    async def _call(
        self, providers: ProviderSet, query: ProviderQuery, price_cents: int, turn: Turn, *, is_public: bool
    ) -> ProviderAnswer:
        reserved = await self._reserve(providers, price_cents, is_public=is_public)
        if isinstance(reserved, str):
            return query.unanswered("skipped", self._clock.now(), reserved)
        cost = 0
        try:
            # The full deadline, not what the lead has left: the answer serves other leads too.
            client = providers.clients[query.provider]
            answer = await client.query(query, within_s=providers.waterfall.deadline_s, turn=turn)
            cost = answer.cost
            return mark_stale(answer, providers.waterfall.fields)
        finally:
            for budget in reserved:
                budget.release(price_cents - cost)

    async def _reserve(
        self, providers: ProviderSet, price_cents: int, *, is_public: bool
    ) -> tuple[DailyBudget, ...] | str:
        """Return the budgets that the price of a call was reserved from, or why it may not be spent."""
        if is_public and not await self._public_budget.reserve(price_cents, providers.public_day_cents):
            return "the day's budget for public sources is spent"
        if await self._budget.reserve(price_cents, providers.per_day_cents):
            return (self._budget, self._public_budget) if is_public else (self._budget,)
        if is_public:
            self._public_budget.release(price_cents)
        return "the day's budget is spent"

    def _skipped(self, query: ProviderQuery, reason: str) -> ProviderAnswer:
        return query.unanswered("skipped", self._clock.now(), f"not asked: {reason}"[:200])

    def _left_s(self, deadline_s: float) -> float:
        return max(deadline_s - self._monotonic_s(), 0.0)
