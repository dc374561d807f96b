"""The queue of backtests in the database: one is taken at a time, with a lease that progress renews."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any, Final

from msgspec import Struct
from sqlalchemy import delete, func, or_, select, tuple_, update

from services.ledger.backtest.process import BacktestOrder
from services.ledger.backtest.work_file import REPLAYED_TYPES, RecordedEvent, StoredEvent
from services.ledger.tables import RECORDED, UNFINISHED, backtest_moves, backtests, events, lead_views
from shared.policy.tables import policies
from shared.storage.database import Database, Tx
from shared.storage.statements import member_of, members

LEASE: Final = timedelta(seconds=60)
KEPT: Final = 50
"""As many backtests are kept; older ones are deleted with their moves."""
_PAGE: Final = 5_000


class BacktestJob(Struct, frozen=True):
    """A backtest that this process holds."""

    id: str
    created_at: datetime
    candidate: str
    files: dict[str, str] | None
    since: datetime | None
    until: datetime | None
    segment: str | None


async def take_job(database: Database, now: datetime) -> BacktestJob | None:
    """Take the oldest backtest that waits, or whose process died; None while there is none, or one runs."""
    is_held = backtests.c.leased_until > now
    async with database.begin() as tx:
        await tx.lock("ledger:backtests", exclusive=True)
        running = select(func.count()).where(backtests.c.state == "running", is_held)
        if (await tx.execute(running)).scalar_one():
            return None
        columns = [backtests.c[name] for name in BacktestJob.__struct_fields__]
        free = or_(backtests.c.leased_until.is_(None), backtests.c.leased_until <= now)
        statement = (
            select(*columns)
            .where(backtests.c.state.in_(UNFINISHED), free)
            .order_by(backtests.c.created_at, backtests.c.id)
            .limit(1)
            .with_for_update(skip_locked=True)
        )
        found = (await tx.execute(statement)).first()
        if found is None:
            return None
        job = BacktestJob(*tuple(found))
        await _set(tx, job.id, state="running", leased_until=now + LEASE)
        return job


async def unfinished_ids(database: Database) -> set[str]:
    """Return the ids of the backtests that wait or run."""
    async with database.read() as tx:
        found = await tx.execute(select(backtests.c.id).where(backtests.c.state.in_(UNFINISHED)))
        return {*found.scalars()}


async def hold_job(database: Database, job: BacktestJob, now: datetime) -> None:
    """Hold the backtest longer, while one step of it takes its time."""
    async with database.begin() as tx:
        await _set(tx, job.id, leased_until=now + LEASE)


async def report_progress(database: Database, job: BacktestJob, now: datetime, done: int, total: int) -> bool:
    """Record how far the backtest is, and hold it longer; return whether it is still wanted."""
    async with database.begin() as tx:
        state = (await tx.execute(select(backtests.c.state).where(backtests.c.id == job.id))).scalar()
        if state != "running":
            return False
        await _set(tx, job.id, done=done, total=total, leased_until=now + LEASE)
    return True


async def release_job(database: Database, job: BacktestJob) -> None:
    """Let another process go on at once: this one stops."""
    async with database.begin() as tx:
        await _set(tx, job.id, leased_until=None)


async def fail_job(database: Database, job: BacktestJob, now: datetime, error: str) -> None:
    """Record why there is no report, unless the backtest was cancelled."""
    async with database.begin() as tx:
        await _end(tx, job, now, state="failed", error=error[:1000])


async def finish_job(database: Database, job: BacktestJob, now: datetime, report: bytes) -> None:
    """Store the report, unless the backtest was cancelled, and delete the oldest backtests."""
    async with database.begin() as tx:
        if not await _end(tx, job, now, state="done", report=report.decode()):
            await tx.execute(delete(backtest_moves).where(backtest_moves.c.backtest_id == job.id))
        newest = select(backtests.c.id).order_by(backtests.c.created_at.desc(), backtests.c.id).limit(KEPT)
        kept = (await tx.execute(newest)).scalars().all()
        await tx.execute(delete(backtest_moves).where(backtest_moves.c.backtest_id.not_in(kept)))
        await tx.execute(
            delete(backtests).where(backtests.c.id.not_in(kept), backtests.c.state.not_in(UNFINISHED))
        )


async def add_moves(
    database: Database, job: BacktestJob, moves: Sequence[tuple[int, str, str]], *, is_first: bool
) -> None:
    """Store moves, each with its number, lead and JSON; those of leads that were erased are left out.

    Views are locked as by an erasure: before moves, by id. One that comes later finds the moves.
    """
    async with database.begin() as tx:
        of_leads = select(lead_views.c.lead_id).where(member_of(tx.dialect, lead_views.c.lead_id))
        locked = of_leads.order_by(lead_views.c.lead_id).with_for_update(read=True)
        found = await tx.execute(locked, {"members": members(tx.dialect, sorted({one[1] for one in moves}))})
        known = {*found.scalars()}
        if is_first:
            await tx.execute(delete(backtest_moves).where(backtest_moves.c.backtest_id == job.id))
        rows = [
            {"backtest_id": job.id, "number": number, "lead_id": lead_id, "data": data}
            for number, lead_id, data in moves
            if lead_id in known
        ]
        if rows:
            await tx.execute(backtest_moves.insert(), rows)


async def order_of(database: Database, job: BacktestJob) -> BacktestOrder:
    """Return what the worker process needs: the texts of the candidate, and of the versions that decided.

    These were all applied by the end of the history. A later one is left out, so that it changes neither a
    backtest that goes on after a restart, nor one that is repeated.
    """
    end = job.created_at if job.until is None else min(job.until, job.created_at)
    async with database.read() as tx:
        found = (await tx.execute(select(policies.c.version, policies.c.files, policies.c.created_at))).all()
    texts = {row.version: row.files for row in found}
    candidate = None if job.candidate == RECORDED else job.files or texts[job.candidate]
    versions = {row.version: row.files for row in found if row.created_at <= end}
    return BacktestOrder(candidate, versions, job.since, job.until, job.segment)


async def recorded_events(
    database: Database, job: BacktestJob, after: tuple[str, str]
) -> list[RecordedEvent]:
    """Return the next events that the backtest is about, without their data, by their ids."""
    names = ("id", "source", "type", "subject", "at", "recorded_at", "causation_id", "sequence")
    where = [
        tuple_(events.c.id, events.c.source) > after,
        events.c.type.in_(REPLAYED_TYPES),
        events.c.recorded_at <= job.created_at,
    ]
    if job.until is not None:
        where.append(events.c.at <= job.until)
    statement = select(*(events.c[name] for name in names)).where(*where)
    async with database.read() as tx:
        found = await tx.execute(statement.order_by(events.c.id, events.c.source).limit(_PAGE))
        return [RecordedEvent(*tuple(row)) for row in found]


async def stored_events(database: Database, ids: Sequence[str]) -> list[StoredEvent]:
    """Return these events with their data, as far as they are still there."""
    names = ("id", "source", "type", "subject", "partition_key", "at", "causation_id", "data")
    async with database.read() as tx:
        statement = select(*(events.c[name] for name in names)).where(member_of(tx.dialect, events.c.id))
        found = await tx.execute(statement, {"members": members(tx.dialect, sorted(ids))})
        return [StoredEvent(*tuple(row)) for row in found]


async def _end(tx: Tx, job: BacktestJob, now: datetime, **values: Any) -> bool:
    """End a backtest that runs, without the texts of its candidate; return whether it still ran."""
    is_running = (backtests.c.id == job.id, backtests.c.state == "running")
    ended = {"finished_at": now, "leased_until": None, "files": None, **values}
    found = await tx.execute(update(backtests).where(*is_running).values(**ended).returning(backtests.c.id))
    return found.first() is not None


async def _set(tx: Tx, job_id: str, **values: Any) -> None:
    await tx.execute(update(backtests).where(backtests.c.id == job_id).values(**values))
