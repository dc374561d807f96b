"""The rows of one world of a backtest: read when a decision asks for them, kept in the backtest's file."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import cache
from typing import Any, Final, TypeVar

import msgspec
from msgspec.structs import replace

from services.ledger.backtest.replay_timers import ReplayTimers
from services.ledger.backtest.work_file import WorkFile
from services.router.domain.state import AssignmentRow, RoutedLeadRow
from services.scorer.domain.rematch import NAMES_AT_ONCE_MAX, rematch_chunk
from services.scorer.domain.rescore import AT_ONCE_MAX, CHUNK
from services.scorer.domain.state import (
    AccountRow,
    ChunkRow,
    LeadCompanyNameRow,
    RematchChunkRow,
    RematchRow,
    ScoreRow,
)
from shared.storage.rows import Change, IdentityMap, Key, Put, Row
from shared.worker.rows import TimerRow

R = TypeVar("R", bound=Row)
_Place = tuple[type[Row], str, Any]
_Rows = dict[type[Row], dict[Key, Row | None]]

_HELD_MAX: Final = 20_000
"""A generation of decoded rows has so many; two generations are held between two chunks."""


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
        self._held: _Rows = defaultdict(dict)
        self._held_before: _Rows = defaultdict(dict)
        self._places: dict[_Place, dict[Key, None]] = {}
        self._places_before: dict[_Place, dict[Key, None]] = {}
        self._fresh: dict[_Place, dict[Key, None]] = {}
        self._dirty: dict[type[Row], dict[Key, None]] = defaultdict(dict)
        self._whole: set[type[Row]] = set()  # kinds of which all rows are held
        self._found: dict[_Place, list[Row]] = {}

    def get(self, kind: type[R], *key: Any) -> R | None:
        held = self._held[kind]
        try:
            return held[key]  # type: ignore[return-value]
        except KeyError:
            if kind in self._whole:
                return None
            before = self._held_before[kind]
            row = held[key] = before[key] if key in before else self._read(kind, key)
            return row  # type: ignore[return-value]

    def before(self, kind: type[R], key: Key) -> R | None:
        """Return the row that is changed, None for a new one. An assignment is read before it is changed."""
        if kind is AssignmentRow:
            held = self._held[kind]
            return held[key] if key in held else self._held_before[kind].get(key)  # type: ignore[return-value]
        return self.get(kind, *key)

    def by_key(self, kind: type[R]) -> Mapping[Key, R]:
        if kind not in self._whole:
            rows: dict[Key, Row | None] = {row.key: row for row in self.stored(kind)}
            rows |= {key: self._held[kind][key] for key in self._dirty[kind]}
            self._held[kind] = {key: row for key, row in rows.items() if row is not None}
            self._held_before.pop(kind, None)
            self._whole.add(kind)
        return self._held[kind]  # type: ignore[return-value]

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
                keys = self._places_before.pop(place, None)
                if keys is None:
                    keys = self._stored_keys(kind, field, value)
                self._places[place] = keys
            rows = [self.get(kind, *key) for key in sorted(keys)]
            found = [row for row in rows if row is not None]
            if not _is_placed_by_key(kind):
                self._found[place] = found
        return found  # type: ignore[return-value]

    def put(self, *rows: Row) -> None:
        """Insert or replace rows."""
        for row in rows:
            self.apply_by_kind({type(row): {row.key: row}})

    def apply(self, changes: Iterable[Change]) -> None:
        for change in changes:
            if isinstance(change, Put):
                self.put(change.row)
            else:
                self.apply_by_kind({change.kind: {change.key: None}})

    def apply_by_kind(self, changed: Mapping[type[Row], Mapping[Key, Row | None]]) -> None:
        """Apply the changes of one decision: rows by kind and key, None for one that is removed."""
        for kind, rows in changed.items():
            if kind is TimerRow:
                for key, timer in rows.items():
                    if isinstance(timer, TimerRow):
                        self.timers.put(timer)
                    else:
                        self.timers.remove(key)
            elif (
                kind in self._whole
                and _is_placed_by_key(kind)
                and rows.keys() <= self._held[kind].keys()
                and None not in rows.values()
            ):
                # Most changes are balances of reps, one for each rep of a queue at each assignment.
                self._held[kind].update(rows)
                self._dirty[kind].update(dict.fromkeys(rows))
            elif kind.indexed or kind in self._whole:
                for key, row in rows.items():
                    self._set(kind, key, row)
            elif kind is not ChunkRow:
                self._held[kind].update(rows)
                self._dirty[kind].update(dict.fromkeys(rows))

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
        self._held[ChunkRow][account,] = ChunkRow(account, leads, last=len(leads) < CHUNK)

    def with_rematch(self, row: RematchRow) -> None:
        """Hold the next leads of a rematch, as the live scorer loads them."""
        self.flush()
        query = (
            "SELECT data FROM rows INDEXED BY rows_first"
            " WHERE world = ? AND kind = 'LeadCompanyNameRow' AND first = ? AND key > ?"
            " ORDER BY key LIMIT ?"
        )
        names: dict[str, list[LeadCompanyNameRow]] = {}
        for block in row.blocks:
            after = _text((block, row.cursor if block == row.blocks[0] else ""))
            found = self._file.db.execute(query, (self.world, block, after, NAMES_AT_ONCE_MAX))
            names[block] = [_decode(LeadCompanyNameRow, data) for (data,) in found]
        self._held[RematchChunkRow][row.account,] = rematch_chunk(row, names)

    def flush(self) -> None:
        """Write what changed to the file, and let go of what is held where it is too much."""
        written, removed = [], []
        for kind, keys in self._dirty.items():
            rows, name = self._held[kind], kind.__name__
            for key in keys:
                row, text = rows.get(key), _text(key)
                if row is None:
                    removed.append((self.world, name, text))
                    continue
                places = [
                    None if (value := _place(row, field)) is None else str(value) for field in kind.indexed
                ]
                self._file.known.add((name, text))
                for field, place in zip(kind.indexed, places, strict=True):
                    self._file.known.add((name, field, place))
                first, second, *_ = [*places, None, None]
                if isinstance(row, RoutedLeadRow) and row.scored is not None:
                    # By far the largest field, and mostly the same in both worlds.
                    row = replace(row, scored=b"%d" % self._file.put_score(row.scored))
                written.append((self.world, name, text, first, second, _encode(row)))
        self._file.db.executemany("DELETE FROM rows WHERE world = ? AND kind = ? AND key = ?", removed)
        self._file.db.executemany("INSERT OR REPLACE INTO rows VALUES (?, ?, ?, ?, ?, ?)", written)
        self._dirty.clear()
        self._fresh.clear()
        self.timers.flush()
        if sum(map(len, self._held.values())) + len(self._places) > _HELD_MAX:
            before, self._held = self._held, defaultdict(dict)
            self._held.update({kind: before.pop(kind) for kind in self._whole})
            self._held_before = before
            self._places_before, self._places = self._places, {}
            self._found.clear()

    def forget(self) -> None:
        """Hold nothing any more: the file was changed from outside."""
        for rows in (self._held, self._held_before, self._dirty):
            rows.clear()
        self._whole.clear()
        for places in (self._places, self._places_before, self._fresh, self._found):
            places.clear()
        self.timers.forget()

    def _read(self, kind: type[Row], key: Key) -> Row | None:
        if kind is TimerRow:
            return None  # decisions do not read timers, they set them
        name, text = kind.__name__, _text(key)
        if not self._file.known.may_have((name, text)):
            return None
        query = "SELECT data FROM rows WHERE world = ? AND kind = ? AND key = ?"
        found = self._file.db.execute(query, (self.world, name, text)).fetchone()
        row = None if found is None else _decode(kind, found[0])
        if isinstance(row, RoutedLeadRow) and row.scored is not None:
            return replace(row, scored=self._file.score(int(row.scored)))
        return row

    def _stored_keys(self, kind: type[Row], field: str, value: Any) -> dict[Key, None]:
        if kind in self._whole:
            held = self._held[kind].items()
            return {key: None for key, row in held if row is not None and _place(row, field) == value}
        column = "first" if kind.indexed.index(field) == 0 else "second"
        # The index is named: without statistics SQLite reads all rows of the kind by the primary key.
        query = (
            f"SELECT data FROM rows INDEXED BY rows_{column} WHERE world = ? AND kind = ? AND {column} = ?"
        )
        keys: dict[Key, None] = {}
        is_known = self._file.known.may_have((kind.__name__, field, str(value)))
        found = self._file.db.execute(query, (self.world, kind.__name__, str(value))) if is_known else ()
        for (data,) in found:
            stored = _decode(kind, data)
            key = stored.key
            before = self._held_before[kind]
            row = self._held[kind].setdefault(key, before.get(key, stored))
            if row is not None and _place(row, field) == value:
                keys[key] = None
        return keys | self._fresh.get((kind, field, value), {})

    def _set(self, kind: type[Row], key: Key, row: Row | None) -> None:
        before = self.before(kind, key) if kind.indexed else None
        for field in kind.indexed:
            old = (kind, field, None if before is None else _place(before, field))
            new = (kind, field, None if row is None else _place(row, field))
            self._found.pop(old, None)
            if before is not None and old == new:
                continue
            self._found.pop(new, None)
            for places in (self._places, self._places_before, self._fresh):
                if old in places:
                    places[old].pop(key, None)
            if row is not None and new[2] is not None:
                self._fresh.setdefault(new, {})[key] = None
                for places in (self._places, self._places_before):
                    if new in places:
                        places[new][key] = None
        if row is None and kind in self._whole:
            self._held[kind].pop(key, None)
        else:
            self._held[kind][key] = row
        self._dirty[kind][key] = None


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
