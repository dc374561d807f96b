"""Lists of deliveries and of dead letters read by an index, however many there are. On both databases."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any

import pytest
from sqlalchemy import insert, text

from services.gateway.queries.dead_letters import LetterFilter, group_dead_letters, list_dead_letters
from services.gateway.queries.deliveries import (
    count_at_most,
    endpoints_tried_since,
    list_attempts,
    list_matching,
    recent_attempts,
    retry_progress,
)
from services.ledger.tables import dead_letters
from services.router.tables import deliveries, deliveries_matching, delivery_attempts
from shared.storage.database import Database, Tx
from shared.webhooks import DeliveryFilter
from tests.support.stored_leads import plans

NOW = datetime(2026, 3, 2, 9, tzinfo=UTC)
COUNT = 12_000
GIVEN_UP = ("failed", "gone")


@pytest.fixture
async def stored(database: Database) -> Database:
    """Deliveries of many days, of which few have failed or wait; attempts and letters as many."""
    at = [NOW - timedelta(minutes=number) for number in range(COUNT)]
    rows: list[dict[str, Any]] = [
        {
            "id": f"d{number}", "subscription_id": f"s{number % 5}", "event_id": f"e{number}",
            "event_type": "baton.lead.routed.v1" if number % 400 else "baton.lead.closed.v1",
            "lead_id": f"l{number % 4_000}", "url": "https://crm.example", "attempts": 1, "created_at": at[number],
            "state": {0: "failed", 1: "pending"}.get(number % 300, "delivered"),
            "next_attempt_at": NOW if number % 300 == 1 else None,
            "retry_id": "r" if number % 1_000 == 0 else None, "notifies": False,
        }
        for number in range(COUNT)
    ]  # fmt: skip
    attempts = [
        {"delivery_id": f"d{number}", "at": at[number], "subscription_id": f"s{number % 5}", "ms": 5}
        for number in range(COUNT)
    ]
    letters: list[dict[str, Any]] = [
        {
            "id": f"x{number}", "topic": "t", "partition": 0, "offset": number, "headers": [], "stage": "enricher",
            "kind": "json", "message": "", "event_id": "", "event_type": "", "subject": "", "at": at[number],
            "replayed_at": None if number % 300 == 0 else NOW,
        }
        for number in range(COUNT)
    ]  # fmt: skip
    async with database.begin() as tx:
        await tx.execute(insert(deliveries), rows)
        await tx.execute(insert(delivery_attempts), attempts)
        await tx.execute(insert(dead_letters), letters)
    async with database.begin() as tx:
        await tx.execute(text("ANALYZE"))
    return database


async def test_every_list_reads_by_an_index(stored: Database) -> None:
    filters = (
        DeliveryFilter(),
        DeliveryFilter(states=GIVEN_UP),
        DeliveryFilter(endpoints=("s0",), states=GIVEN_UP),
        DeliveryFilter(states=("pending",)),
        DeliveryFilter(endpoints=("s1",)),
        DeliveryFilter(events=("baton.lead.closed.v1",)),
        DeliveryFilter(lead_id="l7"),
        DeliveryFilter(states=GIVEN_UP, since=NOW - timedelta(days=1)),
    )
    reads: list[Callable[[Tx], Awaitable[Any]]] = [
        partial(list_matching, which=which, after=None, limit=51) for which in filters
    ]
    reads += [
        lambda tx: count_at_most(tx, deliveries_matching(DeliveryFilter(states=GIVEN_UP)), 10_001),
        lambda tx: list_attempts(tx, "d5"),
        lambda tx: recent_attempts(tx, NOW - timedelta(days=1)),
        lambda tx: endpoints_tried_since(tx, NOW - timedelta(minutes=2)),
        lambda tx: retry_progress(tx, "r"),
        group_dead_letters,
        lambda tx: list_dead_letters(tx, LetterFilter(), None, 51),
    ]
    for read in reads:
        for statement, plan in (await plans(stored, read)).items():
            for table in ("deliveries", "delivery_attempts", "dead_letters"):
                assert f"Seq Scan on {table}" not in plan, f"{statement}\n{plan}"
                assert f"SCAN {table}'" not in plan, f"{statement}\n{plan}"
