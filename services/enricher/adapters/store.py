"""The enricher's rows: identifiers, aliases and leads. Locks: identifiers by name, then leads by id."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from services.enricher.domain.reach import Reach, reach
from services.enricher.domain.record import AliasRow, IdentifierRow, LeadRow
from shared.errors import Retry
from shared.events.envelope import Event
from shared.runtime.rows import Row
from shared.sql.engine import Tx


class EnricherStore:
    """Loads what forms, opt-outs and erasures may change."""

    async def load(self, tx: Tx, events: Sequence[Event[Any]]) -> Iterable[Row]:
        reaches = [reach(event.data) for event in events]
        erased = {lead_id for names in reaches if names.erases for lead_id in names.lead_ids}
        found = await _found_by(tx, erased) if erased else set()
        rows = await rows_of(tx, reaches, also=found, lock=True)
        _refuse_if_more(rows, erased, found)
        await _refuse_if_taken(tx, rows)
        return rows


async def rows_of(
    tx: Tx, reaches: Iterable[Reach], *, also: Iterable[str] = (), lock: bool = False
) -> list[Row]:
    """Return every row that these reaches name, and what follows from them; `also` are more identifiers."""
    reaches = list(reaches)
    lead_ids = {lead_id for names in reaches for lead_id in names.lead_ids}
    identifiers = {name for names in reaches for name in names.identifiers} | set(also)
    erased = {lead_id for names in reaches if names.erases for lead_id in names.lead_ids}
    owned = await tx.load(IdentifierRow, "identifier", identifiers, lock=lock)
    aliases = await tx.load(AliasRow, "alias_id", lead_ids)
    if erased:
        known = {alias.alias_id for alias in aliases}
        survivors = erased | {alias.lead_id for alias in aliases}
        others = await tx.load(AliasRow, "lead_id", survivors)
        aliases += [alias for alias in others if alias.alias_id not in known]
    lead_ids |= {lead_id for row in owned for lead_id in row.lead_ids}
    lead_ids |= {alias.lead_id for alias in aliases}
    if erased:
        lead_ids |= {alias.alias_id for alias in aliases}
    return [*owned, *aliases, *await tx.load(LeadRow, "lead_id", lead_ids, lock=lock)]


async def _found_by(tx: Tx, lead_ids: Iterable[str]) -> set[str]:
    """Return the identifiers of leads; read before the locks, which begin with identifiers."""
    rows = await rows_of(tx, [Reach(tuple(lead_ids), erases=True)])
    return {name for row in rows if isinstance(row, LeadRow) for name in row.identifiers}


def _refuse_if_more(rows: Iterable[Row], erased: set[str], found: set[str]) -> None:
    """Raise `Retry` when a lead to be erased has got an identifier since it was looked at."""
    survivors = erased | {row.lead_id for row in rows if isinstance(row, AliasRow) and row.alias_id in erased}
    for row in rows:
        if isinstance(row, LeadRow) and row.lead_id in survivors and not found.issuperset(row.identifiers):
            raise Retry("the lead to be erased was just changed")


async def _refuse_if_taken(tx: Tx, rows: Iterable[Row]) -> None:
    """Raise `Retry` when an id became an alias after the aliases were read: its lead is not in hand then."""
    rows = list(rows)
    known = {row.alias_id for row in rows if isinstance(row, AliasRow)}
    unclear = {
        row.lead_id
        for row in rows
        if isinstance(row, LeadRow) and row.revision == 0 and row.lead_id not in known
    }
    if unclear and await tx.load(AliasRow, "alias_id", unclear):
        raise Retry("the lead was just joined to another")
