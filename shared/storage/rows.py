"""Rows as immutable values, and the identity map of a unit of work.

A decision reads rows from the `IdentityMap` and returns changes. The unit of work applies them, so that the
next event sees them, and at the end writes the difference to what was loaded. Pure.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from operator import attrgetter
from typing import Any, ClassVar, TypeVar

from msgspec import Struct

R = TypeVar("R", bound="Row")
Key = tuple[Any, ...]


class Row(Struct, frozen=True):
    """One stored row of `table`; its fields are the columns, in order.

    `key_fields` make the primary key; `indexed` are the fields that `IdentityMap.find` looks up. A row type
    with `upsert` or `once` may be put without having been loaded: with `upsert` the stored row is replaced,
    with `once` it stays.
    """

    table: ClassVar[str] = ""
    key_fields: ClassVar[tuple[str, ...]] = ()
    indexed: ClassVar[tuple[str, ...]] = ()
    upsert: ClassVar[bool] = False
    once: ClassVar[bool] = False

    @property
    def key(self) -> Key:
        raise NotImplementedError("a row type has key fields")

    def __init_subclass__(cls, **options: Any) -> None:
        """Give the row type its key; keys are read several times per event, so its reader is made once."""
        super().__init_subclass__(**options)
        if cls.key_fields:
            read = attrgetter(*cls.key_fields)
            reader = read if len(cls.key_fields) > 1 else lambda row: (read(row),)
            type.__setattr__(cls, "key", property(reader))


class Put(Struct, frozen=True):
    """Insert or replace the row."""

    row: Row


class Remove(Struct, frozen=True):
    """Delete the row of that key."""

    kind: type[Row]
    key: Key


Change = Put | Remove


class IdentityMap:
    """Rows by kind and key. Only `apply` changes it."""

    def __init__(self, loaded: Iterable[Row] = ()) -> None:
        self._rows: dict[type[Row], dict[Key, Row]] = {}
        self._index: dict[tuple[type[Row], str, Any], dict[Key, None]] = {}
        self._changed: dict[type[Row], dict[Key, None]] = {}
        self._stored: dict[tuple[type[Row], Key], Row] = {}
        self.add(loaded)

    def add(self, loaded: Iterable[Row]) -> None:
        """Add rows as they are stored in the database."""
        for row in loaded:
            key = row.key
            self._stored[type(row), key] = row
            self._put(row, key)

    def get(self, kind: type[R], *key: Any) -> R | None:
        """Return the row of that key, or None."""
        return self._rows.get(kind, {}).get(key)  # type: ignore[return-value]

    def by_key(self, kind: type[R]) -> Mapping[Key, R]:
        """Return the rows of that kind by their keys, in no order; a view, to be read at once."""
        return self._rows.get(kind, {})  # type: ignore[return-value]

    def all(self, kind: type[R]) -> Sequence[R]:
        """Return every row of that kind, in the order of their keys."""
        rows = self._rows.get(kind, {})
        return [rows[key] for key in sorted(rows)]  # type: ignore[misc]

    def find(self, kind: type[R], field: str, value: Any) -> Sequence[R]:
        """Return the rows of that kind whose indexed `field` has `value`, in the order of their keys.

        The order depends neither on the database nor on what else is in the unit of work, so that a
        decision that takes the first is the same however its event was batched.
        """
        rows = self._rows.get(kind, {})
        return [rows[key] for key in sorted(self._index.get((kind, field, value), ()))]  # type: ignore[misc]

    def apply(self, changes: Iterable[Change]) -> None:
        """Apply the changes of one decision."""
        for change in changes:
            if isinstance(change, Put):
                kind, key = type(change.row), change.row.key
                self._put(change.row, key)
            else:
                kind, key = change.kind, change.key
                self._unindex(kind, key)
                self._rows.get(kind, {}).pop(key, None)
            self._changed.setdefault(kind, {})[key] = None

    def changed(self, kind: type[R]) -> Iterator[tuple[R | None, R | None]]:
        """Yield the rows of that kind that were put or removed: as stored and as they are, None for none."""
        for key in self._changed.get(kind, ()):
            stored: R | None = self._stored.get((kind, key))  # type: ignore[assignment]
            yield stored, self.get(kind, *key)

    def pending_writes(self) -> Mapping[type[Row], PendingWrites]:
        """Return the rows to write, per kind and in key order, without rows that are as stored."""
        pending: dict[type[Row], PendingWrites] = {}
        for kind, keys in self._changed.items():
            writes = pending[kind] = PendingWrites([], [], [])
            rows = self._rows.get(kind, {})
            for key in sorted(keys):
                row, stored = rows.get(key), self._stored.get((kind, key))
                if row is None:
                    # A row that may be put without having been loaded may be stored all the same.
                    if stored is not None or kind.upsert or kind.once:
                        writes.removed.append(key)
                elif stored is None:
                    writes.inserted.append(row)
                elif row != stored:
                    writes.updated.append(row)
        return pending

    def _put(self, row: Row, key: Key) -> None:
        kind = type(row)
        if kind.indexed:
            self._unindex(kind, key)
            for field in kind.indexed:
                self._index.setdefault((kind, field, getattr(row, field)), {})[key] = None
        self._rows.setdefault(kind, {})[key] = row

    def _unindex(self, kind: type[Row], key: Key) -> None:
        before = self._rows.get(kind, {}).get(key)
        if before is not None:
            for field in kind.indexed:
                self._index[kind, field, getattr(before, field)].pop(key, None)


class PendingWrites(Struct):
    """The rows of one kind to insert and to update, and the keys of those to delete."""

    inserted: list[Row]
    updated: list[Row]
    removed: list[Key]
