"""Policies in a database and the watch of a process, on SQLite; PostgreSQL has its own tests."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
import structlog

from shared.errors import Crash, Retry
from shared.health import Health
from shared.policy.load import PolicyInvalid, texts_in
from shared.policy.versions import (
    CheckedPolicy,
    PolicyWatch,
    active,
    check_policy,
    history,
    put,
    seed,
    seed_policy,
    stored,
)
from shared.storage.database import Database
from tests.support.databases import create_tables

AT = datetime(2026, 3, 1, 9, tzinfo=UTC)
LATER = AT + timedelta(hours=1)


@pytest.fixture
async def database(tmp_path: Path) -> AsyncIterator[Database]:
    """A fresh SQLite database with every table."""
    url = f"sqlite+aiosqlite:///{tmp_path / 'policies.db'}"
    await create_tables(url)
    database = Database(url)
    yield database
    await database.close()


@pytest.fixture
async def first(files: dict[str, str]) -> CheckedPolicy:
    """The small policy."""
    return await check_policy(files)


@pytest.fixture
async def second(files: dict[str, str]) -> CheckedPolicy:
    """The small policy with another cap of the intent."""
    return await check_policy({**files, "scoring.yaml": files["scoring.yaml"].replace("cap: 90", "cap: 80")})


async def activate(database: Database, policy: CheckedPolicy, at: datetime = AT, by: str = "ana") -> None:
    async with database.begin() as tx:
        await put(tx, policy, by=by, at=at)


async def test_files_without_errors_are_a_checked_policy(files: dict[str, str]) -> None:
    checked = await check_policy(files)
    assert len(checked.version) == 64
    assert checked.files == files
    with pytest.raises(PolicyInvalid, match=r"team\.yaml:1:1: the file is missing"):
        await check_policy({name: text for name, text in files.items() if name != "team.yaml"})


async def test_an_empty_database_has_no_policy(database: Database) -> None:
    async with database.read() as tx:
        assert await active(tx) is None
        assert await stored(tx, "x") is None
        assert await history(tx, 10) == []


async def test_the_last_activation_is_active(
    database: Database, first: CheckedPolicy, second: CheckedPolicy
) -> None:
    await activate(database, first)
    await activate(database, second, LATER, by="bo")
    async with database.read() as tx:
        present = await active(tx)
        assert present is not None
        assert (present.version, present.activation, present.activated_by) == (second.version, 2, "bo")
        assert present.files == second.files
        assert await stored(tx, second.version) == present
        assert [policy.activation for policy in await history(tx, 10)] == [2, 1]
        assert [policy.activation for policy in await history(tx, 10, before=2)] == [1]
        assert [policy.activation for policy in await history(tx, 1)] == [2]


async def test_a_version_that_is_activated_again_keeps_its_creation(
    database: Database, first: CheckedPolicy, second: CheckedPolicy
) -> None:
    await activate(database, first)
    await activate(database, second)
    await activate(database, first, LATER, by="bo")
    async with database.read() as tx:
        present = await active(tx)
    assert present is not None
    assert (present.version, present.activation) == (first.version, 3)
    assert (present.created_at, present.created_by) == (AT, "ana")
    assert (present.activated_at, present.activated_by) == (LATER, "bo")


async def test_activating_the_active_policy_changes_nothing(database: Database, first: CheckedPolicy) -> None:
    await activate(database, first)
    await activate(database, first, LATER, by="bo")
    async with database.read() as tx:
        present = await active(tx)
    assert present is not None
    assert (present.activation, present.activated_at) == (1, AT)


async def test_the_same_version_with_other_texts_is_activated(
    database: Database, first: CheckedPolicy
) -> None:
    commented = await check_policy({**first.files, "team.yaml": "# ours\n" + first.files["team.yaml"]})
    assert commented.version == first.version
    await activate(database, first)
    await activate(database, commented, LATER)
    async with database.read() as tx:
        present = await active(tx)
    assert present is not None
    assert (present.activation, present.files) == (2, commented.files)


async def test_seeding_keeps_the_policy_that_is_there(
    database: Database, first: CheckedPolicy, second: CheckedPolicy
) -> None:
    async with database.begin() as tx:
        seeded = await seed(tx, first, at=AT)
    assert (seeded.version, seeded.created_by) == (first.version, "config")
    async with database.begin() as tx:
        assert (await seed(tx, second, at=LATER)).version == first.version


async def test_a_directory_seeds_an_empty_database_only(
    database: Database, files: dict[str, str], second: CheckedPolicy, tmp_path: Path
) -> None:
    directory = tmp_path / "policy"
    directory.mkdir()
    for name, text in files.items():
        (directory / name).write_text(text)
    await activate(database, second)
    await seed_policy(database, directory, LATER)
    async with database.read() as tx:
        present = await active(tx)
    assert present is not None
    assert present.version == second.version


async def test_files_that_are_not_applied_are_said_until_they_are(
    database: Database, files: dict[str, str], first: CheckedPolicy, tmp_path: Path
) -> None:
    def write(name: str, text: str) -> None:
        (tmp_path / name).write_text(text)

    for name, text in files.items():
        write(name, text)
    await activate(database, first)
    watch, health = PolicyWatch(database, tmp_path), Health()
    await watch.start()

    async def said() -> str:
        with structlog.testing.capture_logs() as logged:
            await watch.say_unapplied(health)
        check = health.readiness().checks["policy_files"]
        assert check.ok
        assert [line["reason"] for line in logged] == [check.detail] * bool(check.detail)
        return check.detail

    assert await said() == ""
    write("icp.yaml", "# a comment\n" + files["icp.yaml"])
    assert await said() == ""
    write("routing.yaml", files["routing.yaml"].replace("gte: 80", "gte: 70"))
    assert "not applied: routing.suppress[spam].when.gte; see `baton policy diff`" in await said()
    write("accounts.yaml", files["accounts.yaml"].replace("hillside.example", "other.example"))
    assert " and 1 more" in await said()
    write("routing.yaml", "rules: [")
    assert "are not applied, and are no valid policy: routing.yaml:1:9" in await said()
    write("routing.yaml", files["routing.yaml"].replace("gte: 80", "gte: 70"))
    await activate(database, await check_policy(texts_in(tmp_path)), LATER)
    assert await watch.look()
    assert await said() == ""
    assert (await PolicyWatch(database, tmp_path / "missing").start()).version
    no_files = PolicyWatch(database, tmp_path / "missing")
    await no_files.start()
    await no_files.say_unapplied(health)
    assert health.readiness().checks["policy_files"].detail == ""


async def test_a_watch_has_no_policy_before_it_is_started(database: Database) -> None:
    watch = PolicyWatch(database)
    with pytest.raises(Crash, match="before it was read"):
        _ = watch.current
    with pytest.raises(Retry, match="no policy yet"):
        await watch.start()


async def test_a_watch_loads_a_newer_policy(
    database: Database, first: CheckedPolicy, second: CheckedPolicy
) -> None:
    await activate(database, first)
    watch = PolicyWatch(database)
    started = await watch.start()
    assert (started.version, watch.current) == (first.version, started)
    assert not await watch.look()
    await activate(database, second, LATER)
    assert watch.current is started
    assert await watch.look()
    assert watch.current.version == second.version


async def test_a_watch_that_is_stopped_ends(database: Database, first: CheckedPolicy) -> None:
    await activate(database, first)
    watch, stop = PolicyWatch(database), asyncio.Event()
    await watch.start()
    stop.set()
    await asyncio.wait_for(watch.run(stop, Health()), 30)
    assert watch.current.version == first.version
