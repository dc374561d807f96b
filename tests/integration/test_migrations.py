"""Migrations make and fill the tables that the code describes; the next one can be written from them."""

from __future__ import annotations

import re
import shutil
from pathlib import Path

import pytest
from sqlalchemy import Column, String, Table, text

from services.ledger.domain.lead_history import LeadDecision, LeadHistory, LeadHistoryRow, RepAct
from services.ledger.domain.lead_names import words_of
from services.ledger.domain.milestones import MilestoneRow
from services.ledger.domain.rows import LeadNameRow, ViewRow
from services.ledger.domain.view import updated_view
from services.tables import metadata
from shared.lead.events.schemas import EXAMPLES
from shared.storage import migrate as migrate_module
from shared.storage.database import Database
from shared.storage.migrate import differences, migrate, migrations_folder, pending, write_migration
from shared.storage.rows import IdentityMap, Put
from tests.unit.ledger.conftest import event_from_example


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


async def test_present_leads_say_who_they_are_once_the_tables_have_room_for_it(url, folder):
    """The migration of the inbox takes from recorded events what lists show."""
    later = take_out_from(folder, "_inbox.py")
    await migrate(url)
    at = "2026-03-02 09:00:00+00" if url.startswith("postgresql") else "1772442000000000"
    scored = (EXAMPLES / "baton.lead.scored.v1" / "full.json").read_text()
    routed = (EXAMPLES / "baton.lead.suppressed.v1" / "full.json").read_text()
    numbers = ", ".join(f"{stage}_sequence" for stage in ("enriched", "scored", "routed", "owned"))
    event = ", ".join(["'/t'", "'t'", "'lead'", "'a'", f"'{at}'", f"'{at}'", "''"])
    columns = "id, source, type, subject, partition_key, at, recorded_at, causation_id, data"
    database = Database(url)
    async with database.begin() as tx:
        for id_, data in (("s", scored), ("o", routed)):
            statement = text(f"INSERT INTO events ({columns}) VALUES ('{id_}', {event}, :data)")
            await tx.execute(statement, {"data": data})
        for lead, ids in (("lead", "'s', 'o'"), ("new", "NULL, NULL")):
            revisions = "enriched_revision, scored_revision, routed_revision, revision"
            await tx.execute(
                text(
                    f"INSERT INTO lead_views (lead_id, account, status, first_at, {numbers}, {revisions},"
                    f" scored_id, owned_id) VALUES ('{lead}', 'a', 'scored', '{at}', 1, 1, 1, 1, 1, 1, 1, 1, {ids})"
                )
            )
    await database.close()
    put_back(later)
    await migrate(url)
    database = Database(url)
    async with database.read() as tx:
        rows = await tx.load(ViewRow, "lead_id", ["lead", "new"])
        words = await tx.load(LeadNameRow, "lead_id", ["lead"])
    await database.close()
    expected = view_of_examples()
    assert [row.word for row in words] == sorted(words_of(expected.name))
    names = (
        "rule",
        "reason",
        "name",
        "title",
        "company",
        "source",
        "grade",
        "band",
        "total",
        "trigger",
        "quote",
    )
    assert [getattr(rows[0], name) for name in names] == [getattr(expected, name) for name in names]
    assert expected.quote
    assert [getattr(rows[1], name) for name in names] == [None] * len(names)


def take_out_from(folder: Path, ending: str) -> dict[Path, str]:
    """Remove the migration whose file has that ending and all later ones; return what `put_back` takes."""
    scripts = sorted((folder / "versions").glob("[0-9]*.py"))
    first = next(index for index, script in enumerate(scripts) if script.name.endswith(ending))
    later = {script: script.read_text() for script in scripts[first:]}
    for script in later:
        script.unlink()
    return later


def put_back(scripts: dict[Path, str]) -> None:
    for script, source in scripts.items():
        script.write_text(source)


def view_of_examples() -> ViewRow:
    """Return what the ledger makes of the same events."""
    view = updated_view(None, event_from_example("lead.scored"))
    return updated_view(view, event_from_example("lead.suppressed"))


async def test_present_leads_have_the_milestones_that_their_histories_tell_of(url, folder):
    """The migration of milestones takes them from what reports count of each lead."""
    later = take_out_from(folder, "_milestones.py")
    await migrate(url)
    routed = LeadDecision(1, 7_200_000, "assigned", "sdr", "ana", "rule", "A", policy="p1")
    accepted = RepAct("a1", 10_800_000, "accept", "ana", 10_800_000)
    histories = {"lead": LeadHistory(3_600_000, None, False, [routed], [accepted]), "new": LeadHistory(1)}
    database = Database(url)
    async with database.begin() as tx:
        rows = IdentityMap()
        rows.apply(Put(LeadHistoryRow(lead_id, history)) for lead_id, history in histories.items())
        await tx.write(rows)
    await database.close()
    put_back(later)
    await migrate(url)
    database = Database(url)
    async with database.read() as tx:
        found = await tx.load(MilestoneRow, "lead_id", histories)
    await database.close()
    assert [(row.lead_id, row.stage, row.hour, row.queue) for row in found] == [
        ("lead", "accepted", 3, "sdr"),
        ("lead", "routed", 2, ""),
    ]


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
