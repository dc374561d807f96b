"""A client of server-sent events that keeps what it was sent."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import aiohttp

PATIENCE_S = 60.0


@dataclass
class ServerSent:
    """The frames of one stream: `events` as (event, data), and the position of the last id."""

    response: aiohttp.ClientResponse
    events: list[tuple[str, Any]] = field(default_factory=list)
    comments: int = 0
    last_id: str = ""
    ended: bool = False

    @property
    def ids(self) -> list[str]:
        """The ids of the events, of those that have one."""
        return [data["id"] for _, data in self.events if "id" in data]

    async def until(self, enough: Callable[[ServerSent], bool]) -> ServerSent:
        """Read until the condition holds. Fails when the stream ends before."""
        async with asyncio.timeout(PATIENCE_S):
            while not enough(self):
                assert not self.ended, self.events
                await self._read_frame()
        return self

    async def count(self, wanted: int) -> list[tuple[str, Any]]:
        """Return the events once there are so many."""
        await self.until(lambda self: len(self.events) >= wanted)
        assert len(self.events) == wanted
        return self.events

    async def end(self) -> ServerSent:
        """Read until the server ends the stream."""
        async with asyncio.timeout(PATIENCE_S):
            while not self.ended:
                await self._read_frame()
        return self

    async def _read_frame(self) -> None:
        frame: dict[str, str] = {}
        while line := (await self.response.content.readline()).decode():
            if line == "\n":
                break
            name, _, value = line.rstrip("\n").partition(": ")
            frame[name] = value
        self.ended = not line
        self.comments += "" in frame
        self.last_id = frame.get("id", self.last_id)
        if "data" in frame:
            self.events.append((frame["event"], json.loads(frame["data"])))


@asynccontextmanager
async def listening(
    http: aiohttp.ClientSession, path: str = "/v1/events/stream", *, after: str = "", **headers: str
) -> AsyncIterator[ServerSent]:
    """Open a stream and return it once the server has said where it begins."""
    sent = headers | ({"Last-Event-ID": after} if after else {})
    timeout = aiohttp.ClientTimeout(total=None, sock_read=PATIENCE_S)
    async with http.get(path, headers=sent, timeout=timeout) as response:
        assert response.status == 200, await response.text()
        assert response.content_type == "text/event-stream"
        stream = ServerSent(response)
        yield await stream.until(lambda self: bool(self.last_id))
