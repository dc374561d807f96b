from __future__ import annotations

import asyncio
from collections.abc import Sequence
from datetime import UTC, datetime

import pytest

from shared.clock import FixedClock
from shared.errors import Crash, DataError
from shared.lead.events.dead_letter import dead_letter_of
from shared.messaging.manifest import DEAD_LETTERS, LEADS_RECEIVED, SIGNALS_RECEIVED
from shared.messaging.port import Ack, Outgoing, Record
from shared.worker.dead_letters import DeadLetters

AT = datetime(2026, 3, 2, 9, 14, 7, tzinfo=UTC)
POISON = DataError("no\ud800thing to read" + "x" * 2_000, kind="json")


class FakeSink:
    def __init__(self) -> None:
        self.sent: list[Outgoing] = []

    async def send(self, out: Sequence[Outgoing]) -> Ack:
        self.sent += out
        return asyncio.sleep(0)

    async def close(self) -> None:
        return None


def record(topic: str = LEADS_RECEIVED.name) -> Record:
    headers = [("ce_id", b"1"), ("x", None), ("baton_error_stage", b"before")]
    return Record(topic, 3, 77, b"\xffkey", b"\xfe{", headers, 0)


def dead_letters(sink: FakeSink, role: str = "enricher", **limits: int) -> DeadLetters:
    return DeadLetters(role, sink, FixedClock(AT), **limits)


async def test_the_keeper_publishes_the_unchanged_record_with_the_cause() -> None:
    sink = FakeSink()
    await dead_letters(sink).publish([(record(), POISON)])
    (out,) = sink.sent
    assert (out.topic, out.key, out.value) == (DEAD_LETTERS.name, b"\xffkey", b"\xfe{")
    letter = dead_letter_of(Record(out.topic, 0, 0, out.key, out.value, out.headers, 0))
    assert letter.headers == [("ce_id", b"1"), ("x", None)]
    assert (letter.stage, letter.kind, letter.at) == ("enricher", "json", AT)
    assert (letter.topic, letter.partition, letter.offset) == (LEADS_RECEIVED.name, 3, 77)
    assert letter.message.startswith("no\\ud800thing to read")
    assert len(letter.message) <= 1_010


async def test_other_readers_and_readers_of_dead_letters_publish_none() -> None:
    sink = FakeSink()
    await dead_letters(sink).publish([(record(SIGNALS_RECEIVED.name), POISON)])
    await dead_letters(sink, "ledger").publish([(record(DEAD_LETTERS.name), POISON)])
    assert sink.sent == []


def test_too_large_a_share_of_rejected_records_is_a_crash() -> None:
    letters = dead_letters(FakeSink(), window=100, share_max_percent=50)
    letters.check_share(99, 99)
    with pytest.raises(Crash, match="enricher"):
        letters.check_share(1, 0)


def test_exactly_the_share_is_allowed() -> None:
    letters = dead_letters(FakeSink(), window=100, share_max_percent=50)
    letters.check_share(50, 50)
    letters.check_share(50, 0)
    with pytest.raises(Crash):
        letters.check_share(2, 2)


def test_only_the_last_window_counts() -> None:
    letters = dead_letters(FakeSink(), window=100, share_max_percent=50)
    letters.check_share(60, 0)
    for _ in range(49):
        letters.check_share(1, 1)
    for _ in range(1_000):
        letters.check_share(1, 0)
    for _ in range(50):
        letters.check_share(1, 1)
    with pytest.raises(Crash):
        letters.check_share(1, 1)
