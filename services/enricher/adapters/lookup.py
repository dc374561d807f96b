"""The waterfall at work: what a form does not say is recalled or bought, within each lead's time and budget.

Equal questions that are under way are asked once; the first lead that gets the answer pays for it, and keeps
it for the others. An answer that comes after the lead went on is there when the lead is looked at again.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Final
from weakref import WeakSet

from msgspec.structs import replace

from services.enricher.adapters.panel import Desk, Desks
from services.enricher.adapters.spending import DayBudget
from services.enricher.adapters.standing import Standings
from services.enricher.adapters.store import rows_of
from services.enricher.adapters.together import Together
from services.enricher.domain.enrich import enrich
from services.enricher.domain.form import Form
from services.enricher.domain.merge import account_of, merge
from services.enricher.domain.outlook import Outlook, Standing
from services.enricher.domain.providers import (
    Answer,
    CachedAnswerRow,
    Gathered,
    Question,
    Subject,
    Whom,
    is_current,
    judged,
    recalled,
    whom,
)
from services.enricher.domain.reach import Reach, known_in, lead_in, reach_of
from services.enricher.domain.record import LeadRow
from services.enricher.domain.resolve import resolve
from services.enricher.domain.waterfall import (
    SUBJECTS,
    Ask,
    Plan,
    Progress,
    Terms,
    buyable_fields,
    plan_next,
    subjects_of,
    wanted_fields,
)
from shared.clock import Clock
from shared.runtime.rows import Rows
from shared.sql.engine import Database

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
        self._leads = Together(self._read_leads)
        self._kept = Together(self._read_answers)
        self._standings = Standings(database)

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
        target = whom(lead.account, lead.lead_id, lead.person)
        search = _Search(desk, lead, target, began_s + desk.terms.deadline_s)
        if search.wanted(self._clock.now()):
            search.recall(await self._recalled(target), self._clock.now())
        standing: Standing | None = None
        while True:
            now = self._clock.now()
            if desk.outlook is not None and standing is None and search.buyable(now):
                standing = await self._standings.of(lead, desk.policy)
            plan = search.next(now, standing)
            if not plan.asks:
                return Gathered(search.answers, desk.terms.fields, plan.stop)
            search.take(plan.asks, await asyncio.gather(*(self._answer(desk, search, a) for a in plan.asks)))

    async def _recalled(self, target: Whom) -> list[Answer]:
        names = {about for subject in SUBJECTS if (about := target.about(subject))}
        if not names:
            return []
        rows = [await self._kept.ask(name) for name in sorted(names)]
        now = self._clock.now()
        found = [
            row for name, world in zip(sorted(names), rows, strict=True)
            for row in world.find(CachedAnswerRow, "about", name)
        ]  # fmt: skip
        return [recalled(row) for row in found if row.expires_at > now]

    async def _answer(self, desk: Desk, search: _Search, ask: Ask) -> Answer:
        """Ask, or wait for the answer that another lead asked for; an answer too late is none."""
        question = search.question(ask)
        asking = self._asking.get(question.key)
        if asking is None or self._is_past(asking):
            asking = asyncio.create_task(self._buy(desk, question, ask.price_cents))
            self._asking[question.key] = asking
            self._unpaid.add(asking)
            asking.add_done_callback(lambda task: self._done(question, task))
        left_s = search.left_s
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

    async def _buy(self, desk: Desk, question: Question, price_cents: int) -> Answer:
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

    async def _read_leads(self, reaches: Sequence[Reach]) -> Rows:
        async with self._database.read() as tx:
            return Rows(await rows_of(tx, reaches))

    async def _read_answers(self, names: Sequence[str]) -> Rows:
        async with self._database.read() as tx:
            return Rows(await tx.load(CachedAnswerRow, "about", names))


class _Search:
    """The asking about one lead, so far."""

    def __init__(self, desk: Desk, lead: LeadRow, target: Whom, end_s: float) -> None:
        self._terms: Terms = desk.terms
        self._outlook: Outlook | None = desk.outlook
        self._lead = lead
        self._target = target
        self._end_s = end_s
        self._asked: set[tuple[str, Subject]] = set()
        self.answers: list[Answer] = []

    def recall(self, answers: Sequence[Answer], now: datetime) -> None:
        """Take over what was kept. A provider need not be asked again unless a wanted field is too old."""
        self.answers += answers
        wanted = self.wanted(now)
        current = (each for each in answers if is_current(each, wanted, self._terms.fields, now))
        self._asked |= {(answer.provider, answer.subject) for answer in current}

    def take(self, asks: Sequence[Ask], answers: Sequence[Answer]) -> None:
        self._asked |= {(ask.provider, ask.subject) for ask in asks}
        self.answers += answers

    @property
    def left_s(self) -> float:
        return max(self._end_s - time.monotonic(), 0.0)

    def wanted(self, now: datetime) -> tuple[str, ...]:
        """Return the fields that are still worth having."""
        wanted = wanted_fields(self._known(now), self._terms, now)
        outlook = self._outlook
        return wanted if outlook is None else tuple(name for name in wanted if outlook.matters(name))

    def buyable(self, now: datetime) -> tuple[str, ...]:
        return buyable_fields(self._terms, self._progress(now))

    def next(self, now: datetime, standing: Standing | None) -> Plan:
        """Return what to ask next; nothing when it cannot change what becomes of the lead."""
        progress, outlook = self._progress(now), self._outlook
        if outlook is None or standing is None or not progress.wanted:
            return plan_next(self._terms, progress)
        lead, buyable = self._known(now), buyable_fields(self._terms, progress)
        if outlook.is_settled(lead, standing, buyable, now):
            open_ = {*buyable, *self._failed(progress.wanted)}
            settled = outlook.is_settled(lead, standing, open_, now)
            return Plan(stop="settled" if settled else "exhausted")
        return plan_next(
            self._terms, progress, lambda learnt: outlook.chance(lead, standing, buyable, learnt, now)
        )

    def question(self, ask: Ask) -> Question:
        about = self._target.about(ask.subject) or ""
        return Question(ask.provider, ask.subject, about, self._target, ask.fields)

    def nothing(self, ask: Ask, at: datetime, detail: str) -> Answer:
        """Return the answer of somebody who did not answer in time."""
        about = self._target.about(ask.subject) or ""
        return Answer(ask.provider, ask.subject, about, "timeout", at, detail=detail, asked=ask.fields)

    def _failed(self, wanted: Sequence[str]) -> set[str]:
        """Return the fields that might be known by now, had the provider answered."""
        asked = (set(answer.asked) for answer in self.answers if not answer.lasting)
        return set().union(*asked).intersection(wanted)

    def _known(self, now: datetime) -> LeadRow:
        return enrich(self._lead, Gathered(self.answers, self._terms.fields), now)

    def _progress(self, now: datetime) -> Progress:
        wanted = self.wanted(now)
        return Progress(
            wanted=wanted,
            subjects=subjects_of(self._target),
            asked=frozenset(self._asked),
            spent_cents=sum(answer.cost for answer in self.answers if answer.bought),
            left_s=self.left_s,
        )
