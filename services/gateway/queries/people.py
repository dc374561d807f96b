"""The ids under which a person is stored."""

from __future__ import annotations

from sqlalchemy import select

from services.enricher.tables import lead_aliases
from services.gateway.queries.lead_view import surviving_lead
from shared.storage.database import Tx


async def ids_of_person(tx: Tx, lead_id: str) -> list[str]:
    """Return the lead that an id stands for, first, then the id itself and the other aliases of the lead."""
    lead = await surviving_lead(tx, lead_id)
    aliases = await tx.execute(select(lead_aliases.c.alias_id).where(lead_aliases.c.lead_id == lead))
    return list(dict.fromkeys([lead, lead_id, *sorted(aliases.scalars())]))
