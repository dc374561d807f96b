"""What takes long, or waits for another process, holds up neither the event loop nor the result."""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from shared.storage.sqlite_connection import SqliteConnection

_COUNT = (
    "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < {last}) SELECT max(i) FROM n"
)
_LONG = f"SELECT ({_COUNT.format(last=2_000_000)})"


@pytest.fixture
async def connection(tmp_path: Path) -> AsyncIterator[SqliteConnection]:
    opened = await SqliteConnection.open(str(tmp_path / "tables.db"))
    await opened.run("PRAGMA journal_mode=WAL", ())
    await opened.run("CREATE TABLE note (text TEXT)", ())
    yield opened
    await opened.close()


async def test_a_long_select_leaves_the_loop_free_and_is_complete(connection: SqliteConnection) -> None:
    long = asyncio.create_task(connection.run(_LONG, ()))
    turns = 0
    while not long.done():
        turns += 1
        await asyncio.sleep(0)
    assert (await long).rows == [(2_000_000,)]
    assert turns > 1


async def test_a_long_select_keeps_the_changes_of_its_transaction(connection: SqliteConnection) -> None:
    await connection.run("BEGIN IMMEDIATE", ())
    await connection.run_many("INSERT INTO note VALUES (?)", [("one",), ("two",)])
    await connection.run(_LONG, ())
    await connection.commit()
    assert (await connection.run("SELECT text FROM note ORDER BY text", ())).rows == [("one",), ("two",)]


async def test_a_lock_of_another_process_is_waited_for(connection: SqliteConnection, tmp_path: Path) -> None:
    other = sqlite3.connect(tmp_path / "tables.db", isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    begun = asyncio.create_task(connection.run("BEGIN IMMEDIATE", ()))
    await asyncio.sleep(0.05)
    assert not begun.done()
    other.execute("COMMIT")
    await begun
    await connection.rollback()
    other.close()


async def test_what_follows_a_cancelled_statement_runs_after_it(connection: SqliteConnection) -> None:
    await connection.run("BEGIN IMMEDIATE", ())
    long = asyncio.create_task(connection.run(_LONG, ()))
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    long.cancel()
    await asyncio.wait({long})
    await connection.rollback()
    await connection.run("BEGIN IMMEDIATE", ())
    await connection.run_many("INSERT INTO note VALUES (?)", [("later",)])
    await connection.commit()
    assert (await connection.run("SELECT text FROM note", ())).rows == [("later",)]


async def test_the_log_is_emptied_unless_a_reader_holds_it(
    connection: SqliteConnection, tmp_path: Path
) -> None:
    reader = sqlite3.connect(tmp_path / "tables.db", isolation_level=None)
    await connection.run("INSERT INTO note VALUES ('one')", ())
    reader.execute("BEGIN")
    reader.execute("SELECT * FROM note").fetchall()
    await connection.run("INSERT INTO note VALUES ('two')", ())
    assert not await connection.truncate_log(10)
    reader.close()
    assert await connection.truncate_log(10)


async def test_a_closed_connection_says_so_and_can_be_closed_again(connection: SqliteConnection) -> None:
    await connection.close()
    await connection.close()
    with pytest.raises(sqlite3.OperationalError, match="connection closed"):
        await connection.run("SELECT 1", ())
