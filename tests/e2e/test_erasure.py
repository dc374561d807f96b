"""After an erasure no table holds anything of the person, with every role a process of its own."""

from __future__ import annotations

import asyncio
import json
from datetime import UTC, datetime

import pytest
from aiokafka import AIOKafkaProducer
from sqlalchemy import text
from sqlalchemy.ext.asyncio import create_async_engine

from tests.support.api import Api, eventually
from tests.support.everyplace import EMAIL, NAME, TRACES, Everyplace
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


def _readable(value: object) -> str:
    return value.decode("utf-8", "replace") if isinstance(value, bytes) else str(value)


async def _produce(topology: Topology, *values: bytes) -> None:
    """Write records to the topic of leads, as an outside producer does."""
    servers = topology.environ["BATON_STREAM_URL"].removeprefix("kafka://")
    async with AIOKafkaProducer(bootstrap_servers=servers) as producer:
        for value in values:
            await producer.send_and_wait(topology.topic("leads.received.v1"), value)


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
    colleague = api.view(person.colleague) or {}
    assert [one["name"] for one in colleague["brief"]["stakeholders"] if one["name"]] == ["Bo"]
