"""After an erasure no table holds anything of the person, with every role a process of its own."""

from __future__ import annotations

import asyncio
import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from aiokafka import AIOKafkaProducer
from sqlalchemy import text
from sqlalchemy.ext.asyncio import create_async_engine

from tests.support.api import Api, eventually
from tests.support.everyplace import DOMAIN, EMAIL, NAME, TRACES, Everyplace
from tests.support.services.ports import free_port
from tests.support.topology import Topology


def traces(topology: Topology) -> dict[str, list[str]]:
    """Return which traces of the person are in which table."""
    return asyncio.run(_traces(topology))


async def _traces(topology: Topology) -> dict[str, list[str]]:
    engine = create_async_engine(topology.database_url)
    found: dict[str, list[str]] = {}
    async with engine.connect() as connection:
        names = await connection.execute(text("select tablename from pg_tables where schemaname = 'public'"))
        for table in names.scalars().all():
            rows = await connection.execute(text(f'select * from "{table}"'))
            held = " ".join(_readable(value) for row in rows for value in row).lower()
            if here := [trace for trace in TRACES if trace in held]:
                found[table] = here
    await engine.dispose()
    return found


def stored(topology: Topology, trace: str) -> bool:
    """Return whether the ledger and the scorer have stored what holds this text."""
    events, accounts = "select data from events", "select signals from accounts"
    return all(
        any(trace in str(value) for [value] in asyncio.run(_rows(topology, query)))
        for query in (events, accounts)
    )


def stored_event(topology: Topology, lead_id: str, stage: str) -> bytes:
    """Return the data of the last event of a lead at a stage."""
    query = (
        f"select data from events where subject = '{lead_id}' and type = 'baton.lead.{stage}.v1'"
        " order by sequence desc limit 1"
    )
    [[data]] = asyncio.run(_rows(topology, query))
    return str(data).encode()


async def _rows(topology: Topology, query: str) -> list[Any]:
    engine = create_async_engine(topology.database_url)
    async with engine.connect() as connection:
        found = [*await connection.execute(text(query))]
    await engine.dispose()
    return found


def _readable(value: object) -> str:
    return value.decode("utf-8", "replace") if isinstance(value, bytes) else str(value)


async def _produce(
    topology: Topology, *values: bytes, topic: str = "leads.received.v1", **headers: str
) -> None:
    """Write records to a topic, as an outside producer does; with headers, as a role does."""
    servers = topology.environ["BATON_STREAM_URL"].removeprefix("kafka://")
    given = [(name, text.encode()) for name, text in headers.items()]
    key = DOMAIN.encode() if headers else None
    async with AIOKafkaProducer(bootstrap_servers=servers) as producer:
        for value in values:
            await producer.send_and_wait(topology.topic(topic), value, key, headers=given)


def late_records(topology: Topology, person: Everyplace, enriched: bytes, scored: bytes) -> None:
    """Write what arrives after the erasure: of roles that had not read it, and of outside producers."""
    for stage, value in (("enriched", enriched), ("scored", scored)):
        headers = {
            "ce_specversion": "1.0",
            "ce_id": f"late-{stage}",
            "ce_source": "/baton/late",
            "ce_type": f"baton.lead.{stage}.v1",
            "ce_subject": person.lead_id,
            "ce_time": (datetime.now(UTC) + timedelta(seconds=1)).isoformat(),
        }
        asyncio.run(_produce(topology, value, topic=f"leads.{stage}.v1", **headers))
    broken = f'{{"person": {{"email": "{EMAIL}", "title": "Head of Narwhals"'
    last = b'{"the last": "dead letter"'  # a broken form would be a new contact, a broken signal is none
    asyncio.run(_produce(topology, broken.encode(), last, topic="signals.received.v1"))
    signal = {
        "type": "news",
        "occurred_at": datetime.now(UTC).isoformat(),
        "account": {"name": "EVERYPLACE Inc."},
        "details": {"headline": f"{NAME} joins", "said": "the last signal"},
    }
    asyncio.run(_produce(topology, json.dumps(signal).encode(), topic="signals.received.v1"))


@pytest.mark.parametrize(
    "topology",
    [pytest.param("grown", marks=[pytest.mark.kafka, pytest.mark.postgres])],
    indirect=True,
    scope="module",
)
def test_no_table_holds_anything_of_an_erased_person(topology: Topology, api: Api):
    """tests/cases searches the files of the embedded default."""
    api.subscribe(f"http://127.0.0.1:{free_port()}/hook", "lead.*")
    person = Everyplace(api, lambda: datetime.now(UTC))
    person.create()
    # Dead letters that are about nobody in particular: no JSON, and JSON of the wrong shape.
    broken = f'{{"person": {{"email": "{EMAIL}", "title": "Head of Narwhals"'
    odd = json.dumps({"person": {"full": NAME, "note": "bring a physalis"}, "company": 7})
    asyncio.run(_produce(topology, broken.encode(), odd.encode()))
    letters = "/v1/dead-letters?limit=200"
    eventually(lambda: len(api.http.get(letters).json()["data"]) == 2, what="the dead letters")
    assert {trace for here in traces(topology).values() for trace in here} == set(TRACES)

    before = [stored_event(topology, person.lead_id, stage) for stage in ("enriched", "scored")]
    answer = api.http.delete("/v1/people", params={"email": EMAIL})
    assert answer.status_code == 202, answer.text
    left = traces(topology)

    def is_gone() -> bool:
        nonlocal left
        left = traces(topology)
        return not left

    try:
        eventually(is_gone, within_s=120, what="the erasure")
    except AssertionError:
        assert left == {}
        raise
    assert api.http.get(letters).json()["data"] == []

    late_records(topology, person, *before)
    # What is read after them at the latest: the records of one account are read in order.
    api.settled(api.post_lead({"person": {"email": f"bo@{DOMAIN}"}, "message": "Hello once more"}))
    eventually(lambda: len(api.http.get(letters).json()["data"]) == 1, what="the last dead letter")
    eventually(lambda: stored(topology, "the last signal"), what="the last signal")
    eventually(is_gone, within_s=30, what="the erasure of what was late")
    assert api.view(person.lead_id) is None
    colleague = api.view(person.colleague) or {}
    assert [one["name"] for one in colleague["brief"]["stakeholders"] if one["name"]] == ["Bo"]
