"""Sums of the ledger's counters over a period, with what is not added up yet; a year is read by months."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from datetime import date, timedelta
from typing import Any

from sqlalchemy import BigInteger, Select, Table, cast, func, literal, select, text, union_all

from services.gateway.domain.reports.periods import EPOCH, Window
from services.ledger.domain.counters import Counts, Share, add_counts, summed
from services.ledger.tables import counter_deltas, flow_counters
from shared.storage.database import Tx

Sums = dict[tuple[Any, ...], Counts]


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
        period: Window,
        counts: Collection[str] = (),
        **equal: str | Collection[str],
    ) -> Sums:
        """Return sums by columns, of rows whose columns are `equal`; of all counts if `counts` names none.

        A column is equal to one of several values if these are a set.
        """
        [found] = await self.sums_of(table, by, [period], counts, **equal)
        return found

    async def sums_of(
        self,
        table: Table,
        by: Sequence[str],
        windows: Sequence[Window],
        counts: Collection[str] = (),
        **equal: str | Collection[str],
    ) -> list[Sums]:
        """Return the sums of several periods, in their order, by one statement."""
        names = [column.name for column in table.primary_key][2:]
        summed_counts = [column.name for column in table.c if not column.primary_key]
        summed_counts = [name for name in summed_counts if not counts or name in counts]
        statements = [
            sums_statement(table, by, window, summed_counts, equal).add_columns(literal(number))
            for number, window in enumerate(windows)
        ]
        sums: list[Sums] = [{} for _window in windows]
        for row in await self._tx.execute(union_all(*statements)):
            sums[row[-1]][tuple(row[: len(by)])] = dict(zip(summed_counts, row[len(by) : -1], strict=True))
        for (name, (hour, *rest)), gained in self._pending.items():
            named = dict(zip(names, rest, strict=True)) if name == table.name else {}
            if not named or any(named[one] not in _values(value) for one, value in equal.items()):
                continue
            for window, found in zip(windows, sums, strict=True):
                first, last = window.hours
                if first <= int(hour) <= last:
                    add_counts(found.setdefault(tuple(named[one] for one in by), {}), gained)
        return sums

    async def counted_since(self) -> date | None:
        """Return the first day on which the router decided on a lead, None before that."""
        stored = select(func.min(flow_counters.c.day)).where(flow_counters.c.grain == "d")
        first = (await self._tx.execute(stored)).scalar_one()
        days = [int(key[0]) // 24 for (name, key) in self._pending if name == flow_counters.name]
        days += [] if first is None else [first]
        return EPOCH + timedelta(days=min(days)) if days else None


def sums_statement(
    table: Table,
    by: Sequence[str],
    period: Window,
    counts: Sequence[str],
    equal: Mapping[str, str | Collection[str]],
) -> Select[tuple[Any, ...]]:
    """Return the statement that sums counts by columns; it reads the rows of the period only.

    The spans of the period are read one by one: with `OR` between them SQLite goes through the whole table.
    """
    rows = union_all(
        *(
            select(*(table.c[name] for name in (*by, *counts))).where(
                table.c.grain == grain,
                table.c.day.between(first, last),
                *(table.c[name].in_(_values(value)) for name, value in equal.items()),
            )
            for grain, first, last in period.spans()
        )
    ).subquery()
    sums = [cast(func.sum(rows.c[name]), BigInteger) for name in counts]  # PostgreSQL sums to decimals
    names = [rows.c[name] for name in by]
    return select(*names, *sums).group_by(*names)


def _values(wanted: str | Collection[str]) -> list[str]:
    return [wanted] if isinstance(wanted, str) else sorted(wanted)
