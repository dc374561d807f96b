"""Adds what units of work have counted to the counters, a bounded number of units per transaction.

Units of work append their additions instead of updating counters themselves: many of them would wait for the
same few rows otherwise. Each addition is counted for its hour, its day and its month, so that a report about
a year reads few rows. The counters of hours are kept for reports about the last day and the one before it.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from datetime import date, datetime, timedelta
from typing import Any, Final, NamedTuple

from sqlalchemy import Table, delete, select
from sqlalchemy.dialects import postgresql, sqlite

from services.ledger.domain.counters import CounterKey, Counts, add_counts, summed
from services.ledger.domain.lead_history import OTHER
from services.ledger.tables import COUNTERS, counter_deltas
from shared.storage.database import Database, Tx

UNITS_AT_ONCE: Final = 200
HOURS_KEPT: Final = 72


class _Bound(NamedTuple):
    """How many rows of a day, or a month, a table has for each value of the column `per` (None: in all).

    After that, new names in the columns `names` are counted as `OTHER`.
    """

    rows: int
    names: Sequence[str]
    per: str | None = None


_BOUNDS: Final[Mapping[str, _Bound]] = {
    "lead_counters": _Bound(200, ("name",), per="dimension"),
    "rep_counters": _Bound(10_000, ("queue", "rep")),
    "duration_counters": _Bound(20_000, ("queue",)),
    "flow_counters": _Bound(5_000, ("queue", "change", "step")),
    "accept_counters": _Bound(20_000, ("queue", "rep")),
    "path_counters": _Bound(5_000, ("policy", "step", "queue", "change")),
    "unknown_counters": _Bound(5_000, ("policy", "step", "field")),
}
_EPOCH: Final = date(1970, 1, 1)


async def count_deltas(database: Database, now: datetime) -> bool:
    """Count some of the additions and delete them. True when there may be more."""
    kept_since = first_hour_kept(now)
    async with database.begin() as tx:
        await tx.lock("ledger:counters", exclusive=True)
        units = (await tx.execute(select(counter_deltas).limit(UNITS_AT_ONCE))).all()
        if not units:
            return False
        total = summed(delta for unit in units for delta in unit.deltas)
        for table in COUNTERS:
            gained = {key: counts for (name, key), counts in total.items() if name == table.name}
            await _add(tx, table, gained, kept_since)
        await tx.execute(delete(counter_deltas).where(counter_deltas.c.id.in_([unit.id for unit in units])))
    return len(units) == UNITS_AT_ONCE


def first_hour_kept(now: datetime) -> int:
    """Return the first hour, counted from 1970, of which there are counters by the hour."""
    return int(now.timestamp()) // 3_600 - HOURS_KEPT


def month_of(day: int) -> int:
    """Return the first day of a day's month; both count from 1970."""
    return (_EPOCH + timedelta(days=day)).replace(day=1).toordinal() - _EPOCH.toordinal()


async def _add(tx: Tx, table: Table, gained: Mapping[CounterKey, Counts], kept_since: int) -> None:
    """Add to the rows of a table; `gained` is by hour and names. Hours before `kept_since` have no rows."""
    by_period: dict[tuple[str, int], dict[CounterKey, Counts]] = {}
    for (hour, *rest), counts in gained.items():
        day = int(hour) // 24
        periods = [("h", int(hour))] if int(hour) >= kept_since else []
        for period in (*periods, ("d", day), ("m", month_of(day))):
            add_counts(by_period.setdefault(period, {}).setdefault(tuple(rest), {}), counts)
    columns = [column.name for column in table.primary_key][2:]
    sums = [column for column in table.c if not column.primary_key]
    zeros = {column.name: 0 for column in sums}
    values: list[dict[str, Any]] = []
    for (grain, day), rows in sorted(by_period.items()):
        stored = select(*(table.c[name] for name in columns)).where(
            table.c.grain == grain, table.c.day == day
        )
        known = {tuple(row) for row in await tx.execute(stored)}
        bounded: dict[CounterKey, Counts] = {}
        for names, counts in sorted(rows.items()):
            key = _bounded(_BOUNDS[table.name], columns, names, known)
            known.add(key)
            add_counts(bounded.setdefault(key, {}), counts)
        for key, counts in bounded.items():
            row = dict(zip(columns, key, strict=True))
            values.append({"grain": grain, "day": day, **row, **zeros, **counts})
    if values:
        insert = postgresql.insert(table) if tx.dialect == "postgresql" else sqlite.insert(table)
        increment = insert.on_conflict_do_update(
            index_elements=[column.name for column in table.primary_key],
            set_={column.name: column + insert.excluded[column.name] for column in sums},
        )
        await tx.execute(increment, values)


def _bounded(
    bound: _Bound, columns: Sequence[str], names: CounterKey, known: Collection[CounterKey]
) -> CounterKey:
    """Return the names, or `OTHER` for those that are new where the period has enough."""
    if names in known:
        return names
    place = columns.index(bound.per) if bound.per else None
    number = len(known) if place is None else sum(key[place] == names[place] for key in known)
    if number < bound.rows:
        return names
    return tuple(
        OTHER if column in bound.names else name for column, name in zip(columns, names, strict=True)
    )
