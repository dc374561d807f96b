"""What is long over is let go of, in bounded chunks; what is open, or may still be asked for, stays."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from msgspec.structs import replace
from sqlalchemy import select

from services.gateway.domain.audit import AuditEntry
from services.gateway.queries.audit import prune_audit
from services.ledger.domain.rows import DeadLetterRow
from services.ledger.pruning import DEAD_LETTERS_KEPT, prune_dead_letters
from services.router import pruning
from services.router.delivery.storage import DueDeliveries
from services.router.domain.delivery import AttemptRow, DeliveryRow
from services.router.domain.state import AssignmentRow
from services.router.pruning import ATTEMPTS_KEPT, CHUNK, prune_assignments, prune_deliveries
from shared.storage.database import Database
from shared.storage.metadata import metadata
from shared.storage.rows import IdentityMap, Put, Row
from tests.support.delivery_world import until
from tests.support.scored_leads import AT

DAY = timedelta(days=1)


def delivery(id_: str, endpoint: str = "a", at: datetime = AT, **given: Any) -> DeliveryRow:
    """Return a delivery that is over."""
    row = {
        "id": id_, "subscription_id": endpoint, "event_id": "e", "event_type": "t", "lead_id": "l", "url": "u",
        "state": "delivered", "attempts": 1, "next_attempt_at": None, "last_status": 204, "last_error": None,
        "created_at": at, "delivered_at": at, "body": None,
    }  # fmt: skip
    return DeliveryRow(**{**row, **given})


def assignment(id_: str, closed_at: datetime | None) -> AssignmentRow:
    state = "open" if closed_at is None else "won"
    return AssignmentRow(id_, "l", "a.example", "sdr", "sdr-1", state, 1, AT - DAY, None, None, closed_at)  # type: ignore[arg-type]


async def store(database: Database, *rows: Row) -> None:
    made = IdentityMap()
    made.apply([Put(row) for row in rows])
    async with database.begin() as tx:
        await tx.write(made)


async def ids(database: Database, table: str) -> list[str]:
    async with database.read() as tx:
        found = await tx.execute(select(metadata.tables[table].c.id))
        return sorted(found.scalars())


async def test_finished_deliveries_are_pruned_and_pending_ones_stay(database):
    await store(
        database,
        delivery("old"),
        delivery("failed", "b", state="failed", last_status=503),
        delivery("gone", "c", state="gone", last_status=410),
        delivery("pending", state="pending", next_attempt_at=AT),
        delivery("fresh", at=AT + DAY),
    )
    assert await prune_deliveries(database, AT + DAY) is False
    assert await ids(database, "deliveries") == ["fresh", "pending"]


async def test_ended_assignments_are_pruned_and_active_ones_stay(database):
    await store(database, assignment("old", AT), assignment("fresh", AT + DAY), assignment("open", None))
    assert await prune_assignments(database, AT + DAY) is False
    assert await ids(database, "assignments") == ["fresh", "open"]


async def test_entries_of_the_audit_trail_are_pruned_when_their_days_are_over(database):
    def entry(id_: str, at: datetime) -> AuditEntry:
        return AuditEntry(id_, at, "lead.accepted", "l", "k", "ana", None, "127.0.0.1", None, {})

    await store(database, entry("old", AT - DAY), entry("at the end", AT), entry("fresh", AT + DAY))
    assert await prune_audit(database, AT) is False
    assert await ids(database, "audit") == ["at the end", "fresh"]


async def test_pruning_deletes_in_chunks(database, monkeypatch):
    assert CHUNK <= 1_000, "a chunk holds up the one writer of SQLite"
    monkeypatch.setattr(pruning, "CHUNK", 10)
    await store(database, *(delivery(f"d{n}", "ab"[n % 2]) for n in range(45)))
    await store(database, *(assignment(f"a{n}", AT) for n in range(15)))
    chunks = [await prune_deliveries(database, AT + DAY) for _ in range(5)]
    assert chunks == [True, True, True, True, False]
    assert [await prune_assignments(database, AT + DAY) for _ in range(2)] == [True, False]
    assert await ids(database, "deliveries") == await ids(database, "assignments") == []


async def test_targets_with_due_deliveries_are_found(database):
    due = DueDeliveries(database)
    assert await due.target_ids(AT) == []
    later = {"a": 0, "b": 2, "c": 1, "d": None}
    await store(
        database,
        *(
            delivery(f"{name}{n}", name, next_attempt_at=None if days is None else AT + (days + n) * DAY)
            for name, days in later.items()
            for n in range(3)
        ),
    )
    found = [await due.target_ids(AT + days * DAY) for days in (-1, 0, 1, 2)]
    assert found == [[], ["a"], ["a", "c"], ["a", "c", "b"]]


async def test_deliveries_of_a_disabled_subscription_fail_after_three_days(database):
    due = DueDeliveries(database)
    rows = {
        "waits": delivery("waits", state="pending", attempts=3, next_attempt_at=AT),
        "sent": delivery("sent", "b", state="pending", attempts=3, next_attempt_at=AT),
    }
    await store(database, *rows.values())
    async with database.begin() as tx:
        columns: dict[str, Any] = {
            "url": "u",
            "events": [],
            "filter": None,
            "secrets": [],
            "created_at": AT,
            "updated_at": AT,
        }
        for id_, state in (("a", "disabled"), ("b", "active")):
            await tx.execute(
                metadata.tables["subscriptions"].insert(), {"id": id_, "state": state, **columns}
            )
    await due.give_up({"a"}, AT + 2 * DAY)
    assert await due.target_ids(AT) == ["a", "b"]
    await due.give_up({"a"}, AT + 4 * DAY)
    assert await due.target_ids(AT) == ["b"]


async def test_the_router_prunes_by_itself(world):
    tables = world.resources.database
    kept = max(world.resources.claims_kept, ATTEMPTS_KEPT)
    await store(tables, delivery("old", at=AT - kept - timedelta(seconds=1)), delivery("new", at=AT - kept))
    too_old = AT - ATTEMPTS_KEPT - timedelta(seconds=1)
    await store(tables, *(AttemptRow("new", at, "s", 1, 200, None, "") for at in (too_old, AT)))
    async with world.delivering():
        await until(lambda: _has(tables, ["new"]))
        await until(lambda: _has_attempts(tables, 1))


async def _has_attempts(database: Database, wanted: int) -> bool:
    async with database.read() as tx:
        return len(await tx.load(AttemptRow, "delivery_id", ["new"])) == wanted


async def _has(database: Database, wanted: list[str]) -> bool:
    return await ids(database, "deliveries") == wanted


async def test_old_dead_letters_are_pruned(database):
    letter = DeadLetterRow(
        "old", "leads.received.v1", 0, 1, None, b"{", [], "enricher", "json", "", "", "", "", AT
    )
    later = AT + DEAD_LETTERS_KEPT - DAY
    await store(database, letter, replace(letter, id="fresh", offset=2, at=later))
    assert await prune_dead_letters(database, AT + DEAD_LETTERS_KEPT + timedelta(seconds=1)) is False
    assert await ids(database, "dead_letters") == ["fresh"]
