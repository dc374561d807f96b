"""The enricher's rows. Locks: identifiers by name, leads by id, then the day's account of each provider."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from services.enricher.domain.providers import CachedAnswerRow, EnrichForm, EnrichRetry, SpendRow, budget_day
from services.enricher.domain.record import AliasRow, IdentifierRow, LeadRow
from services.enricher.domain.row_keys import Reach, reach
from shared.errors import Retry
from shared.lead.events.envelope import Event
from shared.storage.database import Tx
from shared.storage.rows import Row


class EnricherStore:
    """Loads what forms, opt-outs and erasures may change."""

    async def load(self, tx: Tx, events: Sequence[Event[Any]]) -> Iterable[Row]:
        reaches = [reach(event.data) for event in events]
        # An erasure needs all identifiers of its leads, and locks begin with identifiers: hence a look.
        seen = await rows_of(tx, reaches) if any(names.erases for names in reaches) else []
        found = {name for lead in _leads(seen) for name in lead.identifiers}
        rows = await rows_of(tx, reaches, also=found, lock=True)
        _refuse_if_more(rows, found, {lead.lead_id for lead in _leads(seen)} | _erased(reaches, rows))
        await _refuse_if_taken(tx, rows)
        if any(names.erases for names in reaches):
            erased = {lead_id for names in reaches for lead_id in names.lead_ids}
            ids = erased | {row.alias_id for row in rows if isinstance(row, AliasRow)}
            rows += await tx.load(CachedAnswerRow, "about", ids | {lead.lead_id for lead in _leads(rows)})
        return [*rows, *await tx.load(SpendRow, "day", _days(events), lock=True)]


async def rows_of(
    tx: Tx, reaches: Iterable[Reach], *, also: Iterable[str] = (), lock: bool = False
) -> list[Row]:
    """Return every row that these reaches name, and what follows from them; `also` are more identifiers."""
    reaches = list(reaches)
    lead_ids = {lead_id for names in reaches for lead_id in names.lead_ids}
    identifiers = {name for names in reaches for name in names.identifiers} | set(also)
    owned = await tx.load(IdentifierRow, "identifier", identifiers, lock=lock)
    aliases = await tx.load(AliasRow, "alias_id", lead_ids)
    lead_ids |= {lead_id for row in owned for lead_id in row.lead_ids}
    lead_ids |= {alias.lead_id for alias in aliases}
    if any(names.erases for names in reaches):
        aliases += await tx.load(AliasRow, "lead_id", lead_ids)
        lead_ids |= {alias.alias_id for alias in aliases}
    return [*owned, *aliases, *await tx.load(LeadRow, "lead_id", lead_ids, lock=lock)]


def _days(events: Iterable[Event[Any]]) -> set[str]:
    """Return the days on whose accounts something was bought for these events."""
    lookups = (each.data.lookup for each in events if isinstance(each.data, EnrichForm | EnrichRetry))
    return {budget_day(answer.at) for each in lookups for answer in each.answers if answer.billed}


def _leads(rows: Iterable[Row]) -> list[LeadRow]:
    return [row for row in rows if isinstance(row, LeadRow)]


def _erased(reaches: Iterable[Reach], rows: Iterable[Row]) -> set[str]:
    """Return the leads that erasures among the reaches mean, those behind an alias too."""
    named = {lead_id for names in reaches if names.erases for lead_id in names.lead_ids}
    return named | {row.lead_id for row in rows if isinstance(row, AliasRow) and row.alias_id in named}


def _refuse_if_more(rows: Iterable[Row], found: set[str], lead_ids: set[str]) -> None:
    """Raise `Retry` when a lead that may be erased has got another identifier since it was looked at.

    That may be any lead that was seen: an earlier event of the same unit may make it the one to be erased.
    """
    for lead in _leads(rows):
        if lead.lead_id in lead_ids and not found.issuperset(lead.identifiers):
            raise Retry("a lead that may be erased was just changed")


async def _refuse_if_taken(tx: Tx, rows: Iterable[Row]) -> None:
    """Raise `Retry` when an id became an alias after the aliases were read: its lead is not in hand then."""
    rows = list(rows)
    known = {row.alias_id for row in rows if isinstance(row, AliasRow)}
    unclear = {lead.lead_id for lead in _leads(rows) if lead.revision == 0 and lead.lead_id not in known}
    if unclear and await tx.load(AliasRow, "alias_id", unclear):
        raise Retry("the lead was just joined to another")
