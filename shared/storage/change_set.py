"""The changes and events of one decision in progress, on top of the rows that it began with."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, TypeVar

from msgspec import Struct

from shared.lead.events.envelope import Emit
from shared.storage.rows import Change, IdentityMap, Key, Put, Remove, Row

R = TypeVar("R", bound=Row)


class ChangeSet:
    """Reads see the changes made so far; the `IdentityMap` itself is not changed. Pure."""

    def __init__(self, rows: IdentityMap) -> None:
        self._rows = rows
        self._changes: dict[tuple[type[Row], Key], Change] = {}
        self._emits: list[Emit] = []
        self._kinds: set[type[Row]] = set()
        """The kinds of rows that changed."""

    @property
    def changes(self) -> Sequence[Change]:
        return tuple(self._changes.values())

    @property
    def emits(self) -> Sequence[Emit]:
        return tuple(self._emits)

    def get(self, kind: type[R], *key: Any) -> R | None:
        """Return the row of that key, or None."""
        change = self._changes.get((kind, key))
        if change is None:
            return self._rows.get(kind, *key)
        return change.row if isinstance(change, Put) else None  # type: ignore[return-value]

    def by_key(self, kind: type[R]) -> Mapping[Key, R]:
        """Return the rows of that kind by their keys, in no order; a view, to be read at once."""
        rows = self._rows.by_key(kind)
        if kind not in self._kinds:
            return rows
        changes = [(key, change) for (changed, key), change in self._changes.items() if changed is kind]
        merged = dict(rows)
        for key, change in changes:
            if isinstance(change, Put):
                merged[key] = change.row  # type: ignore[assignment]
            else:
                merged.pop(key, None)
        return merged

    def find(self, kind: type[R], field: str, value: Any) -> list[R]:
        """Return the rows of that kind whose indexed `field` has `value`."""
        rows = self._rows.find(kind, field, value)
        if kind not in self._kinds:
            return list(rows)
        found = {row.key: row for row in rows}
        for (changed, key), change in self._changes.items():
            if changed is not kind:
                continue
            found.pop(key, None)
            if isinstance(change, Put) and getattr(change.row, field) == value:
                found[key] = change.row  # type: ignore[assignment]
        return list(found.values())

    def put(self, row: Row) -> None:
        """Insert or replace the row."""
        self._changes[type(row), row.key] = Put(row)
        self._kinds.add(type(row))

    def remove(self, kind: type[Row], *key: Any) -> None:
        """Delete the row of that key."""
        self._changes[kind, key] = Remove(kind, key)
        self._kinds.add(kind)

    def emit(self, data: Struct, *, subject: str, key: str, cause: str = "") -> None:
        """Add an event, after those emitted before. See `Emit` for `cause`."""
        self._emits.append(Emit(data, subject, key, cause))
