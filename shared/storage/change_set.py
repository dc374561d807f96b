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
        self._changes: dict[type[Row], dict[Key, Row | None]] = {}
        self._emits: list[Emit] = []

    @property
    def changes(self) -> Sequence[Change]:
        return tuple(
            [
                Remove(kind, key) if row is None else Put(row)
                for kind, rows in self._changes.items()
                for key, row in rows.items()
            ]
        )

    @property
    def by_kind(self) -> Mapping[type[Row], Mapping[Key, Row | None]]:
        """The changed rows by kind and key, None for a row that is removed."""
        return self._changes

    @property
    def emits(self) -> Sequence[Emit]:
        return tuple(self._emits)

    def get(self, kind: type[R], *key: Any) -> R | None:
        """Return the row of that key, or None."""
        changed = self._changes.get(kind)
        if changed is None or key not in changed:
            return self._rows.get(kind, *key)
        return changed[key]  # type: ignore[return-value]

    def before(self, kind: type[R], *key: Any) -> R | None:
        """Return the row of that key as it was when the decision began, or None."""
        return self._rows.get(kind, *key)

    def by_key(self, kind: type[R]) -> Mapping[Key, R]:
        """Return the rows of that kind by their keys, in no order; a view, to be read at once."""
        rows, changed = self._rows.by_key(kind), self._changes.get(kind)
        if changed is None:
            return rows
        merged: dict[Key, R | None] = {**rows, **changed}  # type: ignore[dict-item]
        if None in changed.values():
            return {key: row for key, row in merged.items() if row is not None}
        return merged  # type: ignore[return-value]

    def find(self, kind: type[R], field: str, value: Any) -> Sequence[R]:
        """Return the rows of that kind whose indexed `field` has `value`, those that changed last."""
        rows, changed = self._rows.find(kind, field, value), self._changes.get(kind)
        if changed is None:
            return rows
        found: list[R] = [row for row in rows if row.key not in changed]
        found += [row for row in changed.values() if row is not None and getattr(row, field) == value]  # type: ignore[misc]
        return found

    def put_all(self, kind: type[R], rows: Mapping[Key, R]) -> None:
        """Insert or replace rows of one kind, which are given by their keys."""
        self._changes.setdefault(kind, {}).update(rows)

    def put(self, row: Row) -> None:
        """Insert or replace the row."""
        kind = type(row)
        changed = self._changes.get(kind)
        if changed is None:
            changed = self._changes[kind] = {}
        changed[row.key] = row

    def remove(self, kind: type[Row], *key: Any) -> None:
        """Delete the row of that key."""
        self._changes.setdefault(kind, {})[key] = None

    def emit(self, data: Struct, *, subject: str, key: str, cause: str = "") -> None:
        """Add an event, after those emitted before. See `Emit` for `cause`."""
        self._emits.append(Emit(data, subject, key, cause))
