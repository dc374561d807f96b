"""Creates the tables of every role; the fixture `database` is in `tests/integration/conftest.py`."""

from __future__ import annotations

from sqlalchemy.ext.asyncio import create_async_engine

from services.tables import metadata


async def create_tables(url: str) -> None:
    """Create every table at `url`."""
    engine = create_async_engine(url)
    async with engine.begin() as connection:
        await connection.run_sync(metadata.create_all)
    await engine.dispose()
