"""Any number of leads in the tables of every role, each a copy of one that was lived, with ids and names of its own.

`ManyLeads` makes some thousand copies with every id and name replaced, also inside of their events; the
database then multiplies these (`tests/support/multiplied_rows.py`). Copies are spread over `DAYS` days before
now, the first one being the newest. What roles prune is left out of older ones; all but the newest
assignments have ended; what is due stays ahead.
"""

from __future__ import annotations

import re
import sqlite3
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import closing
from datetime import datetime, timedelta
from operator import itemgetter
from typing import Any, Final, NamedTuple

import asyncpg
from msgspec import Struct
from sqlalchemy import Dialect, Index, Table, make_url
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.schema import CreateIndex, DropIndex

from services.tables import metadata
from shared.storage.types import Json
from tests.support.lived_leads import LivedLeads, Rows
from tests.support.multiplied_rows import Multiplication, is_short_text

DAYS: Final = 90
LEADS_A_REP: Final = 30
"""How many open assignments a rep has at most, unless an account has two leads."""

_TOKEN: Final = (
    r"(?P<id>[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12})|(?P<time>\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d)"
    r"|(?P<rep>\b(?:sdr|bdr|ae)-\d\b)"
)
_SPREAD: Final = 0x9E3779B1
"""An odd number, by which multiplying modulo 2**32 gives every copy ids in another place of the index."""
_LAST_NAMES: Final = 4_999
_BATCH: Final = 500
_DUE: Final = {("timers", "due_at"), ("scores", "due_at"), ("routed_leads", "recycle_at")}
_KEPT_DAYS: Final = {"inputs": 8, "idempotency_records": 8, "delivery_attempts": 14, "provider_answers": 2}
_SOURCES: Final = ("website", "webinar", None)

Values = Sequence[str]
"""What stands for the tokens of an account in one of its copies."""


class _Copy(Struct, frozen=True):
    values: Values
    age: timedelta
    ahead: timedelta


Fill = Callable[[_Copy], Any]


class _RowTemplate(Struct, frozen=True):
    """A row whose cells are constant but for those at the positions of `fills`."""

    table: str
    cells: list[Any]
    fills: list[tuple[int, Fill]]

    def made(self, copy: _Copy) -> list[Any]:
        row = self.cells.copy()
        for position, fill in self.fills:
            row[position] = fill(copy)
        return row


class _Variant(NamedTuple):
    """Whether an account's assignments are open, and whether its deliveries have failed."""

    is_open: bool
    has_failed: bool


class ManyLeads:
    """Makes the rows; two with the same arguments make the same ones.

    Each rep of the lived leads becomes `reps_each` of them, whose ids end in their number. The newest
    `open_accounts` have open assignments, as long as no rep has more than `LEADS_A_REP`.
    """

    def __init__(
        self,
        lived: LivedLeads,
        leads: int,
        *,
        dialect: Dialect,
        now: datetime,
        reps_each: int = 1,
        open_accounts: int,
    ) -> None:
        self._reps_each = reps_each
        self._others = lived.others
        self._convert = _Conversion(dialect)
        shared = {found[0] for cell in _cells(lived.others) for found in re.finditer(_TOKEN, _text(cell))}
        self._lived = [_Account(rows, shared, self._convert, now) for rows in lived.accounts]
        lived_leads = sum(len(rows["lead_views"]) for rows in lived.accounts)
        self.accounts = -(-leads * len(lived.accounts) // lived_leads)
        reps = len({row["rep"] for row in lived.others["rep_queues"]}) * reps_each
        self._open = min(open_accounts, reps * LEADS_A_REP)

    def batches(self) -> Iterator[dict[str, list[list[Any]]]]:
        """Yield the rows by table, some accounts at a time."""
        yield {
            table: [self._convert.row(metadata.tables[table], row) for row in self._multiplied(table, rows)]
            for table, rows in self._others.items()
            if table not in ("timers", "counter_deltas")
        }
        batch: dict[str, list[list[Any]]] = defaultdict(list)
        for number in range(self.accounts):
            account = self._lived[number % len(self._lived)]
            copy = self._copy(number, account)
            variant = _Variant(number < self._open, number % 97 == 11)
            for template in account.rows(variant):
                if copy.age.days < _KEPT_DAYS.get(template.table, DAYS + 1):
                    batch[template.table].append(template.made(copy))
            if number % _BATCH == _BATCH - 1:
                yield batch
                batch = defaultdict(list)
        yield batch

    def named_columns(self) -> dict[tuple[str, str], set[str]]:
        """Return by table and column whether its cells name a lead or an event (`id`), or an account."""
        named: dict[tuple[str, str], set[str]] = defaultdict(set)
        for account in self._lived:
            for table, column, kind in account.named_columns():
                named[table, column].add(kind)
        return named

    def _copy(self, number: int, account: _Account) -> _Copy:
        age = timedelta(seconds=int((number / self.accounts) ** 3 * DAYS * 86_400))
        head = f"{((number + 1) * _SPREAD) & 0xFFFF_FFFF:08x}"
        rep = f"-{number % self._reps_each}" if self._reps_each > 1 else ""
        suffixes = {"account": _letters(number), "person": _letters(number % _LAST_NAMES), "rep": rep}
        values = [head + rest for rest in account.ids]
        values += [(time - age).isoformat() for time in account.times]
        values += [name + suffixes[kind] for name, kind in account.names]
        return _Copy(values, age, timedelta(hours=1 + number * 7 % 1_000))

    def _multiplied(self, table: str, rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
        if table != "rep_queues" or self._reps_each == 1:
            return rows
        return [{**row, "rep": f"{row['rep']}-{n}"} for row in rows for n in range(self._reps_each)]


class _Conversion:
    """Makes of values what a driver takes."""

    def __init__(self, dialect: Dialect) -> None:
        self._dialect = dialect

    def row(self, table: Table, row: dict[str, Any]) -> list[Any]:
        return [self.of(column.type)(row[column.name]) for column in table.columns]

    def of(self, kind: Any) -> Callable[[Any], Any]:
        if isinstance(kind, Json):
            return _as_it_is
        return kind.dialect_impl(self._dialect).bind_processor(self._dialect) or _as_it_is


class _Account:
    """The rows of an account. `ids` (without the part that copies change), `times` and `names` are its tokens."""

    def __init__(self, rows: Rows, shared: set[str], convert: _Conversion, now: datetime) -> None:
        self._rows, self._convert, self._now = rows, convert, now
        name = rows["accounts"][0]["account"].removesuffix(".example")
        people = "|".join({row["name"].split()[-1] for row in rows["lead_views"]})
        self._pattern = re.compile(f"{_TOKEN}|(?P<account>(?i:{name}))|(?P<person>(?i:{people}))")
        by_kind: dict[str, set[str]] = defaultdict(set)
        for cell in _cells(rows):
            for found in self._pattern.finditer(_text(cell)):
                by_kind[found.lastgroup or ""].add(found[0])
        ids, times = sorted(by_kind["id"] - shared), sorted(by_kind["time"])
        self.ids = [token[8:] for token in ids]
        self.times = [datetime.fromisoformat(token) for token in times]
        self.names = [
            (token, kind) for kind in ("account", "person", "rep") for token in sorted(by_kind[kind])
        ]
        ordered = [*ids, *times, *(name for name, _ in self.names)]
        self._places = {token: place for place, token in enumerate(ordered)}
        self._name = name
        self._templates: dict[_Variant, list[_RowTemplate]] = {}

    def rows(self, variant: _Variant) -> list[_RowTemplate]:
        if variant not in self._templates:
            varied = _varied(self._rows, variant)
            self._templates[variant] = [
                self._template(metadata.tables[table], row)
                for table, found in varied.items()
                for row in found
            ]
        return self._templates[variant]

    def named_columns(self) -> Iterator[tuple[str, str, str]]:
        """Yield table, column, and `id` or `account` for each cell that names a lead or an event, or an account."""
        for table, found in self._rows.items():
            columns = metadata.tables[table].columns
            for row, column in ((row, column) for row in found for column in columns):
                value = row[column.name]
                match = self._pattern.search(value) if is_short_text(column, value) else None
                if match and match[0] in self._places and match.lastgroup in ("id", "account"):
                    yield table, column.name, match.lastgroup

    def _template(self, table: Table, row: dict[str, Any]) -> _RowTemplate:
        cells, fills = self._convert.row(table, row), list[tuple[int, Fill]]()
        for position, column in enumerate(table.columns):
            value = row[column.name]
            convert = self._convert.of(column.type)
            if isinstance(value, datetime):
                is_due = (table.name, column.name) in _DUE
                fills.append((position, _moved(self._now, convert) if is_due else _aged(value, convert)))
                continue
            text = f"{value}/{self._name}" if column.name == "block" else _text(value)
            found = [match for match in self._pattern.finditer(text) if match[0] in self._places]
            if found:
                fills.append(
                    (position, self._filled(text, found, convert, is_bytes=isinstance(value, bytes)))
                )
        return _RowTemplate(table.name, cells, fills)

    def _filled(
        self, text: str, found: list[re.Match[str]], convert: Callable[[Any], Any], *, is_bytes: bool
    ) -> Fill:
        """Return what puts a copy's values in the places of the tokens of `text`."""
        parts, start = "", 0
        for match in found:
            parts += text[start : match.start()].replace("%", "%%") + "%s"
            start = match.end()
        parts += text[start:].replace("%", "%%") + "%.0s"
        chosen = itemgetter(*(self._places[match[0]] for match in found), 0)  # always a tuple
        if is_bytes:
            return lambda copy: convert((parts % chosen(copy.values)).encode())
        return lambda copy: convert(parts % chosen(copy.values))


def _varied(rows: Rows, variant: _Variant) -> Rows:
    varied = dict(rows)
    if not variant.is_open:
        varied["assignments"] = [_ended(row) for row in rows["assignments"]]
        varied["timers"] = [row for row in rows["timers"] if row["role"] != "router"]
    if variant.has_failed:
        varied["deliveries"] = [_failed(row) for row in rows["deliveries"]]
    return varied


def _ended(row: dict[str, Any]) -> dict[str, Any]:
    accepted_at = row["accepted_at"] or row["opened_at"] + timedelta(minutes=5)
    closed_at = row["closed_at"] or row["opened_at"] + timedelta(days=3)
    return {**row, "accepted_at": accepted_at, "closed_at": closed_at}


def _failed(row: dict[str, Any]) -> dict[str, Any]:
    changed = {"state": "failed", "attempts": 8, "last_status": 503, "delivered_at": None}
    return {**row, **changed, "last_error": "the endpoint answered 503", "body": b'{"type":"lead.routed"}'}


def _cells(rows: Rows) -> Iterator[Any]:
    return (cell for found in rows.values() for row in found for cell in row.values())


def _text(cell: Any) -> str:
    if isinstance(cell, bytes):
        return cell.decode()
    return cell if isinstance(cell, str) else ""


def _letters(number: int) -> str:
    """Return a number in letters, so that names remain names."""
    letters = ""
    while True:
        number, letter = divmod(number, 26)
        letters += chr(ord("a") + letter)
        if not number:
            return letters


def _as_it_is(value: Any) -> Any:
    return value


def _aged(value: datetime, convert: Callable[[Any], Any]) -> Fill:
    return lambda copy: convert(value - copy.age)


def _moved(now: datetime, convert: Callable[[Any], Any]) -> Fill:
    return lambda copy: convert(now + copy.ahead)


async def store_many_leads(
    url: str,
    lived: LivedLeads,
    leads: int,
    *,
    now: datetime,
    reps_each: int = 1,
    made: int = 1_000,
    whole: bool = True,
) -> None:
    """Store that many leads (to the next multiple) in a fresh database with every table, and analyse it.

    `made` of them are copies with events of their own; of the others, the events are those of one of these.
    Unless leads are `whole`, the events of the others are left out, and PostgreSQL does not log what it stores,
    which takes less time.
    """
    given, times = make_url(url), max(1, -(-leads // made))
    is_sqlite = given.get_backend_name() == "sqlite"
    dialect: Dialect = sqlite.dialect() if is_sqlite else postgresql.dialect()
    open_accounts = leads // 100
    many = ManyLeads(
        lived, min(leads, made), dialect=dialect, now=now, reps_each=reps_each, open_accounts=open_accounts
    )
    drops, creates = zip(
        *(
            (str(DropIndex(i).compile(dialect=dialect)), str(CreateIndex(i).compile(dialect=dialect)))
            for i in _indexes()
        ),
        strict=True,
    )
    after = [*Multiplication(dialect.name, many.named_columns(), times, whole=whole).statements(), *creates]
    if is_sqlite:
        assert given.database is not None
        with closing(sqlite3.connect(given.database, isolation_level=None)) as connection:
            _write_to_sqlite(connection, drops, many, after)
        return
    before = drops if whole else [f"ALTER TABLE {name} SET UNLOGGED" for name in metadata.tables] + [*drops]
    after.append("VACUUM ANALYZE" if whole else "ANALYZE")
    dsn = given.set(drivername="postgresql").render_as_string(hide_password=False)
    server = await asyncpg.connect(dsn, timeout=300)
    try:
        await _copy_to_postgres(server, before, many, after)
    finally:
        await server.close()


def _write_to_sqlite(
    connection: sqlite3.Connection, before: Iterable[str], many: ManyLeads, after: Iterable[str]
) -> None:
    connection.execute("PRAGMA synchronous = OFF")
    connection.execute("BEGIN IMMEDIATE")
    for statement in before:
        connection.execute(statement)
    for batch in many.batches():
        for table, rows in batch.items():
            columns = [f'"{column.name}"' for column in metadata.tables[table].columns]
            marks = ", ".join("?" * len(columns))
            connection.executemany(f"INSERT INTO {table} ({', '.join(columns)}) VALUES ({marks})", rows)
    for statement in (*after, "ANALYZE"):
        connection.execute(statement)
    connection.execute("COMMIT")
    connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")


async def _copy_to_postgres(
    connection: asyncpg.Connection, before: Iterable[str], many: ManyLeads, after: Iterable[str]
) -> None:
    await connection.execute("SET synchronous_commit = off; SET maintenance_work_mem = '256MB'")
    for statement in before:
        await connection.execute(statement)
    for batch in many.batches():
        for table, rows in batch.items():
            columns = [column.name for column in metadata.tables[table].columns]
            await connection.copy_records_to_table(table, records=rows, columns=columns)
    for statement in after:
        await connection.execute(statement)


def _indexes() -> list[Index]:
    """Return the indexes, which are quicker to build once all rows are there."""
    return [
        index
        for table in metadata.sorted_tables
        for index in sorted(table.indexes, key=lambda index: str(index.name))
    ]
