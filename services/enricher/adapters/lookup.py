"""Asks providers what a form does not say: once per company at a time, within each lead's deadline."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Final
from weakref import WeakSet

from msgspec.structs import replace

from services.enricher.adapters.store import rows_of
from services.enricher.adapters.together import Together
from services.enricher.domain.enrich import missing
from services.enricher.domain.form import Form
from services.enricher.domain.merge import account_of, merge
from services.enricher.domain.providers import Answer, CachedAnswerRow, Provider, recalled
from services.enricher.domain.reach import Reach, known_in, reach_of
from services.enricher.domain.record import LeadRow
from services.enricher.domain.resolve import resolve
from shared.clock import Clock
from shared.runtime.rows import Rows
from shared.sql.engine import Database

DEADLINE_S: Final = 8.0


class ProviderLookUp:
    """Looks up companies at a provider. What it said lately is kept, here and in the database."""

    def __init__(
        self, provider: Provider, database: Database, clock: Clock, *, deadline_s: float = DEADLINE_S
    ) -> None:
        self._provider = provider
        self._database = database
        self._clock = clock
        self._deadline_s = deadline_s
        self._asking: dict[str, asyncio.Task[Answer]] = {}
        self._unpaid: WeakSet[asyncio.Task[Answer]] = WeakSet()
        self._leads = Together(self._read_leads)
        self._kept = Together(self._read_answers)

    async def answers(self, form: Form) -> Sequence[Answer]:
        """Return what is known of the lead's company, if anything is missing and there is a company."""
        lead = await self._as_it_would_be(form)
        account = account_of(lead)
        if account == lead.lead_id or not missing(lead):
            return ()
        return (await self._cached(account) or await self._ask(account),)

    async def close(self) -> None:
        """Let go of the questions that nobody waits for any more."""
        asking = list(self._asking.values())
        for task in asking:
            task.cancel()
        await asyncio.gather(*asking, return_exceptions=True)

    async def _as_it_would_be(self, form: Form) -> LeadRow:
        """Return the lead with this form. It may change until the form is decided; then facts fill less."""
        world = await self._leads.ask(reach_of(form.identity))
        lead_id = resolve(form.identity, known_in(world, form.identity)).lead_id
        return merge(world.get(LeadRow, lead_id) or LeadRow(lead_id), form, self._clock.now())

    async def _cached(self, domain: str) -> Answer | None:
        row = (await self._kept.ask(domain)).get(CachedAnswerRow, self._provider.name, domain)
        return recalled(row) if row and row.expires_at > self._clock.now() else None

    async def _read_leads(self, reaches: Sequence[Reach]) -> Rows:
        async with self._database.read() as tx:
            return Rows(await rows_of(tx, reaches))

    async def _read_answers(self, domains: Sequence[str]) -> Rows:
        async with self._database.read() as tx:
            return Rows(await tx.load(CachedAnswerRow, "about", domains))

    async def _ask(self, domain: str) -> Answer:
        """Ask, or wait for the answer that another lead asked for; an answer too late is none.

        The first lead that gets the answer pays for it, and keeps it for the others.
        """
        asking = self._asking.get(domain)
        if asking is None:
            asking = asyncio.create_task(self._provider.find_company(domain), name=f"look up {domain}")
            self._asking[domain] = asking
            self._unpaid.add(asking)
            asking.add_done_callback(lambda _task: self._asking.pop(domain, None))
        try:
            async with asyncio.timeout(self._deadline_s):
                answer = await asyncio.shield(asking)
        except TimeoutError:
            now, detail = self._clock.now(), f"no answer within {self._deadline_s:g} s"
            return Answer(self._provider.name, domain, "timeout", now, detail=detail)
        if asking not in self._unpaid:
            return replace(answer, bought=False)
        self._unpaid.discard(asking)
        return answer
