"""How the sources fare that ask their vendors, as the scorer stores it."""

from __future__ import annotations

from sqlalchemy import select

from services.scorer.domain.poll_rows import PollSourceRow
from services.scorer.tables import poll_sources
from shared.storage.database import Tx


async def poll_rows(tx: Tx) -> dict[str, PollSourceRow]:
    """Return the state of each source that has asked its vendor, by the name of the source."""
    rows = (await tx.execute(select(poll_sources))).mappings()
    return {row["source"]: PollSourceRow(**row) for row in rows}
