"""The gateway's records of the ids and idempotency keys that callers used."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import datetime
from typing import Final

from sqlalchemy import delete, select, update

from services.gateway.domain.arrival import SOURCE
from services.gateway.domain.idempotency import IN_FLIGHT, PUBLISHED, IdempotencyRecord
from services.gateway.tables import idempotency_records
from services.ledger.tables import events
from shared.storage.database import Database, Tx
from shared.storage.rows import IdentityMap, Put
from shared.storage.statements import member_of, members

_PRUNED_AT_ONCE: Final = 5_000

_in_ledger = {
    dialect: select(events.c.id).where(member_of(dialect, events.c.id), events.c.source == SOURCE)
    for dialect in ("postgresql", "sqlite")
}


async def find_or_insert(
    tx: Tx, records: Sequence[IdempotencyRecord], lasting: Collection[str]
) -> Mapping[str, IdempotencyRecord]:
    """Return the stored record of each name, by record id; a name that is new is stored as given.

    Of several processes that store a name at the same time one succeeds, and all get its record. A new name
    whose record id is in `lasting` is stored as published when the ledger already has its event: the name
    outlives its record.
    """
    ids = [record.id for record in records]
    stored = {record.id: record for record in await tx.load(IdempotencyRecord, "id", ids)}
    new = [record for record in records if record.id not in stored]
    if not new:
        return stored
    if event_ids := [record.event_id for record in new if record.id in lasting]:
        found = await tx.execute(_in_ledger[tx.dialect], {"members": members(tx.dialect, event_ids)})
        recorded = set(found.scalars())
        new = [
            IdempotencyRecord(
                record.id,
                record.body_hash,
                record.event_id,
                record.subject,
                PUBLISHED if record.event_id in recorded else IN_FLIGHT,
                record.created_at,
            )
            for record in new
        ]
    rows = IdentityMap()
    rows.apply(map(Put, new))
    await tx.write(rows)
    return stored | {
        record.id: record for record in await tx.load(IdempotencyRecord, "id", [record.id for record in new])
    }


async def find_record(tx: Tx, record: IdempotencyRecord) -> IdempotencyRecord | None:
    """Return the stored record of a name, if there is one."""
    return next(iter(await tx.load(IdempotencyRecord, "id", [record.id])), None)


async def mark_published(tx: Tx, ids: Iterable[str]) -> None:
    """Record that the events of these records are durably in the stream."""
    those = member_of(tx.dialect, idempotency_records.c.id)
    await tx.execute(
        update(idempotency_records).where(those).values(state=PUBLISHED),
        {"members": members(tx.dialect, list(ids))},
    )


async def forget_in_flight(tx: Tx, ids: Iterable[str]) -> None:
    """Delete records whose events could not be published, so that their names are free again."""
    those = member_of(tx.dialect, idempotency_records.c.id)
    await tx.execute(
        delete(idempotency_records).where(those, idempotency_records.c.state == IN_FLIGHT),
        {"members": members(tx.dialect, list(ids))},
    )


async def forget_subjects(tx: Tx, subjects: Iterable[str]) -> None:
    """Delete the records about these leads."""
    those = member_of(tx.dialect, idempotency_records.c.subject)
    await tx.execute(
        delete(idempotency_records).where(those), {"members": members(tx.dialect, list(subjects))}
    )


async def prune_records(database: Database, before: datetime) -> bool:
    """Delete records older than `before`, some thousands at a time; return whether there may be more."""
    old = select(idempotency_records.c.id).where(idempotency_records.c.created_at < before)
    async with database.begin() as tx:
        result = await tx.execute(
            delete(idempotency_records).where(idempotency_records.c.id.in_(old.limit(_PRUNED_AT_ONCE)))
        )
    return result.rowcount == _PRUNED_AT_ONCE
