"""Migrations make the tables that the code describes, and the next migration can be written from them."""

from __future__ import annotations

import re
import shutil
from pathlib import Path

import pytest
from sqlalchemy import Column, String, Table

from services.tables import metadata
from shared.storage import migrate as migrate_module
from shared.storage.migrate import differences, migrate, migrations_folder, pending, write_migration


@pytest.fixture(params=["sqlite", pytest.param("postgres", marks=pytest.mark.postgres)])
def url(request, tmp_path):
    if request.param == "sqlite":
        return f"sqlite+aiosqlite:///{tmp_path}/tables.db"
    return request.getfixturevalue("postgres_url")


@pytest.fixture
def folder(tmp_path, monkeypatch) -> Path:
    """Return a copy of the migrations that a test may write to."""
    copy = tmp_path / "migrations"
    shutil.copytree(migrations_folder(), copy, ignore=shutil.ignore_patterns("__pycache__"))
    monkeypatch.setattr(migrate_module, "migrations_folder", lambda: copy)
    return copy


async def test_migrations_give_the_tables_that_the_code_describes(url):
    assert "nothing" in await pending(url)
    await migrate(url)
    await migrate(url)
    assert await pending(url) == ""
    assert await differences(url, metadata) == []


def test_a_new_table_becomes_a_migration_that_makes_this_table_and_nothing_else(folder):
    before = set((folder / "versions").glob("*.py"))
    table = Table("notes", metadata, Column("id", String(36), primary_key=True))
    try:
        write_migration("notes of reps")
    finally:
        metadata.remove(table)
    [script] = set((folder / "versions").glob("*.py")) - before
    text = script.read_text()
    assert 'op.create_table("notes"' in text.replace("'", '"').replace("(\n        ", "(")
    upgrade = text[text.index("def upgrade") : text.index("def downgrade")]
    assert len(re.findall(r"^ +op\.", upgrade, re.MULTILINE)) == 1


def test_without_a_change_the_migration_is_empty(folder):
    before = set((folder / "versions").glob("*.py"))
    write_migration("nothing")
    [script] = set((folder / "versions").glob("*.py")) - before
    assert "op." not in script.read_text().split("def upgrade")[1]
