"""The ids under which a person is stored."""

from __future__ import annotations

from services.gateway.queries.lead_view import ids_of_lead, surviving_lead
from shared.storage.database import Tx


async def ids_of_person(tx: Tx, lead_id: str) -> list[str]:
    """Return the lead that an id stands for, first, then the id itself and the other aliases of the lead."""
    lead = await surviving_lead(tx, lead_id)
    return list(dict.fromkeys([lead, lead_id, *await ids_of_lead(tx, lead)]))
