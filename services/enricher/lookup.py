"""The waterfall: looks a lead up in the cache and then at providers, within its deadline and budget.

Equal queries that are in flight at the same time become one call, and its answer is shared. The first lead
that gets the answer pays for it and stores it for the others. A call goes on when the lead that asked has
reached its deadline, so that its answer is there when that lead is looked up again.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Sequence
from datetime import timedelta
from itertools import chain
from typing import Final
from weakref import WeakSet

from msgspec.structs import replace

from services.enricher.account_context import AccountContextReader
from services.enricher.daily_budget import DailyBudget
from services.enricher.domain.account_context import AccountContext
from services.enricher.domain.form import Form
from services.enricher.domain.merge import account_of, is_known_by_public_forms_alone
from services.enricher.domain.merge_leads import merged_lead
from services.enricher.domain.providers import (
    CachedAnswerRow,
    LookupResult,
    LookupTarget,
    ProviderAnswer,
    ProviderQuery,
    answer_from_row,
    mark_stale,
)
from services.enricher.domain.record import LeadRow
from services.enricher.domain.resolve import resolve
from services.enricher.domain.row_keys import RowKeys, identity_matches, keys_of_identity, stored_lead
from services.enricher.domain.search import Search, search_for
from services.enricher.domain.waterfall import SUBJECTS, LookupRequest
from services.enricher.provider_registry import ActiveProviders, ProviderSet
from services.enricher.storage import rows_of
from shared.clock import Clock
from shared.resilience.batch_loader import BatchLoader
from shared.resilience.single_flight import SingleFlight
from shared.storage.database import Database
from shared.storage.rows import IdentityMap

_RECENT_S: Final = 60.0
"""How long an answer stays in memory: for leads it came too late for, and for others until it is stored."""
_RECENT_MAX: Final = 5_000
PUBLIC: Final = "p"
"""The name of the part of the day's budget that is for leads of public sources."""


class WaterfallLookup:
    """Looks leads up. `monotonic_s` is the clock of deadlines: seconds that never go backwards."""

    def __init__(
        self,
        registry: ActiveProviders,
        database: Database,
        budget: DailyBudget,
        clock: Clock,
        *,
        monotonic_s: Callable[[], float] = time.monotonic,
    ) -> None:
        self._registry = registry
        self._database = database
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
        self._leads = BatchLoader(self._read_leads)
        self._cache = BatchLoader(self._read_cached_answers)
        self._contexts = AccountContextReader(database)

    async def look_up(self, form: Form) -> LookupResult:
        """Return what providers say about the lead of a form, within the policy's deadline and budget."""
        deadline_s = self._monotonic_s() + self._registry.current.waterfall.deadline_s
        rows = await self._leads.load(keys_of_identity(form.identity))
        resolution = resolve(form.identity, identity_matches(rows, form.identity))
        lead = merged_lead(rows, resolution, form, self._clock.now())
        return await self._search(replace(lead, account=account_of(lead)), deadline_s)

    async def refresh(self, lead_id: str) -> LookupResult:
        """Return what providers say by now about a lead that is stored; nothing when it was erased."""
        deadline_s = self._monotonic_s() + self._registry.current.waterfall.deadline_s
        lead = stored_lead(await self._leads.load(RowKeys(lead_ids=(lead_id,))), lead_id)
        return LookupResult() if lead is None else await self._search(lead, deadline_s)

    async def close(self) -> None:
        """Cancel the calls that are still in flight and return the unspent part of the budget."""
        await self._calls.close()
        await self._budget.close()
        await self._public_budget.close()

    async def _search(self, lead: LeadRow, deadline_s: float) -> LookupResult:
        providers = self._registry.current
        search = search_for(lead, providers.waterfall, providers.outcome_model, self._clock.now())
        if search.missing:
            search = search.with_cached(await self._cached_answers(search.target), self._clock.now())
        context: AccountContext | None = None
        while True:
            # What the scorer and the router know is read only when something can still be bought.
            if context is None and providers.outcome_model is not None and search.buyable:
                context = await self._contexts.read(lead, providers.outcome_model.policy)
            plan = search.next(context, self._left_s(deadline_s), self._clock.now())
            if not plan.requests:
                return LookupResult(search.answers, providers.waterfall.fields, plan.stop)
            calls = (self._answer(providers, search, request, deadline_s) for request in plan.requests)
            search = search.with_answers(plan.requests, await asyncio.gather(*calls), self._clock.now())

    async def _cached_answers(self, target: LookupTarget) -> list[ProviderAnswer]:
        names = sorted({about for subject in SUBJECTS if (about := target.about(subject))})
        if not names:
            return []
        rows, now = await self._cache.load(names), self._clock.now()
        cached = (row for name in names for row in rows.find(CachedAnswerRow, "about", name))
        return [answer_from_row(row) for row in cached if row.expires_at > now]

    async def _answer(
        self, providers: ProviderSet, search: Search, request: LookupRequest, deadline_s: float
    ) -> ProviderAnswer:
        """Return the answer of a new call, or of an equal one that is in flight or just ended."""
        query = search.query(request)
        # A call for a public lead may be refused for want of budget, so no other lead waits for it.
        is_public = is_known_by_public_forms_alone(search.lead)
        key = (*query.key, PUBLIC if is_public else "")
        call = self._calls.find((*query.key, "")) or self._calls.find(key)
        if call is None:
            spend = self._call(providers, query, request.price_cents, is_public=is_public)
            call = self._calls.start(key, spend)
            self._unbilled.add(call)
        left_s = self._left_s(deadline_s)
        try:
            async with asyncio.timeout(left_s):
                answer = await asyncio.shield(call)
        except TimeoutError:
            return search.timed_out(request, self._clock.now(), f"no answer within {left_s:.1f} s")
        if call not in self._unbilled:
            return replace(answer, billed=False)
        self._unbilled.discard(call)
        return answer

    async def _call(
        self, providers: ProviderSet, query: ProviderQuery, price_cents: int, *, is_public: bool
    ) -> ProviderAnswer:
        reserved = await self._reserve(providers, price_cents, is_public=is_public)
        if isinstance(reserved, str):
            return ProviderAnswer(
                provider=query.provider,
                subject=query.subject,
                about=query.about,
                outcome="skipped",
                at=self._clock.now(),
                detail=reserved,
                requested=query.fields,
            )
        cost = 0
        try:
            # The full deadline, not what the lead has left: the answer serves other leads too.
            client = providers.clients[query.provider]
            answer = await client.query(query, within_s=providers.waterfall.deadline_s)
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

    async def _read_leads(self, reaches: Sequence[RowKeys]) -> IdentityMap:
        async with self._database.read() as tx:
            return IdentityMap(await rows_of(tx, reaches))

    async def _read_cached_answers(self, names: Sequence[Sequence[str]]) -> IdentityMap:
        async with self._database.read() as tx:
            return IdentityMap(await tx.load(CachedAnswerRow, "about", chain.from_iterable(names)))

    def _left_s(self, deadline_s: float) -> float:
        return max(deadline_s - self._monotonic_s(), 0.0)
