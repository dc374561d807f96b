"""The waterfall at work: what a form does not say is recalled or bought, within each lead's time and budget.

Equal questions that are under way are asked once; the first lead that gets the answer pays for it, and keeps
it for the others. An answer that comes after the lead went on is there when the lead is looked at again.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Sequence
from datetime import timedelta
from itertools import chain
from typing import Final
from weakref import WeakSet

from msgspec.structs import replace

from services.enricher.account_context import AccountContexts
from services.enricher.daily_budget import DayBudget
from services.enricher.domain.account_context import Standing
from services.enricher.domain.form import Form
from services.enricher.domain.merge import account_of, merge
from services.enricher.domain.providers import (
    Answer,
    CachedAnswerRow,
    Gathered,
    LookupTarget,
    Question,
    judged,
    recalled,
)
from services.enricher.domain.record import LeadRow
from services.enricher.domain.resolve import resolve
from services.enricher.domain.row_keys import Reach, known_in, lead_in, reach_of
from services.enricher.domain.search import Search, search_for
from services.enricher.domain.waterfall import SUBJECTS, Ask
from services.enricher.provider_registry import Desks, ProviderSet
from services.enricher.storage import rows_of
from shared.clock import Clock
from shared.resilience.batch_loader import BatchLoader
from shared.storage.database import Database
from shared.storage.rows import IdentityMap

_RECENT_S: Final = 60.0
"""So long an answer is in memory: for leads that it came too late for, and for others until it is stored."""
_RECENT_MAX: Final = 5_000


class WaterfallLookUp:
    """Gathers what providers say about leads."""

    def __init__(self, panel: Desks, database: Database, budget: DayBudget, clock: Clock) -> None:
        self._panel = panel
        self._database = database
        self._budget = budget
        self._clock = clock
        self._asking: dict[tuple[str, str, str], asyncio.Task[Answer]] = {}
        self._unpaid: WeakSet[asyncio.Task[Answer]] = WeakSet()
        self._leads = BatchLoader(self._read_leads)
        self._kept = BatchLoader(self._read_answers)
        self._standings = AccountContexts(database)

    async def gather(self, form: Form) -> Gathered:
        """Return what providers say about the lead of a form, in time."""
        began_s = time.monotonic()
        world = await self._leads.ask(reach_of(form.identity))
        lead_id = resolve(form.identity, known_in(world, form.identity)).lead_id
        lead = merge(world.get(LeadRow, lead_id) or LeadRow(lead_id), form, self._clock.now())
        return await self._gather(replace(lead, account=account_of(lead)), began_s)

    async def gather_again(self, lead_id: str) -> Gathered:
        """Return what providers say by now about a lead that is there."""
        began_s = time.monotonic()
        lead = lead_in(await self._leads.ask(Reach(lead_ids=(lead_id,))), lead_id)
        return Gathered() if lead is None else await self._gather(lead, began_s)

    async def close(self) -> None:
        """Let go of the questions that nobody waits for any more, and of the budget that is left."""
        asking = list(self._asking.values())
        for task in asking:
            task.cancel()
        await asyncio.gather(*asking, return_exceptions=True)
        await self._budget.close()

    async def _gather(self, lead: LeadRow, began_s: float) -> Gathered:
        desk = self._panel.current
        end_s = began_s + desk.terms.deadline_s
        search = search_for(lead, desk.terms, desk.outlook, self._clock.now())
        if search.wanted:
            search = search.recalling(await self._recalled(search.target), self._clock.now())
        standing: Standing | None = None
        while True:
            if standing is None and desk.outlook is not None and search.buyable:
                standing = await self._standings.of(lead, desk.outlook.policy)
            plan = search.next(standing, _left_s(end_s), self._clock.now())
            if not plan.asks:
                return Gathered(search.answers, desk.terms.fields, plan.stop)
            answers = await asyncio.gather(*(self._answer(desk, search, ask, end_s) for ask in plan.asks))
            search = search.taking(plan.asks, answers, self._clock.now())

    async def _recalled(self, target: LookupTarget) -> list[Answer]:
        names = sorted({about for subject in SUBJECTS if (about := target.about(subject))})
        if not names:
            return []
        world, now = await self._kept.ask(names), self._clock.now()
        found = (row for name in names for row in world.find(CachedAnswerRow, "about", name))
        return [recalled(row) for row in found if row.expires_at > now]

    async def _answer(self, desk: ProviderSet, search: Search, ask: Ask, end_s: float) -> Answer:
        """Ask, or wait for the answer that another lead asked for; an answer too late is none."""
        question = search.question(ask)
        asking = self._asking.get(question.key)
        if asking is None or self._is_past(asking):
            asking = asyncio.create_task(self._buy(desk, question, ask.price_cents))
            self._asking[question.key] = asking
            self._unpaid.add(asking)
            asking.add_done_callback(lambda task: self._done(question, task))
        left_s = _left_s(end_s)
        try:
            async with asyncio.timeout(left_s):
                answer = await asyncio.shield(asking)
        except TimeoutError:
            return search.nothing(ask, self._clock.now(), f"no answer within {left_s:.1f} s")
        if asking not in self._unpaid:
            return replace(answer, bought=False)
        self._unpaid.discard(asking)
        return answer

    def _is_past(self, asking: asyncio.Task[Answer]) -> bool:
        recent = timedelta(seconds=_RECENT_S)
        return asking.done() and self._clock.now() - asking.result().at > recent

    def _done(self, question: Question, task: asyncio.Task[Answer]) -> None:
        """Keep an answer that stands for a while: it may be late, or not be stored yet."""
        lasting = not task.cancelled() and task.exception() is None and task.result().lasting
        if lasting and len(self._asking) < _RECENT_MAX:
            asyncio.get_running_loop().call_later(_RECENT_S, self._forget, question, task)
        else:
            self._forget(question, task)

    def _forget(self, question: Question, task: asyncio.Task[Answer]) -> None:
        if self._asking.get(question.key) is task:
            del self._asking[question.key]

    async def _buy(self, desk: ProviderSet, question: Question, price_cents: int) -> Answer:
        if not await self._budget.reserve(price_cents, desk.per_day_cents):
            return Answer(
                provider=question.provider,
                subject=question.subject,
                about=question.about,
                outcome="skipped",
                at=self._clock.now(),
                detail="the day's budget is spent",
                asked=question.fields,
            )
        cost = 0
        try:
            answer = await desk.clients[question.provider].ask(question, within_s=desk.terms.deadline_s)
            cost = answer.cost
            return judged(answer, desk.terms.fields)
        finally:
            self._budget.release(price_cents - cost)

    async def _read_leads(self, reaches: Sequence[Reach]) -> IdentityMap:
        async with self._database.read() as tx:
            return IdentityMap(await rows_of(tx, reaches))

    async def _read_answers(self, names: Sequence[Sequence[str]]) -> IdentityMap:
        async with self._database.read() as tx:
            return IdentityMap(await tx.load(CachedAnswerRow, "about", chain.from_iterable(names)))


def _left_s(end_s: float) -> float:
    return max(end_s - time.monotonic(), 0.0)
