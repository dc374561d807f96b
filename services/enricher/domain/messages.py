"""What a person wrote, message by message: the present one, and what they wrote before. Pure."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

import msgspec
from msgspec.structs import replace

from services.enricher.domain.record import LeadRow
from shared.lead.bounds import KIB, newest_within
from shared.lead.events.parts import Message
from shared.shortened import shortened

EARLIER_MAX: Final = 9
"""How many earlier messages an event carries; the newest are kept."""
TEXT_LENGTH_MAX: Final = 4_000
"""Of a message that is kept beside the present one; the rest is cut off, and an ellipsis says so."""
_BYTES_MAX: Final = 64 * KIB
_json = msgspec.json.Encoder().encode


def merge_messages(stored: Iterable[Message], received: Iterable[Message]) -> list[Message]:
    """Return distinct messages, the newest first; of one that was repeated the latest counts.

    The order in which they are merged makes no difference.
    """
    latest: dict[str, Message] = {}
    bounded = [
        replace(message, text=shortened(message.text, TEXT_LENGTH_MAX)) for message in (*stored, *received)
    ]
    for message in sorted(bounded, key=lambda message: (message.at, _json(message))):
        latest.pop(message.text, None)
        latest[message.text] = message
    kept = newest_within([(message, _json(message)) for message in latest.values()], _BYTES_MAX)
    return kept[::-1][: EARLIER_MAX + 1]


def messages_of(lead: LeadRow) -> list[Message]:
    """Return the messages of a lead, also of a row from before they were kept."""
    if lead.messages is not None or lead.message is None or lead.last_at is None:
        return lead.messages or []
    source = lead.source
    return [
        Message(
            shortened(lead.message, TEXT_LENGTH_MAX),
            lead.last_at,
            source.name or source.channel,
            source.page_url,
        )
    ]


def earlier_messages(lead: LeadRow) -> list[Message]:
    """Return what the person wrote before the present message, the newest first."""
    present = shortened(lead.message, TEXT_LENGTH_MAX) if lead.message else None
    return [message for message in messages_of(lead) if message.text != present][:EARLIER_MAX]
