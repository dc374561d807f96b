"""Abuse beside a normal lead: whatever a stranger sends, a lead posted meanwhile is accepted and routed.

How long such a lead takes is printed; `make bench` measures speed. Here it only has to arrive within a generous
time, and no process may end, stop being ready for good, or set aside what the gateway accepted.
"""

from __future__ import annotations

import asyncio
import json
import socket
import threading
import time
import uuid
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from typing import Any

import httpx
import pytest
from aiokafka import AIOKafkaProducer

from shared.messaging.manifest import LEADS_RECEIVED, MIB
from tests.support.api import Api, eventually
from tests.support.topology import RoleProcess, Topology

WITHIN_S = 120.0
CONTROL = "\x01"
LARGE_BYTES = int(15.9 * MIB)
RSS_MIB_MAX = 360
"""Of a role that reads records of 16 MiB, however many; compose gives it 512."""


def fresh() -> str:
    return f"t{uuid.uuid4().hex[:12]}"


def post_normal_lead(api: Api) -> tuple[dict[str, Any], float]:
    """Post a lead that fits, wait until it is routed; return its view and how long that took in seconds."""
    began = time.monotonic()
    lead = {
        "person": {"email": f"ada@{fresh()}.example", "title": "VP Sales"},
        "company": {"employees": 300, "industry": "software", "country": "US"},
    }
    view = api.settled(api.post_lead(lead), within_s=WITHIN_S)
    return view, time.monotonic() - began


@contextmanager
def beside_normal_leads(topology: Topology, api: Api, what: str) -> Iterator[None]:
    """Post one lead after the other while the body runs, and one after it; all have to be routed."""
    over = threading.Event()
    failures: list[BaseException] = []
    took_s: list[float] = []

    def go_on() -> None:
        try:
            with topology.client() as http:
                own = Api(http)
                while not took_s or not over.is_set():
                    view, seconds = post_normal_lead(own)
                    assert view["status"] == "routed", view
                    took_s.append(seconds)
        except BaseException as error:  # noqa: BLE001 - it is raised in the test's own thread
            failures.append(error)

    thread = threading.Thread(target=go_on)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join()
    if failures:
        raise AssertionError(f"a lead beside {what} was not routed\n{topology.log_tails()}") from failures[0]
    view, after_s = post_normal_lead(api)
    assert view["status"] == "routed"
    print(f"{what}: {len(took_s)} leads beside it, the slowest {max(took_s):.2f} s; after it {after_s:.2f} s")
    assert all(process.running for process in topology.processes), topology.log_tails()


def dead_letters(api: Api) -> list[dict[str, Any]]:
    return api.http.get("/v1/dead-letters", params={"limit": "200"}).json()["data"]


@pytest.fixture(autouse=True)
def _nothing_accepted_is_set_aside(api: Api) -> Iterator[None]:
    """Whatever was answered 202 is processed: there are no dead letters but those of outside producers."""
    before = {letter["id"] for letter in dead_letters(api)}
    yield
    new = [letter for letter in dead_letters(api) if letter["id"] not in before]
    assert {letter["kind"] for letter in new} <= {"oversized", "json", "schema"}, new[:3]
    assert {letter["event_id"] for letter in new} <= {""}, "those of outside producers have no event id"


def send(url: str, *parts: bytes) -> socket.socket:
    """Open a connection and send; whatever the server does, return the socket."""
    parsed = httpx.URL(url)
    connection = socket.create_connection((parsed.host, parsed.port), timeout=30)
    with suppress(OSError):
        for part in parts:
            connection.sendall(part)
    return connection


HOOK = b"POST /hooks/forms/website HTTP/1.1\r\nhost: baton\r\ncontent-type: application/json\r\n"


def test_lists_of_signals_about_accounts_that_nobody_can_find(topology: Topology, api: Api):
    signal = {"type": "funding_round", "occurred_at": "2026-11-01T09:00:00Z", "account": {"name": "!!!"}}
    with beside_normal_leads(topology, api, "3,000 signals"):
        for _ in range(3):
            answer = api.http.post("/v1/signals", json=[signal] * 1_000)
            assert answer.status_code == 422, answer.text[:300]


def test_forms_that_grow_when_they_are_encoded(topology: Topology, api: Api):
    answers: set[int] = set()
    with beside_normal_leads(topology, api, "520 forms of control characters"), httpx.Client() as stranger:
        for number in range(520):
            fields = {"email": f"{fresh()}@{fresh()}.example", "q": f"{number}" + CONTROL * 60_000}
            url = f"{topology.url}/hooks/forms/website"
            files = {name: (None, value) for name, value in fields.items()}
            answers.add(stranger.post(url, files=files, timeout=120).status_code)
    assert answers <= {202, 413, 422, 429}


def test_unfinished_bodies(topology: Topology, api: Api):
    with ExitStack() as opened, beside_normal_leads(topology, api, "600 unfinished bodies"):
        for _ in range(600):
            head = HOOK + b"content-length: 1000000\r\n\r\n"
            opened.enter_context(send(topology.url, head, b"a" * 250_000))


def test_idle_connections(topology: Topology, api: Api):
    with ExitStack() as opened, beside_normal_leads(topology, api, "1,000 idle connections"):
        for _ in range(1_000):
            with suppress(OSError):  # the test itself may have too few descriptors
                opened.enter_context(send(topology.url))


def test_headers_without_end(topology: Topology, api: Api):
    with beside_normal_leads(topology, api, "headers of 60 MB"), ExitStack() as opened:
        for start in (b"GET / HTTP/1.1\r\nx: ", b"GET /", HOOK):
            opened.enter_context(send(topology.url, start, *[b"a" * MIB] * 60))


@pytest.mark.parametrize("path", ["/v1/leads", "/v1/signals", "/v1/subscriptions", "/hooks/forms/website"])
def test_nested_and_empty_lists(topology: Topology, api: Api, path: str):
    bodies = [
        b"[" + b"[]," * 340_000 + b"1]",
        b'{"email": "a@b.example", "x": [' + b"[]," * 340_000 + b"1]}",
        b'{"email": "a@b.example", "x": ' + b"[" * 500_000 + b"]" * 500_000 + b"}",
        b'{"url": "https://a.example/", "events": ["lead.*"], "filter": '
        + b'{"not": ' * 20_000
        + b"1"
        + b"}" * 20_000
        + b"}",
    ]
    with beside_normal_leads(topology, api, f"nested lists to {path}"):
        for body in bodies:
            headers = {"content-type": "application/json"}
            answer = api.http.post(path, content=body, headers=headers)
            assert 400 <= answer.status_code < 500, f"{answer.status_code} {answer.text[:300]}"


def test_a_flood_of_anonymous_forms(topology: Topology, api: Api):
    answers: set[int] = set()
    with beside_normal_leads(topology, api, "500 anonymous forms"), httpx.Client() as stranger:
        for _ in range(500):
            form = {"email": f"{fresh()}@{fresh()}.example", "message": "win " * 50}
            answer = stranger.post(f"{topology.url}/hooks/forms/website", data=form, timeout=120)
            answers.add(answer.status_code)
    assert answers <= {202, 429}


async def _produce(topology: Topology, values: list[bytes]) -> None:
    servers = topology.environ["BATON_STREAM_URL"].removeprefix("kafka://")
    async with AIOKafkaProducer(bootstrap_servers=servers, max_request_size=17 * MIB) as producer:
        for number, value in enumerate(values):
            await producer.send_and_wait(topology.topic(LEADS_RECEIVED.name), value, partition=number % 6)


def peak_mib(process: RoleProcess) -> int:
    """Return the highest resident size that a process has had, in MiB."""
    status = Path(f"/proc/{process.pid}/status").read_text()
    line = next(line for line in status.splitlines() if line.startswith("VmHWM"))
    return int(line.split()[1]) // 1024


@pytest.mark.parametrize("count", [20, pytest.param(60, marks=pytest.mark.chaos)])
def test_oversized_records_of_an_outside_producer(topology: Topology, api: Api, count: int):
    if topology.embedded:
        return  # nobody but Baton itself can write to the embedded stream
    value = b'{"message": "' + b"a" * LARGE_BYTES + b'"}'
    before = _count_rejected(topology)
    with beside_normal_leads(topology, api, f"{count} records of 15.9 MB"):
        asyncio.run(_produce(topology, [value] * count))
        eventually(lambda: _count_rejected(topology) >= before + count, what="the dead letters")
    peaks = {process.name: peak_mib(process) for process in topology.processes}
    print(f"peak resident MiB: {peaks}")
    assert max(peaks.values()) < RSS_MIB_MAX, peaks


def test_junk_of_an_outside_producer_without_end(topology: Topology, api: Api):
    if topology.embedded:
        return
    junk = [b"{", b"7", b"[]", json.dumps({"person": {"email": 7}}).encode()]
    with beside_normal_leads(topology, api, "3,000 records of junk"):
        before = _count_rejected(topology)
        asyncio.run(_produce_fast(topology, junk * 750))
        eventually(lambda: _count_rejected(topology) >= before + 3_000, what="the dead letters")
    for process in topology.processes:
        process.await_ready()


async def _produce_fast(topology: Topology, values: list[bytes]) -> None:
    servers = topology.environ["BATON_STREAM_URL"].removeprefix("kafka://")
    async with AIOKafkaProducer(bootstrap_servers=servers, linger_ms=5) as producer:
        sent = [await producer.send(topology.topic(LEADS_RECEIVED.name), value) for value in values]
        await asyncio.gather(*sent)


def _count_rejected(topology: Topology) -> int:
    """Return how many records the enricher has dead-lettered, by its metrics."""
    (enricher,) = topology.named("enricher")
    text = httpx.get(enricher.ready_url.replace("/readyz", "/metrics"), timeout=30).text
    lines = (line for line in text.splitlines() if line.startswith("baton_dead_letters_total{"))
    return round(sum(float(line.rpartition(" ")[2]) for line in lines))
