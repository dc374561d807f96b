"""A dead letter as an event: the record as it was, and why it could not be processed.

It has no data schema of its own on the stream: there it is the original record with `baton_error_*` headers.
"""

from __future__ import annotations

from datetime import UTC, datetime

from msgspec import Struct

from shared.lead.events.times import appended_at
from shared.lead.ids import derive_id
from shared.messaging.port import Record

DEAD_LETTER_TYPE = "baton.dead_letter.v1"
ERROR_HEADERS = "baton_error_"
REPLAY_HEADER = "baton_replay_of"


class DeadLetterV1(Struct, frozen=True):
    """`topic`, `partition` and `offset` are the original's place; `headers` are the original's.

    `sent_at` is the time of the original: its own, else when it was appended; None if neither is known.
    """

    id: str
    topic: str
    partition: int
    offset: int
    key: bytes | None
    value: bytes | None
    headers: list[tuple[str, bytes | None]]
    stage: str
    kind: str
    message: str
    event_id: str
    event_type: str
    subject: str
    at: datetime
    sent_at: datetime | None = None


def dead_letter_of(record: Record) -> DeadLetterV1:
    """Return the dead letter in a record of the dead-letter topic; never fails, whatever the record holds.

    The id follows from the original's place, so two dead letters of one original are the same event.
    """
    headers = {
        name: (value or b"").decode("utf-8", "replace").replace("\0", "") for name, value in record.headers
    }

    def error(name: str) -> str:
        return headers.get(ERROR_HEADERS + name, "")

    at = _instant(error("at")) or appended_at(record) or datetime.fromtimestamp(0, UTC)
    topic, partition, offset = error("topic"), _number(error("partition")), _number(error("offset"))
    place = f"{topic}/{partition}/{offset}" if topic else f"{record.topic}/{record.partition}/{record.offset}"
    return DeadLetterV1(
        id=derive_id(DEAD_LETTER_TYPE, "", place, 0),
        topic=topic[:100],
        partition=partition,
        offset=offset,
        key=record.key,
        value=record.value,
        headers=[header for header in record.headers if not header[0].startswith(ERROR_HEADERS)],
        stage=error("stage")[:40],
        kind=error("class")[:40],
        message=error("message")[:1000],
        event_id=headers.get("ce_id", "")[:500],
        event_type=headers.get("ce_type", "")[:100],
        subject=headers.get("ce_subject", "")[:500],
        at=at,
        sent_at=_instant(headers.get("ce_time") or error("appended_at")),
    )


def _instant(text: str) -> datetime | None:
    try:
        return datetime.fromisoformat(text).astimezone(UTC)
    except (ValueError, OverflowError):
        return None


def _number(text: str) -> int:
    return int(text) if text.isascii() and text.isdigit() and len(text) < 19 else 0
