"""A role whose tables are at fault pauses instead of setting everything aside, and goes on once they are mended.

The fault is a constraint of the database that refuses every lead record, so that all events of the gateway fail
in the enricher.
"""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from sqlalchemy import text

from shared.storage.database import Database
from tests.support.api import Api, eventually
from tests.support.topology import RoleProcess, Topology

WINDOW = 20
LEADS = 120
_REFUSE = {
    "postgresql": ("ALTER TABLE leads ADD CONSTRAINT refused CHECK (account NOT LIKE 'refused%')",),
    "sqlite": (
        "CREATE TABLE refused (account TEXT CHECK (account NOT LIKE 'refused%'))",
        "CREATE TRIGGER refusing BEFORE INSERT ON leads BEGIN INSERT INTO refused VALUES (NEW.account); END",
    ),
}
_ALLOW = {
    "postgresql": ("ALTER TABLE leads DROP CONSTRAINT refused",),
    "sqlite": ("DROP TRIGGER refusing", "DROP TABLE refused"),
}


@pytest.fixture(
    scope="module",
    params=["embedded", pytest.param("grown", marks=[pytest.mark.kafka, pytest.mark.postgres])],
)
def topology(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Topology]:
    """A Baton whose window is small, so that a short test fills it."""
    folder = tmp_path_factory.mktemp(request.param)
    extra = {
        "BATON_DEAD_LETTER_WINDOW": str(WINDOW),
        "BATON_DEAD_LETTER_PROBE_S": "1",
        # What is in flight when the pause begins is set aside too.
        "BATON_WINDOW_SIZE": "10",
        "BATON_BATCH_SIZE": "10",
    }
    if request.param == "embedded":
        made = Topology(folder, extra=extra)
    else:
        broker = request.getfixturevalue("kafka")
        database = asyncio.run(request.getfixturevalue("postgres").create_database())
        made = Topology(
            folder,
            stream_url=f"kafka://{broker.bootstrap}",
            database_url=database,
            prefix=f"t{uuid.uuid4().hex[:10]}",
            extra=extra,
        )
    try:
        made.start()
        yield made
    finally:
        made.remove()


async def _run(topology: Topology, statements: dict[str, tuple[str, ...]]) -> None:
    database = Database(topology.database_url)
    try:
        async with database.begin() as tx:
            for statement in statements[database.dialect]:
                await tx.execute(text(statement))
    finally:
        await database.close()


def enricher_of(topology: Topology) -> RoleProcess:
    return topology.processes[0] if topology.embedded else topology.named("enricher")[0]


def paused(process: RoleProcess, key: str) -> tuple[bool, str]:
    """Return whether the enricher has paused partitions, by its readiness, and the detail."""
    answer = httpx.get(process.ready_url, headers={"authorization": f"Bearer {key}"}, timeout=30)
    check = answer.json().get("checks", {}).get("enricher.partitions", {"ok": True, "detail": ""})
    assert check["ok"] or answer.status_code == 503
    return not check["ok"], check["detail"]


def paused_by_metric(process: RoleProcess, key: str) -> float:
    url = process.ready_url.replace("/readyz", "/metrics")
    lines = httpx.get(url, headers={"authorization": f"Bearer {key}"}, timeout=30).text.splitlines()
    found = [line for line in lines if line.startswith('baton_partitions_paused{role="enricher"}')]
    return float(found[0].rpartition(" ")[2]) if found else 0.0


def set_aside(api: Api) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = []
    cursor: dict[str, str] = {}
    while True:
        page = api.http.get("/v1/dead-letters", params={"limit": "200", **cursor}).json()
        found += page["data"]
        if page["next"] is None:
            return found
        cursor = {"cursor": page["next"]}


def bytes_of(folder: Path) -> int:
    return sum(file.stat().st_size for file in folder.rglob("*") if file.is_file())


def test_a_role_at_fault_pauses_and_goes_on_when_it_is_mended(topology: Topology, api: Api):
    enricher, key = enricher_of(topology), topology.secrets.admin_key
    asyncio.run(_run(topology, _REFUSE))
    leads = [
        {"person": {"email": f"ana@refused{number}-{uuid.uuid4().hex[:8]}.example"}}
        for number in range(LEADS)
    ]
    answer = api.http.post("/v1/leads", json=leads)
    assert answer.status_code == 202, answer.text
    sent = answer.json()["results"]
    eventually(lambda: paused(enricher, key)[0], within_s=120, what="the pause")
    assert "leads.received.v1/" in paused(enricher, key)[1]
    assert paused_by_metric(enricher, key) >= 1
    assert all(process.running for process in topology.processes), topology.log_tails()
    # What was set aside is committed: it is set aside once, and nothing grows while the role is paused.
    assert len(set_aside(api)) < LEADS / 2
    places = [(letter["topic"], letter["partition"], letter["offset"]) for letter in set_aside(api)]
    assert len(places) == len(set(places))
    grown_by = -bytes_of(topology.data_dir)
    eventually(lambda: len(set_aside(api)) > len(places), within_s=60, what="a probe")
    grown_by += bytes_of(topology.data_dir)
    assert grown_by < 20 * 1024 * 1024
    asyncio.run(_run(topology, _ALLOW))
    eventually(lambda: not paused(enricher, key)[0], within_s=120, what="the end of the pause")
    outcomes = {
        one["event_id"]: eventually(lambda one=one: api.outcome(one["lead_id"], one["event_id"]))  # type: ignore[misc]
        for one in sent
    }
    letters = {letter["event_id"]: letter["id"] for letter in set_aside(api)}
    assert {event for event, outcome in outcomes.items() if outcome == "dead_lettered"} == letters.keys()
    assert set(outcomes.values()) <= {"routed", "dead_lettered"}
    for letter in letters.values():
        assert api.http.post(f"/v1/dead-letters/{letter}/replay").status_code == 202
    for one in sent:
        eventually(
            lambda one=one: api.outcome(one["lead_id"], one["event_id"]) == "routed",  # type: ignore[misc]
            what="the second try",
        )
