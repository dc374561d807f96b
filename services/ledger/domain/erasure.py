"""What others' records in the ledger say of erased people is removed. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import msgspec
from msgspec.structs import replace

from services.ledger.domain.rows import DeadLetterRow, EventRow
from shared.lead.mentions import Mentions
from shared.storage.rows import Change, Put


def names_somebody(letter: DeadLetterRow, mentions: Mentions) -> bool:
    """Return whether the record of a dead letter names one of these people, whether it is JSON or not."""
    raw = letter.value or b""
    try:
        value = msgspec.json.decode(raw)
    except msgspec.DecodeError:
        value = None
    return mentions.in_text(raw.decode("utf-8", "replace")) or mentions.removed_from(value) is not value


def strike_out(events: Iterable[EventRow], mentions: Mentions) -> Iterator[Change]:
    """Yield the changes that remove these people from events about their account and their colleagues."""
    for row in events:
        data = msgspec.json.decode(row.data)
        without = mentions.removed_from(data)
        if without is not data:
            yield Put(replace(row, data=msgspec.json.encode(without).decode()))
