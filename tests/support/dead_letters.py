"""Dead letters of forms, stored as the ledger does, for pages that show them."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime

from services.ledger.domain.rows import DeadLetterRow
from services.tables import metadata
from shared.messaging.manifest import LEADS_RECEIVED
from shared.storage.database import Database
from shared.storage.rows import IdentityMap, Put


def dead_letter(
    number: int, value: bytes, kind: str = "schema", message: str = "Expected `int`"
) -> DeadLetterRow:
    """Return a record that the enricher has set aside now."""
    return DeadLetterRow(
        f"letter-{number}", LEADS_RECEIVED.name, 0, number, b"kestrel.example", value, [], "enricher", kind,
        message, f"e{number}", "baton.lead.received.v1", "", datetime.now(UTC),
    )  # fmt: skip


def store_letters(database_url: str, letters: Sequence[DeadLetterRow]) -> None:
    """Store the letters. In a thread: Playwright's event loop runs in the caller's."""

    async def write() -> None:
        assert metadata.tables
        database, rows = Database(database_url), IdentityMap()
        rows.apply([Put(letter) for letter in letters])
        async with database.begin() as tx:
            await tx.write(rows)
        await database.close()

    with ThreadPoolExecutor(1) as thread:
        thread.submit(lambda: asyncio.run(write())).result()
