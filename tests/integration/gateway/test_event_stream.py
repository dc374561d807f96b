"""`GET /v1/events/stream`: what it sends to whom, where it resumes, and how it ends."""

from __future__ import annotations

import asyncio
import json
import socket
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
import pytest_asyncio
from msgspec.structs import replace

from services.gateway.event_stream.feed import StreamLimits
from services.ledger.domain.erasure import ROLE
from shared.lead.events.envelope import Event, decode_data, encode
from shared.lead.events.parts import Person
from shared.lead.events.registry import BY_NAME
from shared.lead.events.routing import Stakeholder
from shared.lead.events.schemas import EXAMPLES
from shared.lead.mentions import hashes_of_person
from shared.messaging.manifest import ACTIONS_RECEIVED, LEADS_ROUTED, PEOPLE_ERASED
from shared.messaging.port import Outgoing, publish
from shared.worker.rows import ErasedMentionsRow, TombstoneRow
from tests.support.gateway import ADMIN_KEY, RunningGateway, running_gateway
from tests.support.server_sent import PATIENCE_S, listening

pytestmark = pytest.mark.asyncio(loop_scope="module")

NOW = datetime(2026, 3, 2, 9, tzinfo=UTC)
STREAM = "/v1/events/stream"


@pytest_asyncio.fixture(loop_scope="module")
async def gateway(shared_gateway: RunningGateway) -> AsyncIterator[RunningGateway]:
    """The gateway of the module, with the bounds that it has by itself; no test may leave a stream behind."""
    shared_gateway.feed.limits = StreamLimits()
    yield shared_gateway
    async with asyncio.timeout(PATIENCE_S):
        while shared_gateway.feed.streams:
            await asyncio.sleep(0.02)


def example(short: str, *, lead_id: str = "", owner: str | None = None, queue: str = "sdr") -> Event[Any]:
    """Return the example of an event, of another lead, owner and queue."""
    name = f"baton.{short}.v1"
    data = json.loads((EXAMPLES / name / "full.json").read_text())
    if lead_id:
        data["lead_id"] = lead_id
    if "decision" in data and "queue" in data["decision"]:
        data["decision"] |= {"queue": queue, "owner": owner}
    decoded = decode_data(BY_NAME[name], json.dumps(data).encode())
    subject = lead_id or data.get("lead_id", "")
    account = data.get("account", "kestrel.example")
    return Event(str(uuid4()), "/baton/router", name, subject, NOW, decoded, key=account)


async def send(gateway: RunningGateway, *events: Event[Any]) -> list[str]:
    """Publish events one after the other; return their ids."""
    for event in events:
        await publish(gateway.sink, [encode(event)])
    return [event.id for event in events]


async def test_an_event_arrives_with_type_time_data_and_position(gateway: RunningGateway) -> None:
    async with listening(gateway.http) as stream:
        event = example("lead.routed", owner="ae-1")
        await send(gateway, event)
        ((short, body),) = await stream.count(1)
        assert short == "lead.routed"
        assert (body["id"], body["type"]) == (event.id, "lead.routed")
        assert datetime.fromisoformat(body["timestamp"]) == NOW
        assert body["data"]["decision"]["owner"] == "ae-1"
        topics = [LEADS_ROUTED.name, ACTIONS_RECEIVED.name, PEOPLE_ERASED.name]
        assert [part.split("=")[0] for part in stream.last_id.split(";")] == topics
        assert stream.response.headers["cache-control"] == "no-store"


async def test_a_stream_has_what_its_parameters_select(gateway: RunningGateway) -> None:
    events = [
        example("lead.routed", owner="ae-1"),
        example("lead.routed", owner="ae-2", queue="bdr"),
        example("lead.reassigned", owner="ae-2"),
        example("action.received"),
    ]
    filter_ = '{"field":"decision.queue","eq":"sdr"}'
    query = f"?types=lead.routed,lead.reassigned&types=action.received&owner=ae-2&filter={filter_}"
    async with listening(gateway.http, STREAM + query) as stream:
        ids = await send(gateway, *events)
        await stream.count(1)
        assert stream.ids == [ids[2]]


@pytest.mark.parametrize(
    ("query", "pointer"),
    [
        ("?types=lead.routd", "/types"),
        ("?types=person.erased&queue=sdr", "/queue"),
        ("?filter=[1]", "/filter"),
        ('?filter={"decision.queu":"sdr"}', "/filter/decision.queu"),
        ("?kind=lead.routed", "invalid-kind"),
    ],
)
async def test_what_can_select_nothing_is_refused(gateway: RunningGateway, query: str, pointer: str) -> None:
    status, problem, _ = await gateway.ask("GET", STREAM + query)
    assert status == 422
    assert pointer in str(problem)


@pytest.mark.parametrize(
    "last", ["x", "leads.routed.v1=", "leads.scored.v1=1", "leads.routed.v1=1.-1", "=1;"]
)
async def test_a_position_that_was_never_given_is_refused(gateway: RunningGateway, last: str) -> None:
    status, problem, _ = await gateway.ask("GET", STREAM, headers={"Last-Event-ID": last})
    assert (status, problem["errors"][0]["pointer"]) == (422, "/last-event-id")


async def test_the_key_of_a_rep_hears_of_own_leads_only(gateway: RunningGateway) -> None:
    rep = await gateway.key_headers("rep", rep="ae-1")
    async with listening(gateway.http, **rep) as stream, listening(gateway.http) as all_of_it:
        ids = await send(
            gateway,
            example("lead.routed", owner="ae-2"),
            example("action.received"),
            example("lead.routed", owner="ae-1"),
            example("lead.suppressed"),
            example("lead.updated", owner="ae-1"),
        )
        await all_of_it.count(5)
        await stream.count(2)
        assert sorted(stream.ids) == sorted([ids[2], ids[4]])
    status, _, _ = await gateway.ask("GET", STREAM, headers=await gateway.key_headers("intake"))
    assert status == 403


async def test_a_stream_resumes_exactly_also_after_a_restart(tmp_path: Path) -> None:
    sent: list[str] = []
    heard: list[str] = []
    last = ""
    for turn in range(4):
        async with running_gateway(tmp_path) as gateway:
            # What is sent while nobody listens: nothing of it is in the memory of a new process.
            sent += await send(gateway, *(example("lead.routed") for _ in range(30)))
            if turn == 0:
                async with listening(gateway.http) as stream:
                    sent.clear()
                    sent += await send(gateway, *(example("lead.routed") for _ in range(5)))
                    await stream.count(5)
                    heard, last = stream.ids, stream.last_id
                continue
            # The connection ends in the middle, several times.
            for _ in range(3):
                async with listening(gateway.http, after=last) as stream:
                    await stream.count(10)
                    heard += stream.ids
                    last = stream.last_id
    assert sorted(heard) == sorted(sent[:95])
    assert len(set(heard)) == 95


async def test_a_client_that_heard_nothing_resumes_at_the_position_of_the_heartbeat(
    gateway: RunningGateway,
) -> None:
    gateway.feed.limits = StreamLimits(heartbeat_s=0.1, check_s=0.1)
    async with listening(gateway.http, f"{STREAM}?types=lead.closed") as stream:
        before = stream.last_id
        await send(gateway, *(example("lead.routed") for _ in range(3)))
        await stream.until(lambda stream: stream.comments > 1 and stream.last_id != before)
        assert stream.events == []
        (id_,) = await send(gateway, example("lead.routed"))
    async with listening(gateway.http, after=stream.last_id) as stream:
        await stream.until(lambda stream: id_ in stream.ids)
        assert len(stream.ids) <= 4


async def test_a_position_of_another_log_is_told_and_everything_is_sent(gateway: RunningGateway) -> None:
    ids = await send(gateway, *(example("lead.routed") for _ in range(3)))
    async with listening(gateway.http, after="leads.routed.v1=900.900") as stream:
        await stream.until(lambda stream: {*ids} <= {*stream.ids})
        gap, body = stream.events[0]
        assert gap == "stream.gap"
        assert body["data"]["gaps"][0] == {"topic": LEADS_ROUTED.name, "number": 0, "wanted": 900, "found": 0}
        assert [event for event, _ in stream.events].count("stream.gap") == 1


async def test_many_streams_hear_all_and_resume_among_each_other(gateway: RunningGateway) -> None:
    async with listening(gateway.http) as first:
        start = first.last_id
        ids = await send(gateway, *(example("lead.routed") for _ in range(20)))

        async def hear_everything() -> list[str]:
            async with listening(gateway.http, after=start) as stream:
                await stream.until(lambda stream: len(stream.ids) >= 40)
                return stream.ids

        others = [asyncio.create_task(hear_everything()) for _ in range(15)]
        ids += await send(gateway, *(example("lead.routed") for _ in range(20)))
        await first.count(40)
        for heard in await asyncio.gather(*others):
            assert sorted(heard) == sorted(ids)


async def test_erased_people_are_not_in_what_a_client_has_missed(gateway: RunningGateway) -> None:
    async with listening(gateway.http) as stream:
        start = stream.last_id
    erased, colleague = example("lead.routed", lead_id=str(uuid4())), example("lead.routed")
    named = Stakeholder("Zoe Quill", "CFO", None, "apollo")
    brief = replace(colleague.data.brief, stakeholders=[named])
    colleague = replace(colleague, data=replace(colleague.data, brief=brief))
    await send(gateway, erased, colleague)
    keyed_hash = gateway.resources.keyed_hash
    person = Person(first_name="Zoe", last_name="Quill")
    hashes, lead_hash = hashes_of_person((), [person], keyed_hash), keyed_hash(erased.subject)
    await gateway.store(
        TombstoneRow(lead_hash, ROLE, NOW + timedelta(minutes=1)),
        ErasedMentionsRow(colleague.key, "e1", ROLE, [lead_hash], hashes, NOW),
    )
    async with listening(gateway.http, after=start) as stream:
        ((_, body),) = await stream.count(1)
        assert body["id"] == colleague.id
        assert "Quill" not in json.dumps(body)


async def test_an_erasure_empties_the_memory_of_the_feed(gateway: RunningGateway) -> None:
    async with listening(gateway.http) as stream:
        await send(gateway, *(example("lead.routed") for _ in range(5)))
        await stream.count(5)
        (erasure,) = await send(gateway, example("person.erased"))
        await stream.count(6)
        assert stream.ids[-1] == erasure
        kept = gateway.feed.kept(gateway.feed.first_number, 100)
        assert [record.id for record in kept] == [erasure]


async def test_streams_are_bounded_by_key_and_by_process(gateway: RunningGateway) -> None:
    gateway.feed.limits = StreamLimits(streams_per_key=2, streams=3)
    other = await gateway.key_headers("read")
    async with listening(gateway.http), listening(gateway.http):
        status, problem, headers = await gateway.ask("GET", STREAM)
        assert (status, problem["type"]) == (429, "urn:baton:problem:too-many-streams")
        assert int(headers["Retry-After"]) > 0
        async with listening(gateway.http, **other):
            status, _, _ = await gateway.ask("GET", STREAM, headers=other)
            assert status == 503


async def test_a_stream_ends_when_its_key_is_revoked(gateway: RunningGateway) -> None:
    gateway.feed.limits = StreamLimits(check_s=0.2)
    status, made, _ = await gateway.ask("POST", "/v1/api-keys", json={"name": "crm", "scopes": ["read"]})
    assert status == 201
    async with listening(gateway.http, Authorization=f"Bearer {made['key']}") as stream:
        await gateway.ask("DELETE", f"/v1/api-keys/{made['id']}")
        await stream.end()
    status, _, _ = await gateway.ask("GET", STREAM, headers={"Authorization": f"Bearer {made['key']}"})
    assert status == 401


async def test_head_of_a_stream_has_no_end_to_wait_for(gateway: RunningGateway) -> None:
    async with asyncio.timeout(PATIENCE_S), gateway.http.head(STREAM) as response:
        assert (response.status, response.content_type) == (200, "text/event-stream")


async def test_a_client_that_does_not_read_is_cut_off(gateway: RunningGateway) -> None:
    gateway.feed.limits = StreamLimits(send_s=0.3)
    with _deaf_client(gateway.server.port) as deaf:
        async with listening(gateway.http) as stream:
            assert gateway.feed.streams == 2
            large = _large_event()
            for number in range(25):
                await publish(gateway.sink, [large])
                await stream.count(number + 1)
            async with asyncio.timeout(PATIENCE_S):
                while gateway.feed.streams > 1:
                    await asyncio.sleep(0.02)
        assert deaf.fileno() >= 0


async def test_the_server_stops_at_once_with_streams_open_also_of_clients_that_do_not_read(
    tmp_path: Path,
) -> None:
    """The drain of ten seconds is for requests that end."""
    async with running_gateway(tmp_path) as gateway:
        with _deaf_client(gateway.server.port):
            async with listening(gateway.http) as stream:
                for number in range(25):
                    await publish(gateway.sink, [_large_event()])
                    await stream.count(number + 1)
                gateway.feed.stopping.set()
                began = asyncio.get_running_loop().time()
                await asyncio.gather(stream.end(), gateway.server.stop())
                assert asyncio.get_running_loop().time() - began < 5.0
                assert stream.ended


def _large_event() -> Outgoing:
    event = example("lead.routed")
    brief = replace(event.data.brief, markdown="x" * 500_000)
    return encode(replace(event, data=replace(event.data, brief=brief)))


def _deaf_client(port: int) -> socket.socket:
    """Open a stream and read nothing of it."""
    client = socket.socket()
    client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    client.connect(("127.0.0.1", port))
    head = f"GET {STREAM} HTTP/1.1\r\nHost: baton\r\nAuthorization: Bearer {ADMIN_KEY}\r\n\r\n"
    client.sendall(head.encode())
    return client
