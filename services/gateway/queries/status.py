"""How the processes are and how far the roles are, from their tables."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Final

from msgspec import Struct
from sqlalchemy import func, select

from shared.readiness import Check
from shared.storage.database import Tx
from shared.worker.tables import outbox, processes, read_topics, timers

COUNTED_MAX: Final = 10_000
ROLES_WITH_TIMERS: Final = ("enricher", "router", "scorer")


class RoleBacklog(Struct, frozen=True):
    """What a role still has to do: both numbers are `COUNTED_MAX` at most.

    `oldest_at` is the age of the oldest of its events that is stored and not published yet, or None.
    """

    role: str
    unpublished: int
    oldest_at: datetime | None
    timers_due: int


class ReportedProcess(Struct, frozen=True):
    """What a process last reported about itself, at `at`; `unread` are records by role and topic."""

    id: str
    started_at: datetime
    at: datetime
    checks: dict[str, Check]
    unread: dict[str, dict[str, int]]


async def reported_processes(tx: Tx) -> list[ReportedProcess]:
    """Return all processes that have reported and not stopped since, by id."""
    rows = (await tx.execute(select(processes).order_by(processes.c.id))).mappings()
    return [ReportedProcess(**row) for row in rows]


async def newest_by_topic(tx: Tx) -> dict[str, datetime]:
    """Return when the newest record that any role has read of each topic was appended."""
    statement = select(read_topics.c.topic, func.max(read_topics.c.last_at).label("last_at")).group_by(
        read_topics.c.topic
    )
    return {row.topic: row.last_at for row in await tx.execute(statement)}


async def backlog_by_role(tx: Tx, now: datetime) -> Sequence[RoleBacklog]:
    """Return the backlog of each role that has one, by name. The outbox is nearly empty at all times."""
    stored = select(outbox.c.role, outbox.c.created_at).limit(COUNTED_MAX).subquery()
    waiting = (
        select(stored.c.role, func.count().label("number"), func.min(stored.c.created_at).label("oldest"))
    ).group_by(stored.c.role)
    unpublished = {
        row["role"]: (row["number"], row["oldest"]) for row in (await tx.execute(waiting)).mappings()
    }
    counts = []
    for role in ROLES_WITH_TIMERS:  # by role: the index begins with it
        found = select(timers.c.due_at).where(timers.c.role == role, timers.c.due_at <= now)
        counted = select(func.count()).select_from(found.limit(COUNTED_MAX).subquery())
        counts.append(counted.scalar_subquery())
    row = (await tx.execute(select(*counts))).one()
    due = dict(zip(ROLES_WITH_TIMERS, row, strict=True))
    return [
        RoleBacklog(role, *unpublished.get(role, (0, None)), due.get(role, 0))
        for role in sorted({*unpublished, *due})
    ]
