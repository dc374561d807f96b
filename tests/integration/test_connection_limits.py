"""What a client may hold of a server, over real sockets; meanwhile others are answered as if it were not there.

A request beside an attack is compared with the same request before it, by a generous factor: that says whether
the event loop was held up, on a slow machine too.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable
from contextlib import asynccontextmanager, suppress
from dataclasses import replace
from typing import ClassVar

import pytest
from starlette.applications import Starlette
from starlette.requests import ClientDisconnect, Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route

from shared.web.connection_limits import ConnectionLimits
from shared.web.server import HttpServer, connections_for

PATIENCE_S = 60.0
GENEROUS = ConnectionLimits(headers_s=PATIENCE_S, body_s=PATIENCE_S, idle_s=PATIENCE_S)
BRIEF_S = 0.3
STALL_S_MAX = 2.0
KIB = 1024


async def echo(request: Request) -> Response:
    try:
        body = await request.body()
    except ClientDisconnect:
        return PlainTextResponse("gone")
    return PlainTextResponse(str(len(body)))


async def early(_request: Request) -> Response:
    """Answer without the body."""
    return PlainTextResponse("no", 401)


@asynccontextmanager
async def serving(limits: ConnectionLimits) -> AsyncIterator[int]:
    """Serve, and yield the port."""
    app = Starlette(
        routes=[Route("/", echo, methods=["GET", "POST"]), Route("/early", early, methods=["POST"])]
    )
    server = HttpServer(app, host="127.0.0.1", port=0, port_field="http_port", drain_s=1, limits=limits)
    await server.start()
    try:
        async with asyncio.timeout(PATIENCE_S * 2):
            yield server.port
    finally:
        await server.stop()


class Client:
    """A connection that sends what it is told, byte for byte."""

    opened: ClassVar[list[Client]] = []

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader, self.writer = reader, writer
        self.opened.append(self)

    @classmethod
    async def connect(cls, port: int) -> Client:
        return cls(*await asyncio.open_connection("127.0.0.1", port))

    async def send(self, data: bytes) -> None:
        self.writer.write(data)
        with suppress(ConnectionError):
            await self.writer.drain()

    async def status(self) -> int | None:
        """Return the status of the next response, None if the connection ended without one."""
        with suppress(ConnectionError, asyncio.IncompleteReadError):
            head = await self.reader.readuntil(b"\r\n\r\n")
            length = next(
                int(line.split(b":")[1])
                for line in head.lower().splitlines()
                if line.startswith(b"content-length")
            )
            self.body = await self.reader.readexactly(length)
            self.head = head
            return int(head.split()[1])
        return None

    async def is_closed(self) -> bool:
        """Wait until the server ends the connection."""
        with suppress(ConnectionError):
            while await self.reader.read(KIB):
                pass
        return True

    def close(self) -> None:
        self.writer.close()


@pytest.fixture(autouse=True)
async def _close_clients() -> AsyncIterator[None]:
    yield
    for client in Client.opened:
        client.close()
    Client.opened.clear()


def post(path: str = "/", length: int = 2, body: bytes = b"") -> bytes:
    return f"POST {path} HTTP/1.1\r\nhost: a\r\ncontent-length: {length}\r\n\r\n".encode() + body


GET = b"GET / HTTP/1.1\r\nhost: a\r\n\r\n"


async def others_are_answered(port: int, until: Awaitable[object]) -> None:
    """Send requests on one connection until something is done; none waits for the event loop for long."""
    done = asyncio.ensure_future(until)
    client = await Client.connect(port)
    longest = 0.0
    while not done.done():
        began = time.monotonic()
        await client.send(GET)
        assert await client.status() == 200
        longest = max(longest, time.monotonic() - began)
        await asyncio.sleep(0.01)
    client.close()
    await done
    print(f"longest wait of another request: {longest * 1000:.0f} ms")
    assert longest < STALL_S_MAX


@pytest.mark.parametrize("count", [1, 3])
async def test_requests_in_one_packet_and_on_one_connection_are_answered(count: int):
    async with serving(GENEROUS) as port:
        client = await Client.connect(port)
        for _ in range(2):
            await client.send(post(body=b"hi") * count)
            assert [await client.status() for _ in range(count)] == [200] * count
            assert client.body == b"2"


@pytest.mark.parametrize("size", [1, 10_000, 60_000])
async def test_headers_up_to_the_bound_pass(size: int):
    async with serving(GENEROUS) as port:
        client = await Client.connect(port)
        await client.send(GET[:-2] + b"x: " + b"a" * size + b"\r\n\r\n")
        assert await client.status() == 200


@pytest.mark.parametrize(
    "start",
    [
        GET[:-2] + b"x: ",
        b"GET /",
        GET[:-2],
        b"\r\n",
        b"POST / HTTP/1.1\r\nhost: a\r\ntransfer-encoding: chunked\r\n\r\n1;",
        b"POST / HTTP/1.1\r\nhost: a\r\ntransfer-encoding: chunked\r\n\r\n0\r\nx: ",
    ],
    ids=["value", "path", "lines", "empty lines", "chunk extension", "trailer"],
)
async def test_headers_without_end_are_refused(start: bytes):
    more = {GET[:-2]: b"x: a\r\n" * 4_000, b"\r\n": b"\r\n" * 8_000}.get(start, b"a" * 24_000)

    async def attack(port: int) -> None:
        client = await Client.connect(port)
        await client.send(start)
        for _ in range(40):
            await client.send(more)
        assert await client.status() in (431, 400)
        client.close()

    async with serving(GENEROUS) as port:
        await others_are_answered(port, attack(port))


async def test_headers_of_many_megabytes_stall_nobody():
    async def attack(port: int) -> None:
        client = await Client.connect(port)
        await client.send(GET[:-2] + b"x: ")
        for _ in range(60):
            await client.send(b"a" * 1024 * KIB)
        assert await client.status() == 431
        assert b"urn:baton:problem:headers-too-large" in client.body
        client.close()

    async with serving(GENEROUS) as port:
        await others_are_answered(port, attack(port))


async def test_headers_that_do_not_end_in_time_are_answered_408():
    async with serving(replace(GENEROUS, headers_s=BRIEF_S)) as port:
        client = await Client.connect(port)
        await client.send(GET[:-2])
        assert await client.status() == 408
        assert await client.is_closed()


async def test_each_byte_of_the_headers_does_not_extend_their_time():
    async with serving(replace(GENEROUS, headers_s=BRIEF_S)) as port:
        client = await Client.connect(port)

        async def trickle() -> None:
            for byte in GET[:-2] + b"x: a" * 1_000:
                await client.send(bytes([byte]))
                await asyncio.sleep(BRIEF_S / 10)

        trickling = asyncio.create_task(trickle())
        assert await client.status() == 408
        trickling.cancel()


@pytest.mark.parametrize("body", [b"", b"h"])
async def test_a_body_that_does_not_end_in_time_is_answered_408(body: bytes):
    async with serving(replace(GENEROUS, body_s=BRIEF_S)) as port:
        client = await Client.connect(port)
        await client.send(post(body=body))
        assert await client.status() == 408
        assert await client.is_closed()


async def test_a_body_that_nobody_reads_has_to_end_in_time_too():
    async with serving(replace(GENEROUS, body_s=BRIEF_S)) as port:
        client = await Client.connect(port)
        await client.send(post("/early", 1_000, b"a"))
        assert await client.status() == 401
        assert await client.is_closed()


@pytest.mark.parametrize("requests", [0, 1])
async def test_an_idle_connection_is_closed(requests: int):
    async with serving(replace(GENEROUS, idle_s=BRIEF_S)) as port:
        client = await Client.connect(port)
        for _ in range(requests):
            await client.send(GET)
            assert await client.status() == 200
        assert await client.is_closed()


async def test_beyond_the_bound_the_connection_that_is_idle_longest_is_dropped():
    async with serving(replace(GENEROUS, connections=4)) as port:
        busy = await Client.connect(port)
        await busy.send(post()[:-2])
        first, second, third = [await Client.connect(port) for _ in range(3)]
        await second.send(GET)
        assert await second.status() == 200
        fifth = await Client.connect(port)
        assert await first.is_closed()
        for client in (second, third, fifth):
            await client.send(GET)
            assert await client.status() == 200
        await busy.send(b"\r\nhi")
        assert await busy.status() == 200


@pytest.mark.parametrize("start", [GET[:-2], post(length=10, body=b"h")], ids=["headers", "body"])
async def test_beyond_the_bound_unfinished_requests_make_room_too(start: bytes):
    async with serving(replace(GENEROUS, connections=4)) as port:
        clients = [await Client.connect(port) for _ in range(4)]
        for client in clients:
            await client.send(start)
        await asyncio.sleep(0.1)
        newest = await Client.connect(port)
        await newest.send(GET)
        assert await newest.status() == 200
        assert await clients[0].is_closed()


async def test_a_thousand_idle_connections_keep_nobody_out():
    async with serving(replace(GENEROUS, connections=100)) as port:

        async def attack() -> None:
            for _ in range(1_000):
                await Client.connect(port)

        await others_are_answered(port, attack())


async def test_unfinished_bodies_hold_a_bounded_number_of_bytes():
    limits = replace(GENEROUS, unfinished_bytes=1024 * KIB)
    async with serving(limits) as port:
        clients: list[Client] = []

        async def attack() -> None:
            for _ in range(60):
                clients.append(await Client.connect(port))
                await clients[-1].send(post(length=128 * KIB, body=b"a" * 100 * KIB))

        await others_are_answered(port, attack())
        assert await clients[0].status() == 503
        assert b"retry-after: 5" in clients[0].head
        newest = await Client.connect(port)
        await newest.send(post(length=200 * KIB, body=b"a" * 200 * KIB))
        assert await newest.status() == 200


@pytest.mark.parametrize(
    ("descriptors", "connections"), [(1_024, 448), (65_536, 32_704), (100, 8), (1_048_576, 524_224)]
)
def test_connections_leave_descriptors_for_everything_else(descriptors: int, connections: int):
    assert connections_for(descriptors) == connections
