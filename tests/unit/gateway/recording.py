"""A sink that keeps what it is given, and can be away."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

from shared.errors import Retry
from shared.messaging.port import Ack, Outgoing


class RecordingSink:
    def __init__(self) -> None:
        self.records: list[Outgoing] = []
        self.away = False
        self.silent = False

    async def send(self, out: Sequence[Outgoing]) -> Ack:
        if self.away:
            raise Retry("the broker is away")
        done: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        if not self.silent:
            self.records.extend(out)
            done.set_result(None)
        return done

    async def close(self) -> None:
        return None
