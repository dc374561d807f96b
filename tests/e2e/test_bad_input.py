"""Bad records on every topic that a role reads, bad bodies on every route: each has one answer, all go on."""

from __future__ import annotations

import asyncio
import json
import uuid
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from aiokafka import AIOKafkaProducer
from sqlalchemy import text

from shared.lead.events import registry
from shared.lead.events.event_type import EventType
from shared.messaging.manifest import DEAD_LETTERS, LEADS_RECEIVED, RECORD_BYTES_MAX, TOPICS, Topic
from shared.storage.database import Database
from tests.support.api import Api, eventually
from tests.support.operations import Operation, operations
from tests.support.topology import Topology

_EXAMPLES = Path(registry.__file__).parent / "examples"
_LARGE = 10 * 1024 * 1024
_PARTITIONS = 6

Place = tuple[str, int, int]


def fresh() -> str:
    return f"t{uuid.uuid4().hex[:12]}"


def a_lead(domain: str) -> dict[str, Any]:
    return {"person": {"email": f"ana@{domain}"}, "company": {"employees": 120, "country": "US"}}


def letters(api: Api) -> dict[Place, list[dict[str, Any]]]:
    """Return the dead letters by where their records stood."""
    found: dict[Place, list[dict[str, Any]]] = {}
    cursor: dict[str, str] = {}
    while True:
        page = api.http.get("/v1/dead-letters", params={"limit": "200", **cursor}).json()
        for letter in page["data"]:
            found.setdefault((letter["topic"], letter["partition"], letter["offset"]), []).append(letter)
        if page["next"] is None:
            return found
        cursor = {"cursor": page["next"]}


# Over HTTP

BAD_BODIES: Mapping[str, bytes] = {
    "nothing": b"",
    "not JSON": b'{"person": ',
    "not UTF-8": b'{"person": "\xff"}',
    "not UTF-8, where nobody looks": b'{"person": {"email": "ana@kestrel.example"}, "x": "\xff"}',
    "another type": b"7",
    "text": b'"lead"',
    "null": b"null",
    "lists in lists": b"[[7]]",
    "wrong types": b'{"person": 7, "type": 7, "url": 7, "events": 7, "name": 7, "lead_id": 7, "scopes": 7}',
    "NUL": rb'{"person": {"email": "ana@kestrel.example"}, "x": "\u0000"}',
    "lone surrogate": rb'{"person": {"email": "ana@kestrel.example"}, "x": "\ud800"}',
    "too deep": b"[" * 100_000,
    "10 MB": b'{"message": "' + b"a" * _LARGE + b'"}',
}
BAD_IDS = ("%00", "%ED%A0%80", "%FF", "x" * 3_000, "..%2F..", "%F0%9F%8E%BD")
BAD_QUERIES = (
    "limit=0",
    "limit=x",
    "limit=%D9%A3",
    "cursor=%00",
    "cursor=x",
    "email=%00",
    "status=x",
    "limit=9e9",
)


OPERATIONS = operations()


def with_path(operation: Operation, part: str) -> str:
    parts = operation.path.split("/")
    return "/".join(
        ("website" if name == "{source}" else part) if name.startswith("{") else name for name in parts
    )


def refused(answer: Any, what: str) -> None:
    """Hold it to be one problem document that says its status."""
    assert 400 <= answer.status_code < 500, f"{what}: {answer.status_code} {answer.text[:300]}"
    assert answer.headers["content-type"] == "application/problem+json", what
    assert answer.json()["status"] == answer.status_code, what


@pytest.mark.parametrize("operation", [one for one in OPERATIONS if one.takes_body], ids=str)
def test_a_bad_body_gets_a_problem(api: Api, operation: Operation):
    path = with_path(operation, str(uuid.uuid4()))
    for name, body in BAD_BODIES.items():
        if name in {"nothing", "null"} and operation.body_is_optional:
            continue
        headers = {"content-type": "application/json"}
        answer = api.http.request(operation.method, path, content=body, headers=headers)
        refused(answer, f"{name} to {operation.method} {path}")


def test_a_bad_form_gets_a_problem(api: Api):
    for kind, body in (
        ("application/x-www-form-urlencoded", b""),
        ("application/x-www-form-urlencoded", b"email=%00"),
        ("application/x-www-form-urlencoded", b"email=" + b"a" * _LARGE),
        ("application/x-www-form-urlencoded", b"&".join(b"f%d=1" % number for number in range(20_000))),
        ("multipart/form-data", b"email=ana@kestrel.example"),
        (
            "multipart/form-data; boundary=x",
            b'--x\r\ncontent-disposition: form-data; name="email"\r\n\r\nana',
        ),
        ("application/xml", b"<lead/>"),
    ):
        answer = api.http.post("/hooks/forms/website", content=body, headers={"content-type": kind})
        refused(answer, f"{kind}: {body[:40]!r}")


@pytest.mark.parametrize("operation", [one for one in OPERATIONS if "{id}" in one.path], ids=str)
def test_a_bad_id_gets_a_problem(api: Api, operation: Operation):
    for part in BAD_IDS:
        path = with_path(operation, part)
        answer = api.http.request(operation.method, path, json={} if operation.takes_body else None)
        refused(answer, f"{operation.method} {path[:80]}")


def test_a_bad_query_is_answered(api: Api):
    for operation in OPERATIONS:
        if operation.method != "GET" or "{" in operation.path or not operation.queries:
            continue
        for query in BAD_QUERIES:
            answer = api.http.get(f"{operation.path}?{query}")
            if answer.status_code != 200:  # an unknown parameter is ignored
                refused(answer, f"{operation.path}?{query}")


def test_after_bad_requests_nothing_is_set_aside_and_leads_flow(api: Api):
    refused(api.http.post("/v1/leads", content=b"{"), "a bad body")
    assert api.http.get("/readyz").status_code == 200
    assert letters(api) == {}
    assert api.settled(api.post_lead(a_lead(f"{fresh()}.example")))["status"] == "routed"


# Over Kafka


@dataclass(frozen=True)
class Bad:
    """A record that can never be processed, and the kind of its dead letter."""

    name: str
    kind: str
    value: bytes | None
    headers: tuple[tuple[str, bytes | None], ...]
    key: bytes | None = b"kestrel.example"


def bad_records(topic: Topic) -> Iterator[Bad]:
    """Give everything that can be wrong with a record of a topic."""
    type_ = next(event_type for event_type in registry.EVENT_TYPES if event_type.topic is topic)
    good = (_EXAMPLES / type_.name / "minimal.json").read_bytes().strip()
    heads = headers_of(type_)
    yield Bad("not JSON", "json", b'{"lead_id": ', heads)
    yield Bad("another type", "schema", b"7", heads)
    yield Bad(
        "wrong types",
        "schema",
        b'{"person": 7, "lead_id": 7, "domain": 7, "account": 7, "lead_ids": 7}',
        heads,
    )
    yield Bad("NUL", "json", good[:-1] + rb', "x": "\u0000"}', heads)
    yield Bad("lone surrogate", "json", good[:-1] + rb', "x": "\ud800"}', heads)
    yield Bad("not UTF-8", "json", good[:-1] + b', "x": "\xff"}', heads)
    yield Bad("no value", "empty", None, heads)
    yield Bad("unknown version", "unknown_type", good, headers_of(type_, ce_type=f"{type_.name[:-1]}99"))
    yield Bad("another topic's type", "unknown_type", good, headers_of(type_, ce_type="com.github.push"))
    yield Bad("no id", "envelope", good, headers_of(type_, ce_id=""))
    yield Bad("id is not UTF-8", "envelope", good, (*heads[1:], ("ce_id", b"\xff")))
    yield Bad("no key", "json", b"{", heads, key=None)
    yield Bad("foreign headers", "json", b"{", (*heads, ("x-empty", None), ("x-bytes", b"\xff\x00")))
    yield Bad("no text in the key", "json", b"{", heads, key=b"\xff\x00")
    if topic.record_bytes_max > _LARGE:
        yield Bad("10 MB", "oversized", b'{"message": "' + b"a" * _LARGE + b'"}', heads)
    elif topic is not DEAD_LETTERS:
        assert topic.record_bytes_max == RECORD_BYTES_MAX


def headers_of(type_: EventType, **other: str) -> tuple[tuple[str, bytes | None], ...]:
    attributes = {
        "ce_id": str(uuid.uuid4()),
        "ce_type": type_.name,
        "ce_source": "/elsewhere",
        "ce_specversion": "1.0",
        "content-type": "application/json",
    }
    return tuple((name, value.encode()) for name, value in (attributes | other).items())


def producer(topology: Topology) -> AIOKafkaProducer:
    servers = topology.environ["BATON_STREAM_URL"].removeprefix("kafka://")
    return AIOKafkaProducer(bootstrap_servers=servers, max_request_size=2 * _LARGE)


async def produce_bad(topology: Topology) -> dict[Place, tuple[Topic, Bad]]:
    """Write every bad record to every topic, and return where each stands."""
    places: dict[Place, tuple[Topic, Bad]] = {}
    async with producer(topology) as sink:
        for topic in TOPICS:
            if topic is DEAD_LETTERS:
                continue
            for bad in bad_records(topic):
                name = topology.topic(topic.name)
                done = await sink.send_and_wait(name, bad.value, bad.key, headers=list(bad.headers))
                places[topic.name, done.partition, done.offset] = (topic, bad)
        await sink.send_and_wait(topology.topic(DEAD_LETTERS.name), b"\xff", b"\xff", headers=[("x", None)])
    return places


async def produce_good(topology: Topology, domains: list[str]) -> None:
    """Write one lead to each partition, as an outside producer that knows nothing of events or keys."""
    async with producer(topology) as sink:
        for partition, domain in enumerate(domains):
            value = json.dumps(a_lead(domain)).encode()
            headers: list[tuple[str, bytes | None]] = [("x-empty", None), ("x-bytes", b"\xff\x00")]
            name = topology.topic(LEADS_RECEIVED.name)
            await sink.send_and_wait(name, value, partition=partition, headers=headers)


def test_a_bad_record_on_any_topic_is_one_dead_letter_and_the_next_flows(topology: Topology, api: Api):
    if topology.embedded:
        return  # nobody but Baton itself can write to the embedded stream
    before = letters(api)
    bad = asyncio.run(produce_bad(topology))
    eventually(lambda: bad.keys() <= letters(api).keys(), what="the dead letters", within_s=60)
    domains = [f"{fresh()}.example" for _ in range(_PARTITIONS)]
    asyncio.run(produce_good(topology, domains))
    for domain in domains:
        eventually(lambda domain=domain: _status(api, domain) == "routed", what="the lead")  # type: ignore[misc]
    found = letters(api)
    for place, (topic, record) in bad.items():
        (letter,) = found[place]
        assert (letter["stage"], letter["kind"]) == (topic.keeper, record.kind), f"{record.name}: {letter}"
    others = found.keys() - bad.keys() - before.keys()
    assert [place[0] for place in others] == [""], "what is no dead letter on their topic is shown as it is"


def _status(api: Api, domain: str) -> str | None:
    found = api.http.get("/v1/leads", params={"account": domain}).json()["data"]
    return found[0]["status"] if found else None


# Again, once the cause is gone

_REFUSE = {
    "postgresql": ("ALTER TABLE leads ADD CONSTRAINT refused CHECK (account <> '{account}')",),
    "sqlite": (
        "CREATE TABLE refused (account TEXT CHECK (account <> '{account}'))",
        "CREATE TRIGGER refusing BEFORE INSERT ON leads BEGIN INSERT INTO refused VALUES (NEW.account); END",
    ),
}
_ALLOW = {
    "postgresql": ("ALTER TABLE leads DROP CONSTRAINT refused",),
    "sqlite": ("DROP TRIGGER refusing", "DROP TABLE refused"),
}


@contextmanager
def refusing(topology: Topology, account: str) -> Iterator[None]:
    """Let the database refuse the lead records of an account."""
    asyncio.run(_run(topology, _REFUSE, account))
    try:
        yield
    finally:
        asyncio.run(_run(topology, _ALLOW, account))


async def _run(topology: Topology, statements: Mapping[str, tuple[str, ...]], account: str) -> None:
    database = Database(topology.database_url)
    try:
        async with database.begin() as tx:
            for statement in statements[database.dialect]:
                await tx.execute(text(statement.format(account=account)))
    finally:
        await database.close()


def test_what_was_set_aside_is_routed_once_the_cause_is_gone(topology: Topology, api: Api):
    account = f"{fresh()}.example"
    before = letters(api).keys()
    with refusing(topology, account):
        sent = api.post_lead(a_lead(account))
        neighbour = api.post_lead(a_lead(f"{fresh()}.example"))
        assert api.settled(neighbour)["status"] == "routed"
        new = eventually(lambda: letters(api).keys() - before, what="the dead letter")
        (place,) = new
        (letter,) = letters(api)[place]
        assert (letter["topic"], letter["stage"]) == (LEADS_RECEIVED.name, "enricher")
        eventually(lambda: api.outcome(sent["lead_id"], sent["event_id"]) == "dead_lettered")
    again = api.http.post(f"/v1/dead-letters/{letter['id']}/replay")
    assert again.status_code == 202, again.text
    eventually(lambda: api.outcome(sent["lead_id"], sent["event_id"]) == "routed", what="the second try")
    (after,) = letters(api)[place]
    assert after["replayed_at"] is not None
