"""Many webhook endpoints in one process that are never the bottleneck: each has a port of its own.

`python -m tests.bench.endpoints COUNT` prints the ports and serves until its standard input ends. A POST to
`/hook` is answered at once, to `/slow` after 20 ms, to `/hang` never; `GET` tells what came to each since the
last `GET`, as JSON.
"""

from __future__ import annotations

import asyncio
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from typing import Final, cast

import httptools
import httpx
import msgspec
import uvloop
from msgspec import Struct, field

_TAKEN: Final = b"HTTP/1.1 204 No Content\r\n\r\n"
_SLOW_S: Final = 0.02
_STAMP: Final = b'"timestamp":"'
_STAMP_WITHIN: Final = 200


class Taken(Struct):
    """What one endpoint took: its requests, how many a second and at a time at most, and how old each was."""

    requests: int = 0
    a_second_max: int = 0
    at_a_time_max: int = 0
    delays_s: list[float] = field(default_factory=list)


class Endpoints:
    """The endpoints of a running process."""

    def __init__(self, ports: list[int]) -> None:
        self.ports = ports

    def url(self, number: int, path: str = "hook") -> str:
        """Return the URL of an endpoint; there are more numbers than ports, which then share them."""
        return f"http://127.0.0.1:{self.ports[number % len(self.ports)]}/{path}/{number}"

    def taken(self) -> list[Taken]:
        """Return what came to each port since this was last asked."""
        answer = httpx.get(f"http://127.0.0.1:{self.ports[0]}/", timeout=60)
        return msgspec.json.decode(answer.content, type=list[Taken])


@contextmanager
def endpoints(count: int) -> Iterator[Endpoints]:
    """Run so many endpoints in a process of their own."""
    command = [sys.executable, "-m", "tests.bench.endpoints", str(count)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        yield Endpoints(msgspec.json.decode(process.stdout.readline(), type=list[int]))
        process.stdin.close()


class _Endpoint:
    """What has come to one port."""

    def __init__(self) -> None:
        self.reset()
        self.open = 0

    def reset(self) -> None:
        self.arrived: list[tuple[float, bytes]] = []
        self.at_a_time_max = 0

    def taken(self) -> Taken:
        by_second = Counter(int(at) for at, _stamp in self.arrived)
        delays_s = [
            at - datetime.fromisoformat(stamp.decode()).timestamp() for at, stamp in self.arrived if stamp
        ]
        most = max(by_second.values(), default=0)
        return Taken(len(self.arrived), most, self.at_a_time_max, delays_s)


class _Connection(asyncio.Protocol):
    def __init__(self, all_of_them: list[_Endpoint], mine: _Endpoint) -> None:
        self._all = all_of_them
        self._mine = mine

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.WriteTransport", transport)  # uvloop has its own class
        self._parser = httptools.HttpRequestParser(self)

    def data_received(self, data: bytes) -> None:
        self._parser.feed_data(data)

    def on_message_begin(self) -> None:
        self._body = b""

    def on_url(self, url: bytes) -> None:
        self._path = url

    def on_body(self, body: bytes) -> None:
        if len(self._body) < _STAMP_WITHIN:
            self._body += body

    def on_message_complete(self) -> None:
        if self._parser.get_method() == b"GET":
            said = msgspec.json.encode([one.taken() for one in self._all])
            for one in self._all:
                one.reset()
            self._transport.write(b"HTTP/1.1 200 OK\r\ncontent-length: %d\r\n\r\n%b" % (len(said), said))
            return
        stamp = self._body[:_STAMP_WITHIN].partition(_STAMP)[2].partition(b'"')[0]
        self._mine.arrived.append((time.time(), stamp))
        self._mine.open += 1
        self._mine.at_a_time_max = max(self._mine.at_a_time_max, self._mine.open)
        if self._path.startswith(b"/slow"):
            asyncio.get_running_loop().call_later(_SLOW_S, self._answer)
        elif not self._path.startswith(b"/hang"):
            self._answer()

    def _answer(self) -> None:
        self._mine.open -= 1
        self._transport.write(_TAKEN)


async def _serve(count: int) -> None:
    loop = asyncio.get_running_loop()
    all_of_them = [_Endpoint() for _ in range(count)]
    ports: list[int] = []
    for mine in all_of_them:
        server = await loop.create_server(lambda mine=mine: _Connection(all_of_them, mine), "127.0.0.1", 0)  # type: ignore[misc]
        ports.append(server.sockets[0].getsockname()[1])
    print(msgspec.json.encode(ports).decode(), flush=True)
    ended = asyncio.Event()
    loop.add_reader(sys.stdin.fileno(), ended.set)
    await ended.wait()


if __name__ == "__main__":
    uvloop.run(_serve(int(sys.argv[1])))
