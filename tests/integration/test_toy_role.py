"""A role that was killed at any point ends in the same state as one that was never killed.

It runs as a process of its own, on the embedded stream with SQLite and on Kafka with PostgreSQL, and is killed
with SIGKILL at each failpoint and at random moments. Afterwards the counts are exact, every effect is published
once by id, and the outbox is empty.
"""

from __future__ import annotations

import asyncio
import os
import random
import signal
import sys
import uuid
from collections import Counter, defaultdict
from collections.abc import AsyncIterator, Mapping
from datetime import UTC, datetime
from pathlib import Path

import pytest
from sqlalchemy import func, select

from services.tables import metadata
from shared.errors import Crash
from shared.lead.events.action_received import ActionReceivedV1
from shared.lead.events.envelope import Event, decode, encode
from shared.messaging.manifest import OUTCOMES_RECEIVED
from shared.messaging.port import Partition, publish
from shared.storage.database import Database
from shared.worker.failpoints import NAMES, VARIABLE, from_environ
from shared.worker.tables import inputs, outbox
from tests.support.databases import create_tables
from tests.support.services.kafka import Kafka
from tests.support.services.postgres import Postgres
from tests.support.toy_role import ACTION, stream_of

pytestmark = pytest.mark.usefixtures("toy_table")

PORTION = 90
"""So many actions come before each start: several units of work, whatever the size of a unit."""
ACTIONS = PORTION * (len(NAMES) + 1)
AT = datetime(2026, 3, 2, 9, tzinfo=UTC)
EXPECTED = Counter(f"lead-{n * n % 7}" for n in range(ACTIONS))


@pytest.fixture(
    params=["embedded", pytest.param("services", marks=[pytest.mark.kafka, pytest.mark.postgres])]
)
async def environ(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[dict[str, str]]:
    """What the process needs to know; its tables are there."""
    settings = {"BATON_DATA_DIR": str(tmp_path), "BATON_TOPIC_PREFIX": f"toy{uuid.uuid4().hex[:8]}"}
    if request.param == "embedded":
        settings["BATON_STREAM_URL"] = "embedded:"
        settings["BATON_DATABASE_URL"] = f"sqlite+aiosqlite:///{tmp_path / 'tables.db'}"
    else:
        kafka: Kafka = request.getfixturevalue("kafka")
        postgres: Postgres = request.getfixturevalue("postgres")
        settings["BATON_STREAM_URL"] = f"kafka://{kafka.bootstrap}"
        settings["BATON_DATABASE_URL"] = await postgres.create_database()
    await create_tables(settings["BATON_DATABASE_URL"])
    yield settings
    if request.param == "services":
        await postgres.drop_database(settings["BATON_DATABASE_URL"])


async def send_actions(settings: Mapping[str, str], numbers: range) -> None:
    stream = stream_of(settings)
    await stream.open()
    sink = await stream.sink()
    await publish(
        sink,
        [
            encode(
                Event(
                    id=f"{n}",
                    source="/test",
                    type=ACTION,
                    subject=f"lead-{n * n % 7}",
                    time=AT,
                    data=ActionReceivedV1(lead_id=f"lead-{n * n % 7}", type="accept"),
                    key=f"lead-{n * n % 7}",
                )
            )
            for n in numbers
        ],
    )
    await sink.close()
    await stream.close()


async def start(settings: Mapping[str, str], **more: str) -> asyncio.subprocess.Process:
    return await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "tests.support.toy_role",
        env={**os.environ, **settings, **more},
        stdout=asyncio.subprocess.PIPE,
    )


async def claimed(database: Database) -> int:
    async with database.read() as tx:
        return (await tx.execute(select(func.count()).select_from(inputs))).scalar_one()


async def done(database: Database) -> bool:
    async with database.read() as tx:
        waiting = (await tx.execute(select(func.count()).select_from(outbox))).scalar_one()
    return waiting == 0 and await claimed(database) == ACTIONS


async def run_to_the_end(settings: Mapping[str, str], **more: str) -> None:
    """Run the process until everything is done, then ask it to stop: it leaves with 0."""
    database = Database(settings["BATON_DATABASE_URL"])
    process = await start(settings, **more)
    try:
        async with asyncio.timeout(600):
            while not await done(database):
                assert process.returncode is None, "the role ended by itself"
                await asyncio.sleep(0.05)
            assert process.stdout is not None
            assert await process.stdout.readline() == b"can be stopped\n"
            process.terminate()
            assert await process.wait() == 0
    finally:
        await database.close()
        if process.returncode is None:
            process.kill()
            await process.wait()


async def outcomes_downstream(settings: Mapping[str, str]) -> dict[str, dict[str, str]]:
    """Return the reasons of the outcome events per lead, by event id."""
    stream = stream_of(settings)
    await stream.open()

    async def revoking(_partitions: frozenset[Partition]) -> None:
        return None

    source = await stream.source("reader", [OUTCOMES_RECEIVED.name], revoking)
    found: dict[str, dict[str, str]] = defaultdict(dict)
    async with asyncio.timeout(600):
        while sum(map(len, found.values())) < ACTIONS:
            for record in (await source.poll(500, 0.2)).records:
                event = decode(record)
                assert found[event.subject].setdefault(event.id, event.data.reason) == event.data.reason
    await source.close()
    await stream.close()
    return found


async def assert_as_if_never_killed(settings: Mapping[str, str]) -> None:
    database = Database(settings["BATON_DATABASE_URL"])
    async with database.read() as tx:
        rows = (await tx.execute(select(metadata.tables["toy_counters"]))).mappings().all()
    await database.close()
    assert {row["lead_id"]: row["count"] for row in rows} == EXPECTED
    counts = {
        lead: sorted(map(int, by_id.values()))
        for lead, by_id in (await outcomes_downstream(settings)).items()
    }
    assert counts == {lead: list(range(1, count + 1)) for lead, count in EXPECTED.items()}


@pytest.mark.parametrize("window", ["", "1"], ids=["batch", "window"])
async def test_killed_at_each_failpoint(
    environ: dict[str, str], fault_random: random.Random, window: str
) -> None:
    for portion, failpoint in enumerate(fault_random.sample(NAMES, len(NAMES))):
        await send_actions(environ, range(portion * PORTION, (portion + 1) * PORTION))
        # How often it publishes and commits offsets depends on the speed of the machine: once is certain.
        nth = fault_random.randint(1, 3) if failpoint in ("after_claim", "after_commit") else 1
        process = await start(environ, **{VARIABLE: f"{failpoint}:{nth}"}, TOY_WINDOW=window)
        async with asyncio.timeout(600):
            assert await process.wait() == -signal.SIGKILL, failpoint
    await send_actions(environ, range(ACTIONS - PORTION, ACTIONS))
    await run_to_the_end(environ, TOY_WINDOW=window)
    await assert_as_if_never_killed(environ)


@pytest.mark.parametrize("window", ["", "1"], ids=["batch", "window"])
async def test_killed_at_random_moments(
    environ: dict[str, str], fault_random: random.Random, window: str
) -> None:
    await send_actions(environ, range(ACTIONS))
    for _ in range(3):
        process = await start(environ, TOY_WINDOW=window)
        await working(environ, process)
        await asyncio.sleep(fault_random.uniform(0.0, 0.1))
        process.kill()
        await process.wait()
    await run_to_the_end(environ, TOY_WINDOW=window)
    await assert_as_if_never_killed(environ)


async def working(settings: Mapping[str, str], process: asyncio.subprocess.Process) -> None:
    """Wait until the process has done something more, or until there is nothing left to do."""
    database = Database(settings["BATON_DATABASE_URL"])
    try:
        before = await claimed(database)
        async with asyncio.timeout(600):
            while before < ACTIONS and await claimed(database) == before:
                assert process.returncode is None, "the role ended by itself"
                await asyncio.sleep(0.01)
    finally:
        await database.close()


@pytest.mark.parametrize("wrong", ["after_lunch:1", "after_commit", "after_commit:0", "after_commit:x", ":1"])
def test_an_unknown_failpoint_is_refused(wrong: str) -> None:
    with pytest.raises(Crash, match=VARIABLE):
        from_environ({VARIABLE: wrong})


def test_without_a_failpoint_nothing_happens() -> None:
    failpoint = from_environ({})
    for name in NAMES:
        failpoint(name)
