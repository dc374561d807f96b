"""The single writer: jobs run in order, share a transaction, and fail together."""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from shared.errors import Retry
from shared.messaging.embedded.writer import FileThread, Job, Writer, run_in_transaction


@pytest.fixture
async def writer(tmp_path: Path) -> AsyncIterator[Writer]:
    writer = Writer(tmp_path / "stream.db")
    await writer.run(lambda connection: connection.execute("CREATE TABLE note (text TEXT UNIQUE)"))
    yield writer
    await writer.close()


def note(text: str) -> Job[int]:
    """Return the job that inserts a row."""
    return lambda connection: connection.execute("INSERT INTO note VALUES (?)", (text,)).rowcount


def notes(connection: sqlite3.Connection) -> list[str]:
    return [text for (text,) in connection.execute("SELECT text FROM note ORDER BY rowid")]


async def test_jobs_run_in_the_order_in_which_they_were_queued(writer: Writer) -> None:
    queued = [await writer.enqueue(note(str(number))) for number in range(100)]
    assert await asyncio.gather(*queued) == [1] * 100
    assert await writer.run(notes) == [str(number) for number in range(100)]


async def test_jobs_that_wait_together_share_one_transaction(writer: Writer) -> None:
    """One fsync for many appends is what makes the embedded stream fast."""
    transactions: list[str] = []
    await writer.run(
        lambda connection: connection.set_trace_callback(
            lambda statement: transactions.append(statement) if statement == "COMMIT" else None
        )
    )
    transactions.clear()
    queued = [await writer.enqueue(note(str(number))) for number in range(20)]
    await asyncio.gather(*queued)
    assert len(transactions) <= 2


async def test_a_transaction_has_at_most_eight_mebibytes_of_jobs(writer: Writer) -> None:
    seen: list[str] = []
    await writer.run(
        lambda connection: connection.set_trace_callback(
            lambda statement: seen.append(statement) if statement == "COMMIT" else None
        )
    )
    seen.clear()
    queued = [await writer.enqueue(note(str(number)), 5 * 1024 * 1024) for number in range(3)]
    await asyncio.gather(*queued)
    assert len(seen) == 3


async def test_a_failed_job_fails_those_of_its_transaction_and_leaves_nothing(writer: Writer) -> None:
    await writer.run(note("taken"))
    good, bad = await writer.enqueue(note("new")), await writer.enqueue(note("taken"))
    for failed in (good, bad):
        with pytest.raises(Retry, match="UNIQUE"):
            await failed
    assert await writer.run(notes) == ["taken"]


async def test_the_writer_works_on_after_a_failure(writer: Writer) -> None:
    await writer.run(note("taken"))
    with pytest.raises(Retry):
        await writer.run(note("taken"))
    assert await writer.run(note("other")) == 1


async def test_a_caller_that_was_cancelled_does_not_disturb_the_others(writer: Writer) -> None:
    gone, staying = await writer.enqueue(note("a")), await writer.enqueue(note("b"))
    gone.cancel()
    assert await staying == 1
    assert await writer.run(notes) == ["a", "b"]


async def test_a_full_queue_makes_senders_wait_until_there_is_space(
    writer: Writer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("shared.messaging.embedded.writer.QUEUE_BYTES_MAX", 1_000)
    await writer.enqueue(note("first"), 2_000)
    waiting = asyncio.create_task(writer.enqueue(note("second"), 2_000))
    assert not waiting.done()
    async with asyncio.timeout(600):
        await (await waiting)
    assert await writer.run(notes) == ["first", "second"]


async def test_closing_writes_what_is_queued(tmp_path: Path) -> None:
    writer = Writer(tmp_path / "stream.db")
    await writer.run(lambda connection: connection.execute("CREATE TABLE note (text TEXT)"))
    await writer.enqueue(note("last"))
    await writer.close()
    reader = FileThread(tmp_path / "stream.db", "reader")
    assert await reader.run(notes) == ["last"]
    await reader.close()


def test_results_are_returned_in_the_order_of_the_jobs() -> None:
    connection = sqlite3.connect(":memory:", isolation_level=None)
    assert run_in_transaction(connection, [lambda _connection: 1, lambda _connection: 2]) == [1, 2]
    assert not connection.in_transaction
    connection.close()


def test_an_error_rolls_the_transaction_back() -> None:
    connection = sqlite3.connect(":memory:", isolation_level=None)
    connection.execute("CREATE TABLE note (text TEXT)")

    def failing(_connection: sqlite3.Connection) -> None:
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        run_in_transaction(
            connection, [lambda connection: connection.execute("INSERT INTO note VALUES ('x')"), failing]
        )
    assert not connection.in_transaction
    assert notes(connection) == []
    connection.close()
