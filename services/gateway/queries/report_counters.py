"""Sums of the ledger's counters over a period, with what is not added up yet; a year is read by months."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import date, timedelta
from typing import Any, Final, NamedTuple

from sqlalchemy import BigInteger, Select, Table, and_, cast, func, or_, select, text

from services.ledger.domain.counters import Counts, Share, add_counts, summed
from services.ledger.tables import counter_deltas, flow_counters
from shared.storage.database import Tx

EPOCH: Final = date(1970, 1, 1)
BEGINNING: Final = date(2000, 1, 1)
"""The first day that a report may ask for."""

Sums = dict[tuple[Any, ...], Counts]


class Period(NamedTuple):
    """Days of UTC, both included."""

    since: date
    until: date

    @property
    def days(self) -> int:
        return (self.until - self.since).days + 1

    def spans(self) -> Iterable[tuple[str, int, int]]:
        """Yield grain, first and last day of rows to read: whole months, and the days before and after."""
        first, last = _number(self.since), _number(self.until)
        before = self.since - timedelta(days=1)
        begin = _number((before.replace(day=1) + timedelta(days=32)).replace(day=1))
        end = _number((self.until + timedelta(days=1)).replace(day=1))
        if begin >= end:
            yield "d", first, last
            return
        yield "m", begin, end - 1
        if first < begin:
            yield "d", first, begin - 1
        if end <= last:
            yield "d", end, last


class Counters:
    """Reads counters in one transaction, all as they were at one moment."""

    def __init__(self, tx: Tx, pending: Share) -> None:
        self._tx = tx
        self._pending = pending

    @classmethod
    async def open(cls, tx: Tx) -> Counters:
        """Return the counters as they are now. The transaction must have read nothing yet."""
        if tx.dialect == "postgresql":  # additions move from one table to another; see both or neither
            await tx.execute(text("set transaction isolation level repeatable read"))
        units = (await tx.execute(select(counter_deltas.c.deltas))).scalars()
        return cls(tx, summed(delta for deltas in units for delta in deltas))

    async def sums(
        self,
        table: Table,
        by: Sequence[str],
        period: Period,
        counts: Collection[str] = (),
        **equal: str,
    ) -> Sums:
        """Return sums by columns, of rows whose columns are `equal`; of all counts if `counts` names none."""
        names = [column.name for column in table.primary_key][2:]
        summed_counts = [column.name for column in table.c if not column.primary_key]
        summed_counts = [name for name in summed_counts if not counts or name in counts]
        statement = sums_statement(table, by, period, summed_counts, equal)
        found: Sums = {}
        for row in await self._tx.execute(statement):
            found[tuple(row[: len(by)])] = dict(zip(summed_counts, row[len(by) :], strict=True))
        first, last = _number(period.since), _number(period.until)
        for (name, (day, *rest)), gained in self._pending.items():
            if name != table.name or not first <= int(day) <= last:
                continue
            named = dict(zip(names, rest, strict=True))
            if all(named[one] == value for one, value in equal.items()):
                add_counts(found.setdefault(tuple(named[one] for one in by), {}), gained)
        return found

    async def counted_since(self) -> date | None:
        """Return the first day on which the router decided on a lead, None before that."""
        stored = select(func.min(flow_counters.c.day)).where(flow_counters.c.grain == "d")
        first = (await self._tx.execute(stored)).scalar_one()
        days = [int(key[0]) for (name, key) in self._pending if name == flow_counters.name]
        days += [] if first is None else [first]
        return EPOCH + timedelta(days=min(days)) if days else None


def sums_statement(
    table: Table, by: Sequence[str], period: Period, counts: Sequence[str], equal: Mapping[str, str]
) -> Select[tuple[Any, ...]]:
    """Return the statement that sums counts by columns; it reads the rows of the period only."""
    spans = [
        and_(table.c.grain == grain, table.c.day.between(first, last))
        for grain, first, last in period.spans()
    ]
    sums = [cast(func.sum(table.c[name]), BigInteger) for name in counts]  # PostgreSQL sums to decimals
    return (
        select(*(table.c[name] for name in by), *sums)
        .where(or_(*spans), *(table.c[name] == value for name, value in equal.items()))
        .group_by(*(table.c[name] for name in by))
    )


def _number(day: date) -> int:
    return day.toordinal() - EPOCH.toordinal()
