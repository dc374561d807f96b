"""A webhook endpoint that is never the bottleneck: counts requests and answers at once.

`python -m tests.bench.receiver` prints its port and serves until its standard input ends; `GET` says the count.
"""

from __future__ import annotations

import asyncio
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import cast

import httptools
import httpx
import uvloop

_TAKEN = b"HTTP/1.1 204 No Content\r\n\r\n"


class _Connection(asyncio.Protocol):
    taken = 0

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.WriteTransport", transport)  # uvloop has its own class
        self._parser = httptools.HttpRequestParser(self)

    def data_received(self, data: bytes) -> None:
        self._parser.feed_data(data)

    def on_message_complete(self) -> None:
        if self._parser.get_method() == b"GET":
            said = str(_Connection.taken).encode()
            self._transport.write(b"HTTP/1.1 200 OK\r\ncontent-length: %d\r\n\r\n%b" % (len(said), said))
            return
        _Connection.taken += 1
        self._transport.write(_TAKEN)


def posts_taken(url: str) -> int:
    """Return how many requests the endpoint at `url` has taken."""
    return int(httpx.get(url, timeout=10).text)


@contextmanager
def receiving() -> Iterator[str]:
    """Run a receiver in a process of its own; give its URL."""
    command = [sys.executable, "-m", "tests.bench.receiver"]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        yield f"http://127.0.0.1:{int(process.stdout.readline())}/hook"
        process.stdin.close()


async def _serve() -> None:
    loop = asyncio.get_running_loop()
    server = await loop.create_server(_Connection, "127.0.0.1", 0)
    print(server.sockets[0].getsockname()[1], flush=True)
    ended = asyncio.Event()
    loop.add_reader(sys.stdin.fileno(), ended.set)
    await ended.wait()


if __name__ == "__main__":
    uvloop.run(_serve())
