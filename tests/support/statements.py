"""The SQL statements that are run meanwhile."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from unittest.mock import patch

from sqlalchemy import Connection, Engine, event

from shared.storage.sqlite_connection import SqliteConnection


@contextmanager
def statements() -> Iterator[list[tuple[str, Any]]]:
    """Keep the statements that are run meanwhile, with their parameters.

    On SQLite some pass SQLAlchemy by, so they are kept where the connection runs them.
    """
    kept: list[tuple[str, Any]] = []
    run, run_many = SqliteConnection.run, SqliteConnection.run_many

    def keep(connection: Connection, _cursor: Any, statement: str, parameters: Any, *_rest: Any) -> None:
        if connection.dialect.name != "sqlite":
            kept.append((statement, parameters))

    async def keep_and_run(connection: SqliteConnection, statement: str, parameters: Any) -> Any:
        if not statement.startswith("PRAGMA"):
            kept.append((statement, tuple(parameters)))
        return await run(connection, statement, parameters)

    async def keep_and_run_many(connection: SqliteConnection, statement: str, parameters: Any) -> Any:
        kept.append((statement, parameters))
        return await run_many(connection, statement, parameters)

    event.listen(Engine, "before_cursor_execute", keep)
    try:
        with (
            patch.object(SqliteConnection, "run", keep_and_run),
            patch.object(SqliteConnection, "run_many", keep_and_run_many),
        ):
            yield kept
    finally:
        event.remove(Engine, "before_cursor_execute", keep)
