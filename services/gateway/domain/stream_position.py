"""Where a client of the event stream is: the next offset of each partition, as the text of an SSE id. Pure.

    leads.routed.v1=12.0.7;actions.received.v1=3.3.0;people.erased.v1=0.1.0

It holds for every process of the gateway, and for as long as the topics keep their records.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Final

from services.gateway.domain.subscriptions import STREAM_TOPICS
from shared.messaging.port import Partition

LENGTH_MAX: Final = 16_384

_TOPICS: Final = [topic.name for topic in STREAM_TOPICS]
_OF_TOPIC: Final = re.compile(r"([a-z.]{1,60}\.v[0-9]{1,3})=((?:[0-9]{1,18}\.)*[0-9]{1,18})")


def position_id(positions: Mapping[Partition, int]) -> str:
    """Return the text of a position."""
    of_topic: dict[str, list[str]] = {}
    for partition, offset in sorted(positions.items()):
        of_topic.setdefault(partition.topic, []).append(str(offset))
    return ";".join(f"{topic}={'.'.join(of_topic[topic])}" for topic in _TOPICS if topic in of_topic)


def read_position(text: str) -> dict[Partition, int]:
    """Return the position of a text. Raises `ValueError` for one that was not made here."""
    positions: dict[Partition, int] = {}
    for part in text[: LENGTH_MAX + 1].split(";"):
        found = _OF_TOPIC.fullmatch(part)
        if found is None or found[1] not in _TOPICS or len(text) > LENGTH_MAX:
            raise ValueError("it is not an id that the event stream gave")
        offsets = map(int, found[2].split("."))
        positions |= {Partition(found[1], number): offset for number, offset in enumerate(offsets)}
    return positions
