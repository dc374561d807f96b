from __future__ import annotations

import asyncio
from collections.abc import Sequence
from datetime import UTC, datetime

from shared.errors import DataError
from shared.lead.events.dead_letter import dead_letter_of
from shared.messaging.manifest import DEAD_LETTERS, LEADS_RECEIVED, SIGNALS_RECEIVED
from shared.messaging.port import Ack, Outgoing, Record
from shared.worker.dead_letters import DeadLetters
from tests.support.fixed_clock import FixedClock

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


def dead_letters(sink: FakeSink, role: str = "enricher") -> DeadLetters:
    return DeadLetters(role, sink, FixedClock(AT))


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
