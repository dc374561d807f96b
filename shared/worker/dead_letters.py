"""Dead letters: records that can never be processed, published unchanged to a topic of their own.

The cause goes into headers, so that the record can be replayed as it was. Only the keeper of a topic (the
first of its readers in the manifest) writes the dead letter; other readers skip the record and count it.
"""

from __future__ import annotations

from collections.abc import Sequence

from shared.clock import Clock
from shared.errors import DataError
from shared.lead.events.dead_letter import ERROR_HEADERS
from shared.lead.events.times import appended_at, rfc3339
from shared.messaging.manifest import BY_NAME, DEAD_LETTERS
from shared.messaging.port import Outgoing, Record, Sink, publish

_MESSAGE_MAX = 1_000


class DeadLetters:
    """The dead letters of one role."""

    def __init__(self, role: str, sink: Sink, clock: Clock) -> None:
        self._role = role
        self._sink = sink
        self._clock = clock

    def is_keeper_of(self, record: Record) -> bool:
        """Tell whether this role dead-letters this record.

        A record of the dead-letter topic itself is never dead-lettered: its reader would read it for ever.
        """
        return record.topic != DEAD_LETTERS.name and BY_NAME[record.topic].keeper == self._role

    async def publish(self, rejected: Sequence[tuple[Record, DataError]]) -> None:
        """Publish the dead letters of the records that this role is the keeper of; durable on return."""
        await publish(
            self._sink,
            [self._dead_letter(record, error) for record, error in rejected if self.is_keeper_of(record)],
        )

    def _dead_letter(self, record: Record, error: DataError) -> Outgoing:
        cause = {
            "stage": self._role,
            "class": error.kind,
            "message": str(error)[:_MESSAGE_MAX],
            "topic": record.topic,
            "partition": str(record.partition),
            "offset": str(record.offset),
            "at": rfc3339(self._clock.now()),
        }
        appended = appended_at(record)
        if appended is not None:
            cause["appended_at"] = rfc3339(appended)
        original = [header for header in record.headers if not header[0].startswith(ERROR_HEADERS)]
        return Outgoing(
            topic=DEAD_LETTERS.name,
            key=record.key,
            value=record.value,
            headers=[
                *original,
                *(
                    (ERROR_HEADERS + name, text.encode("utf-8", "backslashreplace"))
                    for name, text in cause.items()
                ),
            ],
        )
