"""The events of a long history in an SQLite file: 10,000 leads of a generated month are half a gigabyte."""

from __future__ import annotations

import sqlite3
from collections.abc import Collection, Iterable, Iterator
from pathlib import Path
from typing import Any, Final

from services.ledger.backtest.work_file import RecordedEvent, StoredEvent, instant, micros
from shared.lead.events.envelope import Event

_WRITTEN_TOGETHER: Final = 2_000
_SCHEMA: Final = """
CREATE TABLE IF NOT EXISTS events(
    id TEXT, source TEXT, type TEXT, subject TEXT, key TEXT, at INTEGER, cause TEXT, sequence INTEGER, data TEXT,
    PRIMARY KEY(id, source));
"""


class EventFile:
    """Takes events in place of a list, and returns them as the ledger passes them to a backtest."""

    def __init__(self, path: Path) -> None:
        self._db = sqlite3.connect(path, isolation_level=None)
        self._db.execute("PRAGMA journal_mode=OFF")
        self._db.execute("PRAGMA synchronous=OFF")
        self._db.execute(_SCHEMA)
        self._db.execute("BEGIN")
        self._unwritten: list[tuple[Any, ...]] = []

    def extend(self, events: Iterable[Event[Any]]) -> None:
        """Add events after those that were added before."""
        for one in events:
            key, sequence = str(one.key), getattr(one.data, "sequence", None)
            at, data = micros(one.time), one.raw.decode()
            self._unwritten.append(
                (one.id, one.source, one.type, one.subject, key, at, one.causation_id, sequence, data)
            )
        if len(self._unwritten) >= _WRITTEN_TOGETHER:
            self.commit()

    def commit(self) -> None:
        """Write all that was added."""
        self._db.executemany("INSERT INTO events VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)", self._unwritten)
        self._unwritten.clear()
        self._db.execute("COMMIT")
        self._db.execute("BEGIN")

    def __len__(self) -> int:
        count: int = self._db.execute("SELECT count(*) FROM events").fetchone()[0]
        return count

    def last_at(self) -> int:
        """Return when the last event happened, in microseconds since 1970."""
        last: int = self._db.execute("SELECT max(at) FROM events").fetchone()[0]
        return last

    def recorded(self, together: int) -> Iterator[list[RecordedEvent]]:
        """Yield all events without their data, so many together."""
        found = self._db.execute("SELECT id, source, type, subject, at, cause, sequence FROM events")
        while rows := found.fetchmany(together):
            yield [
                RecordedEvent(id_, source, type_, subject, instant(at), instant(at), cause, sequence)
                for id_, source, type_, subject, at, cause, sequence in rows
            ]

    def stored(self, ids: Collection[str]) -> list[StoredEvent]:
        """Return the events of these ids with their data."""
        marks = ", ".join("?" * len(ids))
        found = self._db.execute(
            f"SELECT id, source, type, subject, key, at, cause, data FROM events WHERE id IN ({marks})",
            sorted(ids),
        )
        return [
            StoredEvent(id_, source, type_, subject, key, instant(at), cause, data)
            for id_, source, type_, subject, key, at, cause, data in found
        ]

    def data(self) -> Iterator[tuple[str, bytes]]:
        """Yield the type and the data of all events."""
        for type_, data in self._db.execute("SELECT type, data FROM events"):
            yield type_, data.encode()

    def close(self) -> None:
        self._db.close()
