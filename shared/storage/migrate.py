"""Migrations: bring the tables of a database to the version that this code needs.

Migrations are Alembic scripts under `deploy/migrations`; `baton migrate` and `baton up` run them. Tables
are changed so that the code of the version before still runs on them (add first, remove a version later).
"""

from __future__ import annotations

import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, MetaData, create_engine

import shared
from shared.errors import Crash
from shared.storage.database import DatabaseErrorTranslation, make_private
from shared.storage.postgres_tls import create_engine_with_tls

_LOCK = "select pg_advisory_xact_lock(20250301)"


def migrations_folder() -> Path:
    """Return the folder of the scripts: beside the packages, in a checkout and in an installed wheel."""
    folder = Path(next(iter(shared.__path__))).parent / "deploy" / "migrations"
    if not (folder / "env.py").is_file():
        raise Crash(f"the migrations are not where they belong: {folder}")
    return folder


async def migrate(url: str) -> None:
    """Run the pending migrations in one transaction. Safe to call from several processes. Raises `Retry`."""
    await _run(url, _upgrade)


async def pending(url: str) -> str:
    """Return a sentence on the version of the tables and the needed one, "" when equal. Raises `Retry`."""
    found: list[str | None] = []
    await _run(
        url,
        lambda connection: found.append(MigrationContext.configure(connection).get_current_revision()),
    )
    (current,) = found
    scripts = ScriptDirectory.from_config(_config())
    head = scripts.get_current_head()
    revisions = {script.revision for script in scripts.walk_revisions()}
    # An unknown revision is a later one, and this code runs on its tables too.
    if current == head or (current is not None and current not in revisions):
        return ""
    return f"they have {current or 'nothing'}, this code needs {head}"


async def differences(url: str, metadata: MetaData) -> list[object]:
    """Return the differences between the database and `metadata`; empty when no migration is missing."""
    found: list[object] = []

    def compare(connection: Connection) -> None:
        context = MigrationContext.configure(connection, opts={"compare_type": True})
        found.extend(compare_metadata(context, metadata))

    await _run(url, compare)
    return found


async def _run(url: str, work: Callable[[Connection], None]) -> None:
    make_private(url)
    engine = create_engine_with_tls(url)
    try:
        with DatabaseErrorTranslation():
            async with engine.begin() as connection:
                await connection.run_sync(work)
    finally:
        await engine.dispose()


def _config() -> Config:
    config = Config()
    config.set_main_option("script_location", str(migrations_folder()).replace("%", "%%"))
    return config


def _upgrade(connection: Connection) -> None:
    if connection.dialect.name == "postgresql":
        connection.exec_driver_sql(_LOCK)
    config = _config()
    config.attributes["connection"] = connection
    command.upgrade(config, "head")


def write_migration(message: str) -> None:
    """Write the migration from the tables of the last migration to the tables as declared now."""
    config = _config()
    number = len(list((migrations_folder() / "versions").glob("[0-9]*.py"))) + 1
    with tempfile.TemporaryDirectory() as folder:
        engine = create_engine(f"sqlite:///{folder}/tables.db")
        with engine.begin() as connection:
            _upgrade(connection)
        with engine.begin() as connection:
            config.attributes["connection"] = connection
            command.revision(config, message, autogenerate=True, rev_id=f"{number:04}")
        engine.dispose()


if __name__ == "__main__":
    write_migration(sys.argv[1])
