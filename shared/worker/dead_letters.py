"""Records that can never be processed: set aside as they were, with the cause, so that nothing waits.

Only the keeper of a topic (the first role in its "read by") writes the dead letter; other readers skip
the record and count it. A role that sets aside more than a share of a window of records stops: then the
fault is rather its own than the records'.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence

from shared.clock import Clock
from shared.errors import Crash, DataError
from shared.lead.events.dead_letter import ERROR_HEADERS
from shared.lead.events.times import rfc3339
from shared.messaging.manifest import BY_NAME, DEAD_LETTERS
from shared.messaging.port import Outgoing, Record, Sink, publish

_MESSAGE_MAX = 1_000


class DeadLetters:
    """The dead letters of one role."""

    def __init__(
        self, role: str, sink: Sink, clock: Clock, *, window: int = 1_000, share_max_percent: int = 50
    ) -> None:
        self._role = role
        self._sink = sink
        self._clock = clock
        self._share_max_percent = share_max_percent
        self._window: deque[tuple[int, int]] = deque()
        self._window_max = window
        self._seen = 0
        self._dead = 0

    def keeps(self, record: Record) -> bool:
        """Tell whether this role is the one that dead-letters this record.

        A dead letter is nobody's to set aside: it would come back to its reader for ever.
        """
        return record.topic != DEAD_LETTERS.name and BY_NAME[record.topic].keeper == self._role

    async def publish(self, rejected: Sequence[tuple[Record, DataError]]) -> None:
        """Set the records aside, where this role keeps their topic; durable when it returns."""
        await publish(
            self._sink,
            [self._letter(record, error) for record, error in rejected if self.keeps(record)],
        )

    def count(self, seen: int, dead: int) -> None:
        """Count records against the limit. Raises `Crash` when too many of a full window were poison."""
        self._window.append((seen, dead))
        self._seen += seen
        self._dead += dead
        if self._seen >= self._window_max and self._dead * 100 > self._seen * self._share_max_percent:
            raise Crash(
                f"{self._role} could not process {self._dead} of the last {self._seen} records; the limit is"
                f" {self._share_max_percent} % (BATON_DEAD_LETTER_SHARE_MAX). It stops so that a fault of its"
                " own does not set everything aside."
            )
        while self._window and self._seen - self._window[0][0] >= self._window_max:
            old_seen, old_dead = self._window.popleft()
            self._seen -= old_seen
            self._dead -= old_dead

    def _letter(self, record: Record, error: DataError) -> Outgoing:
        cause = {
            "stage": self._role,
            "class": error.kind,
            "message": str(error)[:_MESSAGE_MAX],
            "topic": record.topic,
            "partition": str(record.partition),
            "offset": str(record.offset),
            "at": rfc3339(self._clock.now()),
        }
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
