"""The rows of one world of a backtest: read when a decision asks for them, kept in the backtest's file."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import cache
from typing import Any, Final, TypeVar

import msgspec

from services.ledger.backtest.replay_timers import ReplayTimers
from services.ledger.backtest.work_file import WorkFile
from services.router.domain.state import AssignmentRow, RoutedLeadRow
from services.scorer.domain.rescore import AT_ONCE_MAX, CHUNK
from services.scorer.domain.state import AccountRow, ChunkRow, ScoreRow
from shared.storage.rows import Change, IdentityMap, Key, Put, Row
from shared.worker.rows import TimerRow

R = TypeVar("R", bound=Row)
_Place = tuple[type[Row], str, Any]

_HELD_MAX: Final = 20_000
"""Decoded rows that are held between two chunks, at most."""


class ReplayRows(IdentityMap):
    """Behaves as an `IdentityMap` into which every row of the world was loaded.

    Decisions set `timers` and do not read them. `scope` are the leads that `all` returns, as a live unit of
    work has loaded only those that it is about. An account with more leads than are scored at once has no
    leads here, as live; they come with `with_chunk`.
    """

    def __init__(self, file: WorkFile, world: str) -> None:
        super().__init__()
        self._file = file
        self.world = world
        self.scope: tuple[str, ...] = ()
        self.timers = ReplayTimers(file, world)
        self._held: dict[tuple[type[Row], Key], Row | None] = {}
        self._places: dict[_Place, dict[Key, None]] = {}
        self._fresh: dict[_Place, dict[Key, None]] = {}
        self._dirty: dict[tuple[type[Row], Key], None] = {}
        self._whole: dict[type[Row], dict[Key, Row]] = {}
        self._found: dict[_Place, list[Row]] = {}

    def get(self, kind: type[R], *key: Any) -> R | None:
        if kind in self._whole:
            return self._whole[kind].get(key)  # type: ignore[return-value]
        place = (kind, key)
        try:
            return self._held[place]  # type: ignore[return-value]
        except KeyError:
            row = self._held[place] = self._read(kind, key)
            return row  # type: ignore[return-value]

    def by_key(self, kind: type[R]) -> Mapping[Key, R]:
        if kind not in self._whole:
            rows: dict[Key, Row] = {row.key: row for row in self.stored(kind)}
            for held, key in self._dirty:
                if held is kind:
                    row = self._held[held, key]
                    rows.pop(key, None) if row is None else rows.update({key: row})
            self._whole[kind] = rows
        return self._whole[kind]  # type: ignore[return-value]

    def stored(self, kind: type[R]) -> Iterator[R]:
        """Yield the rows of a kind as they were when they were last written to the file."""
        query = "SELECT data FROM rows WHERE world = ? AND kind = ?"
        for (data,) in self._file.db.execute(query, (self.world, kind.__name__)):
            yield _decode(kind, data)

    def all(self, kind: type[R]) -> Sequence[R]:
        if kind is RoutedLeadRow:
            found = (self.get(kind, lead_id) for lead_id in sorted(self.scope))
            return [row for row in found if row is not None]
        rows = self.by_key(kind)
        return [rows[key] for key in sorted(rows)]

    def find(self, kind: type[R], field: str, value: Any) -> Sequence[R]:
        if kind is ScoreRow and field == "account":
            account = self.get(AccountRow, value)
            if account is not None and account.leads > AT_ONCE_MAX:
                return []
        place = (kind, field, value)
        found = self._found.get(place)
        if found is None:
            keys = self._places.get(place)
            if keys is None:
                keys = self._places[place] = self._stored_keys(kind, field, value)
            rows = [self.get(kind, *key) for key in sorted(keys)]
            found = [row for row in rows if row is not None]
            if not _is_placed_by_key(kind):
                self._found[place] = found
        return found  # type: ignore[return-value]

    def apply(self, changes: Iterable[Change]) -> None:
        # Most changes are balances of reps, one for each rep of a queue at each assignment.
        for change in changes:
            if not isinstance(change, Put):
                if change.kind is TimerRow:
                    self.timers.remove(change.key)
                elif change.kind is not ChunkRow:
                    self._set(change.kind, change.key, None)
                continue
            row, kind = change.row, type(change.row)
            key, whole = row.key, self._whole.get(kind)
            if whole is not None and key in whole and _is_placed_by_key(kind):
                whole[key] = row
                self._dirty[kind, key] = None
            elif isinstance(row, TimerRow):
                self.timers.put(row)
            elif kind is not ChunkRow:
                self._set(kind, key, row)

    def with_chunk(self, account: str, cursor: str) -> None:
        """Hold the next leads of a re-score of an account, as the live scorer loads them."""
        self.flush()
        query = (
            "SELECT key FROM rows INDEXED BY rows_first"
            " WHERE world = ? AND kind = 'ScoreRow' AND first = ? AND key > ?"
            " ORDER BY key LIMIT ?"
        )
        found = self._file.db.execute(query, (self.world, account, cursor, CHUNK))
        leads = tuple(key for (key,) in found)
        self._held[ChunkRow, (account,)] = ChunkRow(account, leads, last=len(leads) < CHUNK)

    def flush(self) -> None:
        """Write what changed to the file, and let go of what is held where it is too much."""
        written, removed = [], []
        for kind, key in self._dirty:
            row = self._whole[kind].get(key) if kind in self._whole else self._held[kind, key]
            name, text = kind.__name__, _text(key)
            if row is None:
                removed.append((self.world, name, text))
                continue
            places = [None if (value := _place(row, field)) is None else str(value) for field in kind.indexed]
            first, second, *_ = [*places, None, None]
            written.append((self.world, name, text, first, second, _encode(row)))
        self._file.db.executemany("DELETE FROM rows WHERE world = ? AND kind = ? AND key = ?", removed)
        self._file.db.executemany("INSERT OR REPLACE INTO rows VALUES (?, ?, ?, ?, ?, ?)", written)
        self._dirty.clear()
        self._fresh.clear()
        self.timers.flush()
        if len(self._held) + len(self._places) > _HELD_MAX:
            self._held.clear()
            self._places.clear()
            self._found.clear()

    def forget(self) -> None:
        """Hold nothing any more: the file was changed from outside."""
        for held in (self._held, self._places, self._found, self._fresh, self._dirty, self._whole):
            held.clear()
        self.timers.forget()

    def _read(self, kind: type[Row], key: Key) -> Row | None:
        if kind is TimerRow:
            return None  # decisions do not read timers, they set them
        query = "SELECT data FROM rows WHERE world = ? AND kind = ? AND key = ?"
        found = self._file.db.execute(query, (self.world, kind.__name__, _text(key))).fetchone()
        return None if found is None else _decode(kind, found[0])

    def _stored_keys(self, kind: type[Row], field: str, value: Any) -> dict[Key, None]:
        column = "first" if kind.indexed.index(field) == 0 else "second"
        # Told which index: without statistics SQLite reads all rows of the kind by the primary key.
        query = (
            f"SELECT data FROM rows INDEXED BY rows_{column} WHERE world = ? AND kind = ? AND {column} = ?"
        )
        keys: dict[Key, None] = {}
        for (data,) in self._file.db.execute(query, (self.world, kind.__name__, str(value))):
            stored = _decode(kind, data)
            row = self._held.setdefault((kind, stored.key), stored)
            if row is not None and _place(row, field) == value:
                keys[stored.key] = None
        return keys | self._fresh.get((kind, field, value), {})

    def _set(self, kind: type[Row], key: Key, row: Row | None) -> None:
        before = self.get(kind, *key) if kind.indexed else None
        for field in kind.indexed:
            old = (kind, field, None if before is None else _place(before, field))
            new = (kind, field, None if row is None else _place(row, field))
            self._found.pop(old, None)
            if before is not None and old == new:
                continue
            self._found.pop(new, None)
            for places in (self._places, self._fresh):
                if old in places:
                    places[old].pop(key, None)
            if row is not None and new[2] is not None:
                self._fresh.setdefault(new, {})[key] = None
                if new in self._places:
                    self._places[new][key] = None
        if kind in self._whole:
            whole = self._whole[kind]
            whole.pop(key, None) if row is None else whole.update({key: row})
        else:
            self._held[kind, key] = row
        self._dirty[kind, key] = None


@cache
def _is_placed_by_key(kind: type[Row]) -> bool:
    """Tell whether a row of this kind is always found by the same values."""
    return set(kind.indexed) <= set(kind.key_fields)


def _place(row: Row, field: str) -> Any:
    """Return the value by which the row is found; nobody looks for the ended assignments of an account."""
    if isinstance(row, AssignmentRow) and field == "account" and not row.active:
        return None
    return getattr(row, field)


_encode = msgspec.msgpack.Encoder().encode
_decoders: dict[type[Row], msgspec.msgpack.Decoder[Any]] = {}


def _decode(kind: type[R], data: bytes) -> R:
    decoder = _decoders.get(kind)
    if decoder is None:
        decoder = _decoders[kind] = msgspec.msgpack.Decoder(kind)
    return decoder.decode(data)  # type: ignore[no-any-return]


def _text(key: Key) -> str:
    """Return a key as text that sorts as the key does."""
    return "\x1f".join(map(str, key))
