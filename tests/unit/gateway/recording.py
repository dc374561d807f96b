"""A sink that keeps what it is given, can be away, and can withhold its acknowledgements."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

from shared.errors import Retry
from shared.messaging.port import Ack, Outgoing


class RecordingSink:
    """`away` refuses to send, `silent` acknowledges only when `acknowledge` is called."""

    def __init__(self) -> None:
        self.records: list[Outgoing] = []
        self.away = False
        self.silent = False
        self._withheld: list[tuple[Sequence[Outgoing], asyncio.Future[None]]] = []

    async def send(self, out: Sequence[Outgoing]) -> Ack:
        if self.away:
            raise Retry("the broker is away")
        done: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._withheld.append((out, done))
        if not self.silent:
            self.acknowledge()
        return done

    def acknowledge(self) -> None:
        """Store and acknowledge what was withheld, except what nobody waits for any more."""
        for out, done in self._withheld:
            if not done.done():
                self.records.extend(out)
                done.set_result(None)
        self._withheld.clear()

    async def close(self) -> None:
        return None
