"""The waterfall: looks a lead up in the cache and then at providers, within its deadline and budget."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from datetime import datetime
from itertools import chain
from typing import Final

from msgspec.structs import replace

from services.enricher.account_context import AccountContextReader
from services.enricher.daily_budget import DailyBudget
from services.enricher.domain.account_context import AccountContext
from services.enricher.domain.form import Form
from services.enricher.domain.merge import account_of, is_known_by_public_forms_alone
from services.enricher.domain.merge_leads import is_new_lead, merged_lead
from services.enricher.domain.providers import (
    CachedAnswerRow,
    LookupResult,
    LookupTarget,
    ProviderAnswer,
    StopReason,
    answer_from_row,
)
from services.enricher.domain.record import LeadRow
from services.enricher.domain.resolve import resolve
from services.enricher.domain.row_keys import RowKeys, identity_matches, keys_of_identity, stored_lead
from services.enricher.domain.search import Search, search_for
from services.enricher.domain.waterfall import SUBJECTS
from services.enricher.provider_calls import ProviderCalls, Wait
from services.enricher.provider_client import Lane
from services.enricher.provider_registry import ActiveProviders, ProviderSet
from services.enricher.storage import rows_of
from shared.clock import Clock
from shared.resilience.batch_loader import BatchLoader
from shared.storage.database import Database
from shared.storage.rows import IdentityMap

LATER_LOOKUP_S_MAX: Final = 20.0
"""Less than the lease of a timer, so that no other process looks the same lead up meanwhile."""


class WaterfallLookup:
    """Looks leads up. `monotonic_s` is the clock of deadlines: seconds that never go backwards.

    A lead that waits for its decision waits `patience` in all for the turns of its calls, and then goes on
    without the providers whose turn is not yet. A later look-up waits as long as its deadline allows.
    """

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
        self._clock = clock
        self._monotonic_s = monotonic_s
        self.calls = ProviderCalls(database, budget, clock, monotonic_s=monotonic_s)
        self._leads = BatchLoader(self._read_leads)
        self._cache = BatchLoader(self._read_cached_answers)
        self._contexts = AccountContextReader(database)

    async def look_up(self, form: Form, sent_at: datetime) -> LookupResult:
        """Return what providers say about the lead of a form, within the policy's deadline and budget."""
        providers, began_s = self._registry.current, self._monotonic_s()
        wait = Wait(Lane.FRESH, providers.patience_s, began_s + providers.waterfall.deadline_s)
        rows = await self._leads.load(keys_of_identity(form.identity))
        resolution = resolve(form.identity, identity_matches(rows, form.identity))
        lead = merged_lead(rows, resolution, form, min(sent_at, self._clock.now()))
        result = await self._search(replace(lead, account=account_of(lead)), wait)
        return replace(result, begun=lead) if is_new_lead(rows, resolution) else result

    async def refresh(self, lead_id: str) -> LookupResult:
        """Return what providers say by now about a lead that is stored; nothing when it was erased."""
        within_s = min(self._registry.current.waterfall.deadline_s, LATER_LOOKUP_S_MAX)
        lead = stored_lead(await self._leads.load(RowKeys(lead_ids=(lead_id,))), lead_id)
        if lead is None:
            return LookupResult()
        lane = Lane.NURTURE if await self._contexts.is_unworked(lead_id) else Lane.WORK
        wait = Wait(lane, within_s, self._monotonic_s() + within_s)
        is_owned = await self._contexts.is_owned(lead_id)
        return await self._search(lead, wait, spent_cents=lead.enrichment.cost, for_seller=is_owned)

    async def close(self) -> None:
        """Cancel the calls that are still in flight and return the unspent part of the budget."""
        await self.calls.close()

    async def _search(
        self, lead: LeadRow, wait: Wait, *, spent_cents: int = 0, for_seller: bool = False
    ) -> LookupResult:
        """Buy what can change the decision, then with `for_seller` what the lead's owner needs besides."""
        providers, now = self._registry.current, self._clock.now()
        model = providers.outcome_model
        search = search_for(lead, providers.waterfall, model, now, spent_cents=spent_cents)
        search, wait, stop = await self._buy(providers, search, wait)
        if for_seller and stop not in ("budget", "deadline"):
            search, _, last = await self._buy(providers, search.for_seller(self._clock.now()), wait)
            stop = stop if stop == "exhausted" else last
        return LookupResult(search.answers, providers.waterfall.fields, stop)

    async def _buy(
        self, providers: ProviderSet, search: Search, wait: Wait
    ) -> tuple[Search, Wait, StopReason]:
        """Return the search after all requests that it makes, what is left to wait, and why it ended."""
        if search.missing:
            search = search.with_cached(await self._cached_answers(search.target), self._clock.now())
        context: AccountContext | None = None
        while True:
            # What the scorer and the router know is read only when something can still be bought.
            if context is None and search.outcome_model is not None and search.buyable:
                context = await self._contexts.read(search.lead, search.outcome_model.policy)
            left_s = max(wait.deadline_s - self._monotonic_s(), 0.0)
            plan = search.next(context, left_s, self._clock.now())
            if not plan.requests:
                return search, wait, plan.stop
            is_public = is_known_by_public_forms_alone(search.lead)
            queries = {search.query(request): request.price_cents for request in plan.requests}
            answers, wait = await self.calls.answers(providers, queries, wait, is_public=is_public)
            search = search.with_answers(plan.requests, answers, self._clock.now())

    async def _cached_answers(self, target: LookupTarget) -> list[ProviderAnswer]:
        names = sorted({about for subject in SUBJECTS if (about := target.about(subject))})
        if not names:
            return []
        rows, now = await self._cache.load(names), self._clock.now()
        cached = (row for name in names for row in rows.find(CachedAnswerRow, "about", name))
        return [answer_from_row(row) for row in cached if row.expires_at > now]

    async def _read_leads(self, reaches: Sequence[RowKeys]) -> IdentityMap:
        async with self._database.read() as tx:
            return IdentityMap(await rows_of(tx, reaches))

    async def _read_cached_answers(self, names: Sequence[Sequence[str]]) -> IdentityMap:
        async with self._database.read() as tx:
            return IdentityMap(await tx.load(CachedAnswerRow, "about", chain.from_iterable(names)))
