"""A fresh database with every table, on SQLite and on PostgreSQL: import the fixture `database`."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from sqlalchemy.ext.asyncio import create_async_engine

from services.tables import metadata
from shared.storage.database import Database


async def create_tables(url: str) -> None:
    """Create every table at `url`."""
    engine = create_async_engine(url)
    async with engine.begin() as connection:
        await connection.run_sync(metadata.create_all)
    await engine.dispose()


@pytest.fixture(params=["sqlite", pytest.param("postgres", marks=pytest.mark.postgres)])
async def database_url(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[str]:
    """The URL of a fresh database with every table."""
    if request.param == "postgres":
        url = await request.getfixturevalue("postgres").create_database()
    else:
        url = f"sqlite+aiosqlite:///{tmp_path / 'tables.db'}"
    await create_tables(url)
    yield url
    if request.param == "postgres":
        await request.getfixturevalue("postgres").drop_database(url)


@pytest.fixture
async def database(database_url: str) -> AsyncIterator[Database]:
    database = Database(database_url)
    yield database
    await database.close()
