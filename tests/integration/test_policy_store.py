"""Policies in the database: which one is active, and how a running process comes to use it."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from shared.errors import Crash, Retry
from shared.health import Health
from shared.policy.load import PolicyInvalid, texts_in
from shared.policy.tables import policies
from shared.policy.versions import PolicyWatch, active, check_policy, history, put, seed
from shared.storage.database import Database

AT = datetime(2026, 3, 1, 9, tzinfo=UTC)
DEFAULT = texts_in(Path("config"))
STRICTER = {**DEFAULT, "routing.yaml": DEFAULT["routing.yaml"].replace("gte: 80", "gte: 60")}
COMMENTED = {**DEFAULT, "icp.yaml": "# ours\n" + DEFAULT["icp.yaml"]}


async def _put(database: Database, files: dict[str, str], at: datetime = AT) -> str:
    new = await check_policy(files)
    async with database.begin() as tx:
        return (await put(tx, new, by="rita", at=at)).version


async def test_the_policy_applied_last_is_active(database: Database) -> None:
    async with database.read() as tx:
        assert await active(tx) is None
    first = await _put(database, DEFAULT)
    second = await _put(database, STRICTER, AT + timedelta(hours=1))
    async with database.read() as tx:
        present = await active(tx)
        assert present is not None
        assert (present.version, present.activation, present.files) == (second, 2, STRICTER)
        assert [stored.version for stored in await history(tx, 10)] == [second, first]


async def test_an_earlier_policy_may_be_applied_again(database: Database) -> None:
    first = await _put(database, DEFAULT)
    await _put(database, STRICTER)
    again = await _put(database, DEFAULT, AT + timedelta(days=1))
    async with database.read() as tx:
        present = await active(tx)
    assert present is not None
    assert again == first == present.version
    assert (present.created_at, present.activated_at) == (AT, AT + timedelta(days=1))


async def test_applying_what_is_active_changes_nothing(database: Database) -> None:
    await _put(database, DEFAULT)
    await _put(database, DEFAULT, AT + timedelta(days=1))
    async with database.read() as tx:
        present = await active(tx)
    assert present is not None
    assert (present.activation, present.activated_at) == (1, AT)


async def test_a_comment_is_kept_under_the_same_version(database: Database) -> None:
    first = await _put(database, DEFAULT)
    assert await _put(database, COMMENTED) == first
    async with database.read() as tx:
        present = await active(tx)
        assert len(await history(tx, 10)) == 1
    assert present is not None
    assert present.files["icp.yaml"].startswith("# ours")


async def test_files_seed_an_empty_database_only(database: Database) -> None:
    for files in (DEFAULT, STRICTER):
        new = await check_policy(files)
        async with database.begin() as tx:
            await seed(tx, new, at=AT)
    async with database.read() as tx:
        present = await active(tx)
    assert present is not None
    assert (present.files, present.created_by) == (DEFAULT, "config")


async def test_of_two_applied_at_once_both_count_one_after_the_other(database: Database) -> None:
    async def apply(files: dict[str, str]) -> None:
        new = await check_policy(files)
        for _ in range(5):
            try:
                async with database.begin() as tx:
                    await put(tx, new, by="rita", at=AT)
            except Retry:
                continue
            return
        pytest.fail("never got through")

    await asyncio.gather(apply(DEFAULT), apply(STRICTER))
    async with database.read() as tx:
        assert sorted(stored.activation for stored in await history(tx, 10)) == [1, 2]


async def test_files_that_are_no_policy_are_no_candidate() -> None:
    with pytest.raises(PolicyInvalid, match=r"routing\.yaml:1:1: the file is missing"):
        await check_policy({name: text for name, text in DEFAULT.items() if name != "routing.yaml"})


async def test_a_watch_hands_out_the_active_policy(database: Database) -> None:
    watch = PolicyWatch(database)
    with pytest.raises(Crash):
        _ = watch.current
    with pytest.raises(Retry):
        await watch.start()
    first = await _put(database, DEFAULT)
    assert (await watch.start()).version == watch.current.version == first
    assert await watch.look() is False


async def test_a_running_watch_takes_over_within_two_seconds(database: Database) -> None:
    await _put(database, DEFAULT)
    watch, stop, health = PolicyWatch(database), asyncio.Event(), Health()
    in_hand = await watch.start()
    running = asyncio.create_task(watch.run(stop, health))
    second = await _put(database, STRICTER)
    async with asyncio.timeout(10):
        while watch.current.version != second:
            await asyncio.sleep(0.05)
    assert in_hand.version != second, "a unit of work keeps the policy that it began with"
    stop.set()
    await running
    assert health.readiness().ready


async def test_a_stored_policy_that_cannot_be_read_is_told_and_the_last_one_stays(database: Database) -> None:
    first = await _put(database, DEFAULT)
    watch, stop, health = PolicyWatch(database), asyncio.Event(), Health()
    await watch.start()
    row = {"version": "0" * 64, "files": {"icp.yaml": "of: a later version"}, "activation": 9}
    who = {"created_at": AT, "created_by": "x", "activated_at": AT, "activated_by": "x"}
    async with database.begin() as tx:
        await tx.execute(policies.insert(), row | who)
    running = asyncio.create_task(watch.run(stop, health))
    async with asyncio.timeout(10):
        while health.readiness().ready:
            await asyncio.sleep(0.05)
    assert watch.current.version == first
    stop.set()
    await running
