# ruff: noqa: RUF001 - look-alike characters are what this is about
"""The egress client against real servers on loopback: a canary that must never be reached, and hostile answers."""

from __future__ import annotations

import asyncio
import gzip
import socket
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime

import pytest
import trustme
from yarl import URL

from shared.errors import Retry
from shared.web.egress import UNREACHABLE, CheckedUrl, EgressPolicy, EgressRefused
from shared.web.egress_client import EgressLimits, EgressResponse
from shared.web.pooled_egress import AddressInfo, PooledEgressClient
from tests.support.fixed_clock import FixedClock

NOW = datetime(2026, 3, 1, 12, 0, 0, tzinfo=UTC)
ALLOWED = "127.0.0.2"
POLICY = EgressPolicy.parse(f"{ALLOWED}/32")
OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"

Exchange = Callable[[bytes, asyncio.StreamWriter], Awaitable[None]]


@dataclass
class FakeResolver:
    """Answers from a script: each look-up of a name takes its next answer, the last one stays."""

    script: dict[str, list[list[str]]]
    asked: list[str] = field(default_factory=list)

    async def __call__(self, host: str, port: int) -> Sequence[AddressInfo]:
        self.asked.append(host)
        answers = self.script.get(host)
        if answers is None:
            raise OSError(socket.EAI_NONAME, "Name or service not known")
        addresses = answers.pop(0) if len(answers) > 1 else answers[0]
        return [
            (
                socket.AF_INET6 if ":" in address else socket.AF_INET,
                socket.SOCK_STREAM,
                0,
                "",
                (address, port),
            )
            for address in addresses
        ]


@dataclass
class Server:
    port: int
    connections: int = 0
    requests: list[bytes] = field(default_factory=list)


@asynccontextmanager
async def serve(
    exchange: Exchange, sock: socket.socket | None = None, tls: ssl.SSLContext | None = None
) -> AsyncIterator[Server]:
    """Run `exchange` for every request of every connection."""
    server = Server(port=0)

    async def on_connect(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        server.connections += 1
        try:
            while True:
                head = await reader.readuntil(b"\r\n\r\n")
                length = int(head.lower().split(b"content-length:")[1].split(b"\r\n")[0])
                server.requests.append(head + await reader.readexactly(length))
                await exchange(head, writer)
                await writer.drain()
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
        finally:
            writer.close()

    where = {"sock": sock} if sock else {"host": ALLOWED, "port": 0}
    listener = await asyncio.start_server(on_connect, ssl=tls, **where)
    server.port = listener.sockets[0].getsockname()[1]
    try:
        yield server
    finally:
        listener.close()


def answering(raw: bytes) -> Exchange:
    async def exchange(_head: bytes, writer: asyncio.StreamWriter) -> None:
        writer.write(raw)

    return exchange


@asynccontextmanager
async def canary() -> AsyncIterator[Server]:
    """Listen on every address of this machine, both families; leave only if nobody came."""
    sock = socket.create_server(("", 0), family=socket.AF_INET6, dualstack_ipv6=True)
    async with serve(answering(OK), sock=sock) as server:
        yield server
        # The accept queue is in order: when this visit was counted, every earlier one was.
        _, writer = await asyncio.open_connection("127.0.0.1", server.port)
        writer.close()
        async with asyncio.timeout(300):
            while not server.connections:
                await asyncio.sleep(0.01)
        assert server.connections == 1, "the canary was reached"


@asynccontextmanager
async def client(
    *,
    policy: EgressPolicy = POLICY,
    names: dict[str, list[list[str]]] | None = None,
    limits: EgressLimits | None = None,
    tls: ssl.SSLContext | None = None,
) -> AsyncIterator[PooledEgressClient]:
    resolver = FakeResolver(names) if names is not None else None
    limits = limits or EgressLimits(total_s=300, connect_s=300)
    async with PooledEgressClient(
        policy, FixedClock(NOW), limits=limits, resolve=resolver, tls=tls
    ) as egress:
        yield egress


async def ask(raw: bytes, **limits: float) -> EgressResponse:
    async with serve(answering(raw)) as server, client(limits=EgressLimits(**limits)) as egress:  # type: ignore[arg-type]
        return await egress.post(f"http://{ALLOWED}:{server.port}/", b"{}", {})


SPELLED = [
    "\n127.0.0.1",
    "127.0.1",
    "127.1",
    "127.00.0.1",
    "127.000.000.001",
    "0127.0.0.1",
    "0177.0.0.1",
    "0177.0.1",
    "0177.1",
    "017700000001",
    "00177.0.0.1\n0177.00.00.01",
    "2130706433",
    "02130706433",
    "0x7f000001",
    "0X7F000001",
    "0x7f.0.0.1",
    "0x7f.1",
    "0x7F.0x0.0x0.0x1",
    "0x7f.0.1",
    "127.0.0x1\n127.0.0.0x1",
    "127.0x1",
    "0x7f.0.0.01",
    "0177.0x0.0.1",
    "127.0.0.01",
    "127.0.0.1.",
    "127.1.",
    "0x7f.1.",
    "2130706433.",
    "4294967295\n127.0.0.1..",
    "127.255.255.254",
    "0.0.0.0",
    "0",
    "0.0",
    "0x0",
    "00",
    "000.000.000.000",
    "0.",
    "127.0.0.256",
    "127.0.0.1.1",
    "4294967297\n127。0。0。1",
    "127．0．0．1",
    "127｡0｡0｡1",
    "１２７.0.0.1",
    "１２７．０．０．１",
    "①②⑦.⓪.⓪.①",
    "①②⑦.0.0.1",
    "⓪ⓧ⑦ⓕ.1",
    "𝟏𝟐𝟕.𝟎.𝟎.𝟏",
    "¹²⁷.⁰.⁰.¹",
    "127.0.0.₁",
    "127\xad.0.0.1\n127.0.0\u200b.1",
    "１27.1",
    "２130706433",
    "０x7f.1",
    "٠.٠.٠.٠",
    "١٢٧.0.0.1\n%31%32%37.0.0.1",
    "127%2e0%2e0%2e1",
    "%3127.0.0.1",
    "127.0.0.1%00",
    "127.0.0.1%20",
    "127.0.0.1%2f",
    "127.0.0.1%23",
    "%6c%6f%63%61%6c%68%6f%73%74\nlocalhost",
    "LOCALHOST",
    "LocalHost",
    "localhost.",
    "ⓛⓞⓒⓐⓛⓗⓞⓢⓣ",
    "ｌｏｃａｌｈｏｓｔ",
    "localhost%00\n[::1]",
    "[::]",
    "[0:0:0:0:0:0:0:1]",
    "[0000:0000:0000:0000:0000:0000:0000:0001]",
    "[::0001]",
    "[0::1]",
    "[::0:1]",
    "[0:0::1]",
    "[::0.0.0.1]\n[::ffff:127.0.0.1]",
    "[::FFFF:127.0.0.1]",
    "[::ffff:7f00:1]",
    "[::FFFF:7F00:0001]",
    "[0:0:0:0:0:ffff:7f00:1]",
    "[::ffff:0:127.0.0.1]\n[0:0:0:0:0:ffff:127.0.0.1]",
    "[::ffff:0.0.0.0]",
    "[::127.0.0.1]",
    "[::7f00:1]",
    "[64:ff9b::127.0.0.1]",
    "[64:ff9b::7f00:1]\n[64:ff9b:1::127.0.0.1]",
    "[2002:7f00:1::]",
    "[2002:7f00:0001::1]",
    "[2001:0:7f00:1::]",
    "[2001:0000:4136:e378:8000:63bf:80ff:fffe]\n[::1%lo]",
    "[::1%25lo]",
    "[::1%1]",
    "[::1%251]",
    "[fe80::1%lo]",
    "[fe80::1%25lo]",
    "[::ffff:127.0.0.1%lo]",
    "[fec0::1]",
    "[fd00::1]",
    "[fc00::1]\n[ff01::1]",
    "[ff02::1%lo]",
    "[::1.]",
    "[127.0.0.1]",
    "[0x7f.1]",
    "[::ffff:0x7f.1]",
    "[::ffff:127.1]",
    "[::ffff:0177.0.0.1]",
    "[2a00::5efe:7f00:1]\nuser@127.0.0.1",
    "user:pass@127.0.0.1",
    ":@127.0.0.1",
    "@127.0.0.1",
    "hooks.example@127.0.0.1",
    "hooks.example:443@127.0.0.1\nhooks.example%40@127.0.0.1",
    "127.0.0.1@127.0.0.1",
    "hooks.example\\@127.0.0.1",
    "127.0.0.1\\",
    "127.0.0.1\t",
    "hooks.example#@127.0.0.1\n169.254.169.254",
    "[::ffff:169.254.169.254]",
    "0xa9fea9fe",
    "2852039166",
    "0251.0376.0251.0376",
    "169.254.43518",
    "[fd00:ec2::254]\n10.0.0.1",
    "012.0.0.1",
    "10.1",
    "100.64.0.1",
    "100.100.100.200",
    "168.63.129.16",
    "172.16.0.1",
    "192.168.1.1",
    "192.168.257",
    "3232235777",
    "224.0.0.1\n255.255.255.255",
    "240.0.0.1",
    "198.18.0.1",
    "192.0.2.1",
    "198.51.100.1",
    "203.0.113.1",
    "192.88.99.1",
    "192.0.0.192\n",
]
SPELLINGS = sorted({spelling for line in SPELLED for spelling in line.split("\n") if spelling})


def test_there_are_many_spellings() -> None:
    assert len(SPELLINGS) >= 150


async def test_no_spelling_of_a_forbidden_address_reaches_the_canary() -> None:
    """The system's own resolver reads what is left; plain http is open in principle, so it is tried too."""
    async with canary() as target, client() as egress:
        for host in SPELLINGS:
            for scheme in ("http", "https"):
                with pytest.raises((EgressRefused, Retry)) as failed:
                    await egress.post(f"{scheme}://{host}:{target.port}/", b"{}", {})
                assert not {"127", "::1", "refused", str(target.port)} & set(str(failed.value).split())


@pytest.mark.parametrize(
    "address",
    [
        "127.0.0.1",
        "0.0.0.0",
        "127.255.255.254",
        "10.0.0.1",
        "169.254.169.254",
        "168.63.129.16",
        "::1",
        "::",
        "::ffff:127.0.0.1",
        "::ffff:7f00:1",
        "::127.0.0.1",
        "64:ff9b::7f00:1",
        "64:ff9b:1::7f00:1",
        "2002:7f00:1::",
        "2001:0:7f00:1::",
        "fe80::1",
        "fe80::1%lo",
        "fec0::1",
        "fd00::1",
        "127.1",
        "2130706433",
        "0x7f.1",
        "0177.0.0.1",
        "localhost",
    ],
)
@pytest.mark.parametrize("scheme", ["http", "https"])
async def test_a_name_that_leads_to_a_forbidden_address_is_refused(scheme: str, address: str) -> None:
    name = "127-0-0-1.nip.example"
    async with canary() as target, client(names={name: [[address]]}) as egress:
        with pytest.raises(EgressRefused, match=UNREACHABLE):
            await egress.post(f"{scheme}://{name}:{target.port}/", b"{}", {})


@pytest.mark.parametrize(
    "answers",
    [[ALLOWED, "127.0.0.1"], ["127.0.0.1", ALLOWED], [ALLOWED, "::1"], ["::ffff:127.0.0.1", ALLOWED]],
    ids=" ".join,
)
async def test_one_forbidden_address_among_good_ones_refuses_the_name(answers: list[str]) -> None:
    async with canary() as target, client(names={"mixed.example": [answers]}) as egress:
        with pytest.raises(EgressRefused):
            await egress.post(f"http://mixed.example:{target.port}/", b"{}", {})


async def test_a_name_that_changes_its_address_is_checked_at_every_connect() -> None:
    """Rebinding: the first look-up is good, the next one leads inside."""
    close = answering(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")
    names = {"rebind.example": [[ALLOWED], ["127.0.0.1"], [ALLOWED]]}
    async with serve(close) as good, client(names=names) as egress:
        url = f"http://rebind.example:{good.port}/"
        sock = socket.create_server(("127.0.0.1", good.port))
        async with serve(close, sock=sock) as inside:
            assert (await egress.post(url, b"{}", {})).delivered
            with pytest.raises(EgressRefused):
                await egress.post(url, b"{}", {})
            assert (await egress.post(url, b"{}", {})).delivered
            assert (good.connections, inside.connections) == (2, 0)


async def test_the_client_connects_to_the_address_that_was_checked() -> None:
    """The name leads elsewhere for everybody else: it is looked up once and not again by the dialling."""
    resolver = FakeResolver({"localhost": [[ALLOWED]]})
    async with (
        serve(answering(OK)) as server,
        PooledEgressClient(POLICY, FixedClock(NOW), resolve=resolver) as egress,
    ):
        assert (await egress.post(f"http://localhost:{server.port}/", b"{}", {})).delivered
        assert resolver.asked == ["localhost"]
        assert server.connections == 1


async def test_plain_http_to_a_public_address_is_refused_at_connect() -> None:
    async with client(names={"hooks.example": [["8.8.8.8"]]}) as egress:
        with pytest.raises(EgressRefused):
            await egress.post("http://hooks.example/", b"{}", {})


async def test_a_name_that_does_not_resolve_gives_the_same_text_as_a_forbidden_one() -> None:
    async with client(names={"empty.example": [[]]}) as egress:
        for name in ("nowhere.example", "empty.example"):
            with pytest.raises(Retry, match=UNREACHABLE):
                await egress.post(f"https://{name}/", b"{}", {})


@pytest.mark.parametrize("status", [300, 301, 302, 303, 307, 308])
@pytest.mark.parametrize(
    "path", ["http://127.0.0.1:{port}/", "//127.0.0.1:{port}/", "https://localhost:{port}/"]
)
async def test_a_redirect_is_a_failed_delivery_and_is_not_followed(status: int, path: str) -> None:
    async with canary() as target:
        location = path.format(port=target.port)
        raw = f"HTTP/1.1 {status} Elsewhere\r\nLocation: {location}\r\nContent-Length: 0\r\n\r\n"
        answer = await ask(raw.encode())
    assert answer.status == status
    assert not answer.delivered


async def test_the_request_arrives_unchanged_and_the_connection_is_reused() -> None:
    async with serve(answering(OK)) as server, client() as egress:
        for _ in range(3):
            url = f"http://{ALLOWED}:{server.port}/hook?a=b"
            answer = await egress.post(
                url, b'{"a":1}', {"webhook-id": "1", "content-type": "application/json"}
            )
    assert answer.status == 200
    assert answer.delivered
    assert answer.body_excerpt == b"ok"
    assert 0 <= answer.elapsed_s < 5
    assert answer.retry_after_s is None
    assert server.connections == 1
    head, body = server.requests[0].split(b"\r\n\r\n")
    assert head.startswith(b"POST /hook?a=b HTTP/1.1\r\n")
    assert b"webhook-id: 1\r\n" in head
    assert b"Accept-Encoding: identity" in head
    assert body == b'{"a":1}'


async def test_cookies_and_proxy_variables_are_ignored(monkeypatch: pytest.MonkeyPatch) -> None:
    raw = b"HTTP/1.1 200 OK\r\nSet-Cookie: a=b\r\nContent-Length: 0\r\n\r\n"
    async with canary() as proxy, serve(answering(raw)) as server, client() as egress:
        for variable in ("http_proxy", "HTTP_PROXY", "ALL_PROXY"):
            monkeypatch.setenv(variable, f"http://127.0.0.1:{proxy.port}")
        for _ in range(2):
            await egress.post(f"http://{ALLOWED}:{server.port}/", b"{}", {})
    assert not any(b"cookie" in request.lower() for request in server.requests)


@pytest.mark.parametrize(
    "length", ["Content-Length: 1000000000000", "Transfer-Encoding: chunked", "X: until-eof"]
)
async def test_an_endless_response_body_is_cut(length: str) -> None:
    sent = 0

    async def flood(_head: bytes, writer: asyncio.StreamWriter) -> None:
        nonlocal sent
        writer.write(f"HTTP/1.1 200 OK\r\n{length}\r\n\r\n".encode())
        chunk = b"x" * 4096
        framed = b"1000\r\n" + chunk + b"\r\n" if "chunked" in length else chunk
        while not writer.is_closing():
            writer.write(framed)
            await writer.drain()
            sent += len(chunk)

    async with serve(flood) as server, client(limits=EgressLimits(response_bytes_max=1000)) as egress:
        answer = await egress.post(f"http://{ALLOWED}:{server.port}/", b"{}", {})
        seen = sent
    assert answer.delivered
    assert answer.body_excerpt == b"x" * 1000
    assert seen < 64 * 1024 * 1024


async def test_a_compressed_body_is_not_decompressed() -> None:
    bomb = gzip.compress(bytes(50_000_000))
    head = f"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: {len(bomb)}\r\n\r\n"
    answer = await ask(head.encode() + bomb)
    assert answer.body_excerpt == bomb[: 16 * 1024]


async def test_a_body_that_never_ends_does_not_change_the_status() -> None:
    answer = await ask(b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhalf", total_s=3.0)
    assert answer.delivered
    assert answer.body_excerpt == b"half"


@pytest.mark.parametrize("begun", [b"", b"HTTP/1.1 200 OK\r\nX: ", b"HTTP/1.1 100 Continue\r\n\r\n"])
async def test_a_missing_response_raises_retry(begun: bytes) -> None:
    with pytest.raises(Retry, match="in time"):
        await ask(begun, total_s=0.3)


@pytest.mark.parametrize(
    "raw",
    [
        b"SSH-2.0-OpenSSH_9.6\r\n",
        b"HTTP/1.1 banana\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nX: " + b"y" * 100_000 + b"\r\n\r\n",
    ],
)
async def test_a_response_that_is_not_http_raises_retry(raw: bytes) -> None:
    with pytest.raises(Retry, match="not valid HTTP"):
        await ask(raw)


async def test_a_connection_closed_without_a_response_raises_retry() -> None:
    async def hang_up(_head: bytes, writer: asyncio.StreamWriter) -> None:
        writer.close()

    async with serve(hang_up) as server, client() as egress:
        with pytest.raises(Retry, match="lost"):
            await egress.post(f"http://{ALLOWED}:{server.port}/", b"{}", {})


async def test_a_closed_port_raises_retry() -> None:
    with socket.create_server((ALLOWED, 0)) as closed:
        port = closed.getsockname()[1]
    async with client() as egress:
        with pytest.raises(Retry, match="could not be made"):
            await egress.post(f"http://{ALLOWED}:{port}/", b"{}", {})


@pytest.mark.parametrize(
    ("header", "seconds"),
    [
        ("120", 120.0),
        ("0", 0.0),
        ("Sun, 01 Mar 2026 12:01:30 GMT", 90.0),
        ("Sun, 01 Mar 2026 11:00:00 GMT", 0.0),
        ("9" * 1000, 86_400.0),
        ("Sun, 01 Mar 2099 11:00:00 GMT", 86_400.0),
        ("-5", None),
        ("soon", None),
        ("+9999999999 Feb 25:61:99 99999 GMT", None),
        ("²", None),
    ],
)
async def test_retry_after_is_parsed_in_both_forms_and_bounded(header: str, seconds: float | None) -> None:
    raw = f"HTTP/1.1 503 Busy\r\nRetry-After: {header}\r\nContent-Length: 0\r\n\r\n"
    answer = await ask(raw.encode())
    assert (answer.status, answer.retry_after_s) == (503, seconds)


async def test_one_host_gets_a_bounded_number_of_connections() -> None:
    all_connected = asyncio.Event()

    async def hold_until_all_are_connected(_head: bytes, writer: asyncio.StreamWriter) -> None:
        if server.connections == limits.connections_per_host_max:
            all_connected.set()
        await all_connected.wait()
        writer.write(OK)

    limits = EgressLimits(total_s=300, connections_per_host_max=3)
    async with serve(hold_until_all_are_connected) as server, client(limits=limits) as egress:
        url = f"http://{ALLOWED}:{server.port}/"
        answers = await asyncio.gather(*(egress.post(url, b"{}", {}) for _ in range(20)))
    assert all(answer.delivered for answer in answers)
    assert server.connections == 3


@dataclass
class Certificates:
    server: ssl.SSLContext
    trusting: ssl.SSLContext


@pytest.fixture(scope="module")
def certificates() -> Certificates:
    authority = trustme.CA()
    server = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("hooks.example").configure_cert(server)
    trusting = ssl.create_default_context()
    authority.configure_trust(trusting)
    return Certificates(server, trusting)


async def test_https_connects_to_the_checked_address_and_verifies_the_certificate_name(
    certificates: Certificates,
) -> None:
    names = {"hooks.example": [[ALLOWED]], "other.example": [[ALLOWED]]}
    async with (
        serve(answering(OK), tls=certificates.server) as server,
        client(names=names, tls=certificates.trusting) as egress,
    ):
        assert (await egress.post(f"https://hooks.example:{server.port}/", b"{}", {})).delivered
        with pytest.raises(Retry, match="certificate"):
            await egress.post(f"https://other.example:{server.port}/", b"{}", {})


async def test_an_untrusted_certificate_is_refused(certificates: Certificates) -> None:
    async with (
        serve(answering(OK), tls=certificates.server) as server,
        client(names={"hooks.example": [[ALLOWED]]}) as egress,
    ):
        with pytest.raises(Retry, match="certificate"):
            await egress.post(f"https://hooks.example:{server.port}/", b"{}", {})
        assert server.requests == []


class TextBlindPolicy(EgressPolicy):
    """Lets the text of every URL pass, so that only the check at the socket protects."""

    def check_url(self, url: str) -> CheckedUrl:
        return CheckedUrl(URL(url))


@pytest.mark.parametrize("scheme", ["http", "https"])
@pytest.mark.parametrize(
    "host",
    ["127.0.0.1", "[::1]", "[::ffff:127.0.0.1]", "127.1", "2130706433", "0x7f.1", "0177.0.0.1", "localhost"],
)
async def test_the_check_at_the_socket_alone_refuses_forbidden_addresses(scheme: str, host: str) -> None:
    async with canary() as target, client(policy=TextBlindPolicy(POLICY.allow)) as egress:
        with pytest.raises((EgressRefused, Retry)):
            await egress.post(f"{scheme}://{host}:{target.port}/", b"{}", {})
