"""Leaves erased people out of records that are read from the topics: these keep their records for days.

The ledger's tombstones count: it reads every topic.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from services.ledger.domain.erasure import ROLE
from shared.errors import DataError
from shared.lead.events.envelope import Event, decode
from shared.messaging.port import Record
from shared.storage.database import Database
from shared.storage.rows import IdentityMap
from shared.worker.erasure import (
    KeyedHash,
    accounts_of,
    is_erased,
    mentions_in,
    subject_of,
    without_mentions,
)
from shared.worker.rows import ErasedMentionsRow, TombstoneRow


async def decode_records(
    database: Database, keyed_hash: KeyedHash, records: Sequence[Record]
) -> list[Event[Any] | None]:
    """Return the event of each record, without what names erased people. Raises `Retry`.

    None for a record that is about an erased person, and for one that holds no event.
    """
    events = [_decoded(record) for record in records]
    subjects = {subject_of(event) for event in events if event is not None}
    accounts = {account for event in events if event is not None for account in accounts_of(event)}
    async with database.read() as tx:
        hashes = [keyed_hash(subject) for subject in subjects if subject]
        stones = await tx.load(TombstoneRow, "hash", hashes, role=ROLE)
        mentions = await tx.load(ErasedMentionsRow, "account", accounts, role=ROLE)
    rows = IdentityMap([*stones, *mentions])
    return [None if event is None else _without_erased(event, rows, keyed_hash) for event in events]


def _decoded(record: Record) -> Event[Any] | None:
    try:
        return decode(record)
    except DataError:
        return None  # the role that keeps the topic has set it aside


def _without_erased(event: Event[Any], rows: IdentityMap, keyed_hash: KeyedHash) -> Event[Any] | None:
    if is_erased(ROLE, rows, event, keyed_hash):
        return None
    mentions = mentions_in(ROLE, rows, event, keyed_hash)
    try:
        return event if mentions is None else without_mentions(event, mentions)
    except DataError:
        return None
