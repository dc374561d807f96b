"""What PostgreSQL refuses of many rows at once, and what is raised for it."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import UTC, datetime

import pytest
from msgspec.structs import replace
from sqlalchemy import text

from shared.errors import DataError, Retry
from shared.storage.database import Database
from shared.storage.migrate import migrate
from shared.storage.rows import IdentityMap, Put, Remove, Row
from shared.worker.rows import InputRow

_AT = datetime(2026, 3, 2, 9, tzinfo=UTC)
_CLAIM = InputRow("e1", "/s", "router", "applied", "lead", _AT)


@pytest.fixture
async def database(postgres_url: str) -> AsyncIterator[Database]:
    await migrate(postgres_url)
    database = Database(postgres_url)
    yield database
    await database.close()


async def _write(database: Database, *rows: Row, stored: tuple[Row, ...] = ()) -> None:
    world = IdentityMap(stored)
    world.apply(map(Put, rows))
    async with database.begin() as tx:
        await tx.write(world)


async def _stored(database: Database) -> list[InputRow]:
    async with database.read() as tx:
        return await tx.load(InputRow, "role", ["router"])


async def test_rows_are_written_changed_and_removed(database: Database) -> None:
    other = replace(_CLAIM, id="e2")
    await _write(database, _CLAIM, other)
    changed = replace(_CLAIM, outcome="parked")
    await _write(database, changed, stored=(_CLAIM,))
    assert await _stored(database) == [changed, other]
    world = IdentityMap([changed])
    world.apply([Remove(InputRow, changed.key)])
    async with database.begin() as tx:
        await tx.write(world)
    assert await _stored(database) == [other]


async def test_nothing_is_written_when_the_transaction_fails_later(database: Database) -> None:
    world = IdentityMap()
    world.apply([Put(_CLAIM)])

    async def fail_after_writing() -> None:
        async with database.begin() as tx:
            await tx.write(world)
            raise RuntimeError("later")

    with pytest.raises(RuntimeError):
        await fail_after_writing()
    assert await _stored(database) == []


@pytest.mark.parametrize("subject", ["a\0b", "a\ud800b", "a" * 100_000])
async def test_a_value_that_cannot_be_stored_is_the_records_fault(database: Database, subject: str) -> None:
    with pytest.raises(DataError):
        await _write(database, replace(_CLAIM, subject=subject))
    await _write(database, _CLAIM)
    assert await _stored(database) == [_CLAIM]


async def test_a_row_that_another_transaction_has_written_may_be_tried_again(database: Database) -> None:
    await _write(database, _CLAIM)
    with pytest.raises(Retry):
        await _write(database, _CLAIM)


async def test_a_connection_that_is_lost_meanwhile_may_be_tried_again(database: Database) -> None:
    world = IdentityMap()
    world.apply([Put(_CLAIM)])

    async def lose_the_connection() -> None:
        async with database.begin() as tx:
            pid = (await tx.execute(text("select pg_backend_pid()"))).scalar_one()
            async with database.begin() as other:
                await other.execute(text("select pg_terminate_backend(:pid)"), {"pid": pid})
            await tx.write(world)

    with pytest.raises(Retry):
        await lose_the_connection()
    await _write(database, _CLAIM)
    assert await _stored(database) == [_CLAIM]
