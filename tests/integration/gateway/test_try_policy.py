"""A made-up lead is decided, and nothing is stored."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import pytest
from sqlalchemy import func, select

from services.scorer.domain.account_names import put_account
from services.scorer.domain.state import AccountRow
from services.tables import metadata
from shared.lead.events.account_received import AccountReceivedV1
from shared.policy.load import texts_in
from shared.storage.change_set import ChangeSet
from shared.storage.rows import IdentityMap, Put

FILES = texts_in(Path("config"))
LEAD = {
    "person": {"email": "ana@kestrel.example", "title": "VP Finance"},
    "company": {"domain": "kestrel.example", "employees": 420, "industry": "software", "country": "US"},
    "activities": [{"type": "demo_request", "at": datetime.now(UTC).isoformat()}],
}


async def rows_in_every_table(gateway) -> dict[str, int]:
    counts = {}
    async with gateway.database.read() as tx:
        for name, table in metadata.tables.items():
            counts[name] = (await tx.execute(select(func.count()).select_from(table))).scalar_one()
    return counts


async def test_it_answers_the_whole_decision_and_stores_nothing(gateway):
    before, published = await rows_in_every_table(gateway), dict(gateway.stream.ends)
    status, tried, _ = await gateway.ask("POST", "/v1/policies/try", json={"lead": LEAD})
    assert status == 200, tried
    decision = tried["explanation"]["decision"]
    assert (decision["queue"], decision["rule"]) == ("senior-ae", "high-intent")
    assert decision["owner"] in ("ae-1", "ae-2")
    assert tried["explanation"]["score"]["lines"]
    assert "VP Finance" in tried["brief"]["markdown"]
    assert await rows_in_every_table(gateway) == before
    assert gateway.stream.ends == published
    # A lead that is sent in does publish something.
    assert (await gateway.ask("POST", "/v1/leads", json=LEAD))[0] == 202
    assert gateway.stream.ends != published


async def test_another_policy_decides_otherwise(gateway):
    files = {
        **FILES,
        "routing.yaml": FILES["routing.yaml"].replace(
            "high-intent, when: {use: high_intent}, queue: senior-ae",
            "high-intent, when: {use: high_intent}, queue: bdr",
        ),
    }
    status, tried, _ = await gateway.ask("POST", "/v1/policies/try", json={"lead": LEAD, "files": files})
    assert (status, tried["explanation"]["decision"]["queue"]) == (200, "bdr")
    nobody = {**LEAD, "consent": {"opted_out": True}}
    _, tried, _ = await gateway.ask("POST", "/v1/policies/try", json={"lead": nobody})
    assert (tried["explanation"]["decision"]["suppressed"], tried["brief"]) == ("opted_out", None)


@pytest.mark.parametrize(
    "body", [{"lead": {}}, {"lead": {"person": {"email": "no address"}}}, {"lead": {**LEAD, "other": 1}}, {}]
)
async def test_a_lead_that_would_be_refused_is_refused(gateway, body):
    assert (await gateway.ask("POST", "/v1/policies/try", json=body))[0] == 422


async def test_its_account_is_found_by_an_alias_and_by_its_name(gateway):
    """As that of any lead is."""
    told = AccountReceivedV1(
        domain="osprey.example",
        name="Osprey Analytics",
        relation="competitor",
        aliases=["osprey-labs.example"],
        country="US",
    )
    changes = ChangeSet(IdentityMap())
    put_account(changes, AccountRow("osprey.example", knowledge=told))
    changes.put(AccountRow("osprey-labs.example", knowledge=told))
    await gateway.store(*(change.row for change in changes.changes if isinstance(change, Put)))
    by_alias = {"person": {"email": "ana@osprey-labs.example"}}
    by_name = {
        "person": {"email": "ana@gmail.com", "title": "VP Finance", "country": "US"},
        "company": {"name": "Osprey Analytics, Inc.", "country": "US"},
    }
    for lead in (by_alias, by_name):
        status, tried, _ = await gateway.ask("POST", "/v1/policies/try", json={"lead": lead})
        assert status == 200, tried
        assert tried["explanation"]["decision"]["suppressed"] == "competitor"
