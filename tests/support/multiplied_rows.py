"""SQL that multiplies the rows of leads within a database, so that each row of the result is about another lead."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from collections.abc import Set as AbstractSet
from typing import Any, Final

from sqlalchemy import Column, LargeBinary, Table, Text

from services.tables import metadata
from shared.storage.types import Json, UtcTime

_SECONDS_APART: Final = 61
_LARGE: Final = 200
_DUE: Final = ("due_at", "recycle_at")
_NUMBERS: Final = {
    "postgresql": "SELECT generate_series(1, {}) AS nth",
    "sqlite": "WITH RECURSIVE numbers(nth) AS (SELECT 1 UNION ALL SELECT nth + 1 FROM numbers"
    " WHERE nth < {}) SELECT nth FROM numbers",
}
_HEX: Final = {"postgresql": "lpad(to_hex(nth), 12, '0')", "sqlite": "printf('%012x', nth)"}
_LATER: Final = {
    "postgresql": f"nth * interval '{_SECONDS_APART} seconds'",
    "sqlite": f"nth * {_SECONDS_APART}000000",
}


class Multiplication:
    """Makes `times` rows of each; `named` says which columns name a lead (`id`) or an account.

    Unless they are `whole`, the large cells of the added rows are empty.
    """

    def __init__(
        self, dialect: str, named: Mapping[tuple[str, str], AbstractSet[str]], times: int, *, whole: bool
    ) -> None:
        self._dialect = dialect
        self._named = named
        self._added = times - 1
        self._whole = whole

    def statements(self) -> Iterator[str]:
        """Yield a statement for each table, unless there is nothing to add."""
        names = sorted({table for table, _column in self._named}) if self._added else []
        for table in (metadata.tables[name] for name in names):
            columns = ", ".join(f'"{column.name}"' for column in table.columns)
            values = ", ".join(self._value(table, column) for column in table.columns)
            numbers = _NUMBERS[self._dialect].format(self._added)
            # What waits for an open assignment is left out: what is added has ended.
            where = "WHERE role <> 'router'" if table.name == "timers" else ""
            yield (
                f"INSERT INTO {table.name} ({columns}) SELECT {values} FROM {table.name}"
                f" CROSS JOIN ({numbers}) AS numbers {where}"
            )

    def _value(self, table: Table, column: Column[Any]) -> str:
        name = f'"{column.name}"'
        if table.name == "assignments" and column.name in ("accepted_at", "closed_at"):
            return f"coalesce({name}, opened_at) - {_LATER[self._dialect]}"
        if isinstance(column.type, UtcTime):
            return f"{name} {'+' if column.name in _DUE else '-'} {_LATER[self._dialect]}"
        kinds = self._named.get((table.name, column.name))
        if kinds:
            return self._renamed(name, kinds)
        if self._whole or not isinstance(column.type, Text | Json | LargeBinary):
            return name
        if isinstance(column.type, LargeBinary):
            return "NULL"
        empty = f"CASE substr({name}, 1, 1) WHEN '{{' THEN '{{}}' WHEN '[' THEN '[]' ELSE '' END"
        return f"CASE WHEN length({name}) > {_LARGE} THEN {empty} ELSE {name} END"

    def _renamed(self, name: str, kinds: AbstractSet[str]) -> str:
        lead, account = f"substr({name}, 1, 24) || {_HEX[self._dialect]}", f"nth || '-' || {name}"
        if kinds == {"id"}:
            return lead
        if kinds == {"account"}:
            return account
        return f"CASE WHEN length({name}) = 36 AND substr({name}, 24, 1) = '-' THEN {lead} ELSE {account} END"


def is_short_text(column: Column[Any], value: Any) -> bool:
    """Tell whether a cell may name something by itself, and is no document that mentions it."""
    is_text = isinstance(value, str) and not isinstance(column.type, Json)
    return is_text and len(value) <= _LARGE and not value.startswith(("{", "["))
