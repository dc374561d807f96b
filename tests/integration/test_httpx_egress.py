"""The httpx2 client under the egress policy, against real servers on loopback."""

from __future__ import annotations

import asyncio
import socket
import ssl
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager

import httpx2
import pytest
import trustme

from shared.web.egress import UNREACHABLE, EgressPolicy, EgressRefused
from shared.web.httpx_egress import egress_client

ALLOWED = "127.0.0.2"
POLICY = EgressPolicy.parse(f"{ALLOWED}/32")
OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"

# Ways to write loopback, private, mapped and metadata addresses; `{port}` is the canary's.
FORBIDDEN = [
    "127.0.0.1",
    "127.1",
    "127.0.1",
    "0177.0.0.1",
    "0x7f.0.0.1",
    "0x7f000001",
    "2130706433",
    "017700000001",
    "0",
    "0.0.0.0",
    "127.0.0.1.",
    "127。0。0。1",
    "①②⑦.0.0.1",
    "[::1]",
    "[::]",
    "[::ffff:127.0.0.1]",
    "[::ffff:7f00:1]",
    "[64:ff9b::7f00:1]",
    "[fe80::1%25lo]",
    "169.254.169.254",
    "10.0.0.1",
    "localhost",
    "LOCALHOST",
    "user@127.0.0.1",
    "127.0.0.2@127.0.0.1",
]


class FakeServer:
    """Sends `replies` in turn, the last one again and again; an empty reply closes the connection."""

    def __init__(self, replies: Sequence[bytes] = (OK,), *, keep_alive: bool = True) -> None:
        self.port = 0
        self.connections = 0
        self.requests: list[bytes] = []
        self._replies = list(replies)
        self._keep_alive = keep_alive

    async def handle(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        try:
            while True:
                self.requests.append(await reader.readuntil(b"\r\n\r\n"))
                reply = self._replies.pop(0) if len(self._replies) > 1 else self._replies[0]
                if not reply:
                    break
                writer.write(reply)
                await writer.drain()
                if not self._keep_alive:
                    break
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
        finally:
            writer.close()


@asynccontextmanager
async def serve(server: FakeServer, tls: ssl.SSLContext | None = None) -> AsyncIterator[FakeServer]:
    listener = await asyncio.start_server(server.handle, ALLOWED, 0, ssl=tls)
    server.port = listener.sockets[0].getsockname()[1]
    yield server
    listener.close()


@pytest.fixture
async def canary() -> AsyncIterator[FakeServer]:
    """Listens on every address of this machine; fails the test if anybody connects."""
    server = FakeServer()
    sock = socket.create_server(("", 0), family=socket.AF_INET6, dualstack_ipv6=True)
    listener = await asyncio.start_server(server.handle, sock=sock)
    server.port = listener.sockets[0].getsockname()[1]
    yield server
    # Connections are accepted in order: when this one was counted, every earlier one was.
    _, writer = await asyncio.open_connection("127.0.0.1", server.port)
    async with asyncio.timeout(30):
        while not server.connections:
            await asyncio.sleep(0.01)
    writer.close()
    listener.close()
    assert server.connections == 1, "the canary was reached"


class Names:
    """Resolves these names only (`_` stands for a dot), and counts how often it was asked."""

    def __init__(self, **addresses: Sequence[str]) -> None:
        self.addresses = addresses
        self.asked = 0

    async def __call__(self, host: str, _port: int) -> Sequence[str]:
        self.asked += 1
        found = self.addresses.get(host.replace(".", "_"))
        if found is None:
            raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")
        return found


async def get(base_url: str, path: str = "/x", **options) -> httpx2.Response:
    client = egress_client(options.pop("policy", POLICY), base_url, connections_max=4, **options)
    async with asyncio.timeout(30), client:
        return await client.get(path)


@pytest.mark.parametrize("scheme", ["http", "https"])
@pytest.mark.parametrize("host", FORBIDDEN)
async def test_a_forbidden_address_is_never_dialled_however_it_is_spelled(canary, scheme, host):
    with pytest.raises((EgressRefused, httpx2.ConnectError, httpx2.InvalidURL)):
        await get(f"{scheme}://{host}:{canary.port}")


@pytest.mark.parametrize(
    "addresses",
    [["127.0.0.1"], ["::1"], [ALLOWED, "127.0.0.1"], ["127.0.0.1", ALLOWED], ["::ffff:127.0.0.1"], ["127.1"]],
    ids=str,
)
async def test_a_name_with_one_forbidden_address_is_refused_as_a_whole(canary, addresses):
    with pytest.raises(httpx2.ConnectError, match=UNREACHABLE):
        await get(f"http://vendor.example:{canary.port}", resolve=Names(vendor_example=addresses))


async def test_a_name_is_resolved_and_checked_again_for_every_connection(canary):
    """DNS rebinding: a name that was harmless before is refused when it points inside later."""
    async with serve(FakeServer([OK.replace(b"\r\n\r\n", b"\r\nConnection: close\r\n\r\n")])) as server:
        resolve = Names(vendor_example=[ALLOWED])
        async with egress_client(
            POLICY, f"http://vendor.example:{server.port}", connections_max=4, resolve=resolve
        ) as client:
            assert (await client.get("/x")).status_code == 200
            resolve.addresses["vendor_example"] = ["127.0.0.1"]
            with pytest.raises(httpx2.ConnectError, match=UNREACHABLE):
                await client.get("/x")


async def test_plain_http_reaches_allowed_networks_only():
    with pytest.raises(EgressRefused, match="https"):
        await get("http://vendor.example", policy=EgressPolicy())
    with pytest.raises(httpx2.ConnectError, match=UNREACHABLE):
        await get("http://vendor.example", resolve=Names(vendor_example=["8.8.8.8"]))


async def test_a_name_that_does_not_resolve_is_a_connect_error():
    with pytest.raises(httpx2.ConnectError):
        await get("http://nowhere.example", resolve=Names())


async def test_the_next_address_is_tried_when_one_does_not_answer():
    async with serve(FakeServer()) as server:
        policy = EgressPolicy.parse("127.0.0.0/8")
        found = Names(vendor_example=["127.0.0.3", ALLOWED])
        answer = await get(f"http://vendor.example:{server.port}", policy=policy, resolve=found)
    assert answer.content == b"ok"


async def test_a_base_url_keeps_its_path_and_the_host_header_names_the_host():
    async with serve(FakeServer()) as server:
        url = f"http://vendor.example:{server.port}/base"
        await get(url, "/v2/find", resolve=Names(vendor_example=[ALLOWED]))
        (request,) = server.requests
    assert request.startswith(b"GET /base/v2/find HTTP/1.1\r\n")
    assert f"host: vendor.example:{server.port}".encode() in request.lower()


async def test_a_redirect_is_an_answer_and_is_not_followed(canary):
    location = f"HTTP/1.1 302 Found\r\nLocation: http://127.0.0.1:{canary.port}/\r\nContent-Length: 0\r\n\r\n"
    async with serve(FakeServer([location.encode()])) as server:
        assert (await get(f"http://{ALLOWED}:{server.port}")).status_code == 302
    assert len(server.requests) == 1


async def test_the_proxy_of_the_environment_is_not_used(canary, monkeypatch):
    for name in ("http_proxy", "HTTP_PROXY", "ALL_PROXY"):
        monkeypatch.setenv(name, f"http://127.0.0.1:{canary.port}")
    async with serve(FakeServer()) as server:
        assert (await get(f"http://{ALLOWED}:{server.port}")).status_code == 200


async def test_tls_verifies_the_name_of_the_host_not_the_address():
    authority = trustme.CA()
    server_tls, client_tls = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH), ssl.create_default_context()
    authority.issue_cert("vendor.example").configure_cert(server_tls)
    authority.configure_trust(client_tls)
    found = Names(vendor_example=[ALLOWED], other_example=[ALLOWED])
    async with serve(FakeServer(), server_tls) as server:
        answer = await get(f"https://vendor.example:{server.port}", resolve=found, tls=client_tls)
        assert answer.content == b"ok"
        with pytest.raises(httpx2.ConnectError, match="certificate"):
            await get(f"https://other.example:{server.port}", resolve=found, tls=client_tls)
        with pytest.raises(httpx2.ConnectError, match="certificate"):
            await get(f"https://vendor.example:{server.port}", resolve=found)


async def test_requests_one_after_the_other_share_a_connection():
    found = Names(vendor_example=[ALLOWED])
    async with (
        serve(FakeServer()) as server,
        egress_client(
            POLICY, f"http://vendor.example:{server.port}", connections_max=4, resolve=found
        ) as client,
    ):
        for _ in range(5):
            assert (await client.get("/x")).content == b"ok"
    assert (server.connections, found.asked) == (1, 1)


async def test_of_many_connections_only_so_many_are_kept():
    async with (
        serve(FakeServer()) as server,
        egress_client(POLICY, f"http://{ALLOWED}:{server.port}", connections_max=2) as client,
    ):
        await asyncio.gather(*(client.get("/x") for _ in range(6)))
        connections = server.connections
        await asyncio.gather(*(client.get("/x") for _ in range(2)))
        assert server.connections == connections


@pytest.mark.parametrize(("method", "status"), [("GET", 200), ("POST", None)])
async def test_only_a_get_is_sent_again_when_an_idle_connection_was_just_closed(method, status):
    """The server takes the request and closes without an answer; a POST may have had an effect by then."""
    async with (
        serve(FakeServer([OK, b"", OK])) as server,
        egress_client(POLICY, f"http://{ALLOWED}:{server.port}", connections_max=2) as client,
    ):
        assert (await client.request(method, "/x")).status_code == 200
        if status is None:
            with pytest.raises(httpx2.RemoteProtocolError):
                await client.request(method, "/x")
        else:
            assert (await client.request(method, "/x")).status_code == status
    assert server.connections == (1 if status is None else 2)


@pytest.mark.parametrize(
    "reply", [b"nonsense\r\n\r\n", b"", b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nhalf"]
)
async def test_an_answer_that_is_not_http_or_breaks_off_is_an_error_of_httpx2(reply):
    async with serve(FakeServer([reply], keep_alive=False)) as server:
        with pytest.raises(httpx2.RemoteProtocolError):
            await get(f"http://{ALLOWED}:{server.port}")


async def test_a_request_that_is_cancelled_gives_its_connection_up():
    async with (
        serve(FakeServer([b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nhalf", OK])) as server,
        egress_client(POLICY, f"http://{ALLOWED}:{server.port}", connections_max=2) as client,
    ):
        cancelled = asyncio.create_task(client.get("/x"))
        async with asyncio.timeout(30):
            while not server.requests:
                await asyncio.sleep(0.01)
        cancelled.cancel()
        with pytest.raises(asyncio.CancelledError):
            await cancelled
        assert (await client.get("/x")).content == b"ok"
    assert server.connections == 2
