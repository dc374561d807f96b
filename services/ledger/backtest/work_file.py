"""The file in which a backtest keeps everything: what is left to do, the rows of both worlds, its progress.

It is an SQLite database of its own, so that memory stays flat however long the history is. What some chunks
of steps changed is committed together with the number of the last step: a backtest whose process died goes on
from there.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Final

import msgspec
from msgspec import Struct

from services.ledger.backtest.known_keys import KnownKeys
from services.scorer.domain.rescore import CHUNK
from shared.lead.ids import derive_id, event_cause

_SCHEMA: Final = """
CREATE TABLE IF NOT EXISTS recorded(
    id TEXT, source TEXT, type TEXT, subject TEXT, at INTEGER, recorded_at INTEGER, cause TEXT,
    sequence INTEGER, PRIMARY KEY(id, source)) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS steps(
    number INTEGER PRIMARY KEY, at INTEGER, kind TEXT, id TEXT, source TEXT, subject TEXT, cause TEXT,
    effect TEXT);
CREATE INDEX IF NOT EXISTS recorded_cause ON recorded(cause, subject);
CREATE INDEX IF NOT EXISTS recorded_subject ON recorded(subject, type);
CREATE TABLE IF NOT EXISTS rows(
    world TEXT, kind TEXT, key TEXT, first TEXT, second TEXT, data BLOB,
    PRIMARY KEY(world, kind, key)) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS rows_first ON rows(world, kind, first) WHERE first IS NOT NULL;
CREATE INDEX IF NOT EXISTS rows_second ON rows(world, kind, second) WHERE second IS NOT NULL;
CREATE TABLE IF NOT EXISTS timers(
    world TEXT, subject TEXT, role TEXT, kind TEXT, due INTEGER, fires INTEGER,
    PRIMARY KEY(world, subject, role, kind)) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS timers_fire ON timers(world, fires);
CREATE TABLE IF NOT EXISTS waiting(
    world TEXT, lead_id TEXT, queue TEXT, since INTEGER, PRIMARY KEY(world, lead_id)) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS waiting_since ON waiting(world, queue, since, lead_id);
CREATE TABLE IF NOT EXISTS pending(
    world TEXT, subject TEXT, cause TEXT, data BLOB, PRIMARY KEY(world, subject, cause)) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS scores(number INTEGER PRIMARY KEY, data BLOB);
CREATE TABLE IF NOT EXISTS moves(number INTEGER PRIMARY KEY, data BLOB);
CREATE TABLE IF NOT EXISTS state(name TEXT PRIMARY KEY, data BLOB) WITHOUT ROWID;
"""
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND: Final = timedelta(microseconds=1)
_SCORES_MAX: Final = 5_000
"""Scores whose numbers are held: a score is written again where its number was forgotten."""
_ORDINALS_MAX: Final = 2 * CHUNK
"""One decision emits fewer events."""
_EFFECTS_MAX: Final = 1_000
"""Answers of `has_effect` that are held: both worlds ask the same within a step."""

_SCORER_INPUTS: Final = (
    "baton.lead.enriched.v1",
    "baton.signal.received.v1",
    "baton.account.received.v1",
    "baton.lead.matched.v1",
    "baton.account.enriched.v1",
)
_ROUTER_INPUTS: Final = ("baton.action.received.v1", "baton.outcome.received.v1")
_ROUTER_EFFECTS: Final = (
    "routed",
    "updated",
    "suppressed",
    "reassigned",
    "handed_off",
    "escalated",
    "alerted",
    "closed",
)
SCORED: Final = "baton.lead.scored.v1"
REPLAYED_TYPES: Final = (
    *_SCORER_INPUTS,
    *_ROUTER_INPUTS,
    SCORED,
    "baton.lead.received.v1",
    "baton.account.qualified.v1",
    *(f"baton.lead.{name}.v1" for name in _ROUTER_EFFECTS),
)
"""The types of events that a replay reads, or whose times put it in order."""


def micros(at: datetime) -> int:
    """Return the instant as microseconds since 1970."""
    return (at - _EPOCH) // _MICROSECOND


def instant(number: int) -> datetime:
    """Return the instant of so many microseconds since 1970."""
    return _EPOCH + number * _MICROSECOND


class RecordedEvent(Struct, frozen=True, array_like=True):
    """An event of the ledger without its data: what the order of a replay follows from."""

    id: str
    source: str
    type: str
    subject: str
    at: datetime
    recorded_at: datetime
    cause: str
    sequence: int | None


class StoredEvent(Struct, frozen=True, array_like=True):
    """An event of the ledger with its data."""

    id: str
    source: str
    type: str
    subject: str
    key: str
    at: datetime
    cause: str
    data: str


class PlannedStep(Struct, frozen=True):
    """One thing to decide again, at the instant at which it was decided.

    `kind` is `score`, `route`, `act`, `wait` or `fire`; `id` and `source` name the event that is decided on,
    `cause` what led to it, and `effect` the event that the live decision emitted, "" if it emitted none. The
    steps `wait` and `fire` are timers, of which `cause` is the id.
    """

    number: int
    at: datetime
    kind: str
    id: str
    source: str
    subject: str
    cause: str
    effect: str

    @property
    def decided_by(self) -> str:
        """The source of the event that the live decision emitted."""
        if self.kind in ("wait", "fire"):
            return self.source
        return "/baton/scorer" if self.kind == "score" else "/baton/router"


class WorkFile:
    """A backtest's file. Every method but `commit` is part of what the next `commit` ends."""

    def __init__(self, path: Path | str) -> None:
        self.db = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
        for pragma in (
            "journal_mode=WAL",
            "synchronous=OFF",
            "cache_size=-65536",
            "temp_store=FILE",
            "wal_autocheckpoint=4000",
        ):
            self.db.execute(f"PRAGMA {pragma}")
        self.db.executescript(_SCHEMA)
        self.db.create_function("follows", 5, _follows, deterministic=True)
        self.db.execute("BEGIN")
        is_begun = self.db.execute("SELECT EXISTS (SELECT 1 FROM recorded)").fetchone()[0]
        self.known = KnownKeys(is_complete=not is_begun)
        """The keys of rows in both worlds, the values by which they are found, and the timers that fired."""
        self._effects: dict[tuple[str, str], bool] = {}
        self._scores: dict[bytes, int] = {}

    def close(self) -> None:
        self.db.rollback()
        self.db.close()

    def commit(self) -> None:
        self.db.commit()
        self.db.execute("BEGIN")

    def add_recorded(self, events: Iterable[RecordedEvent]) -> None:
        """Add events to what is replayed; one that was added before changes nothing."""
        values = []
        for one in events:
            at, recorded_at = micros(one.at), micros(one.recorded_at)
            values.append(
                (one.id, one.source, one.type, one.subject, at, recorded_at, one.cause, one.sequence)
            )
            if one.cause.startswith("timer:"):
                self.known.add((one.subject, one.cause))
        self.db.executemany("INSERT OR IGNORE INTO recorded VALUES (?, ?, ?, ?, ?, ?, ?, ?)", values)

    def plan(self, *, with_scores: bool) -> int:
        """Put what is decided again into its order; return the number of steps.

        Every input is decided when it was live, as the time of the event that was emitted for it says. One
        for which nothing was emitted is decided when it was recorded. Where several were decided at the same
        instant, those come first whose causes were first, up to the form of the lead, and of timers those
        that were due first. What one event made of several leads of an account follows in the order of their
        ids, as the scorer emits it; sequence numbers and ids make the order total.
        """
        self.db.execute("DELETE FROM steps")
        inputs = _SCORER_INPUTS if with_scores else ()
        self.db.execute(
            _PLAN.format(
                scored=", ".join(f"'{name}'" for name in inputs) or "''",
                acted=", ".join(f"'{name}'" for name in _ROUTER_INPUTS),
                notices="'baton.lead.escalated.v1', 'baton.lead.alerted.v1'",
                timed="'/baton/router', '/baton/scorer'" if with_scores else "'/baton/router'",
            )
        )
        return self.planned()

    def steps(self, after: int, limit: int) -> list[PlannedStep]:
        """Return the steps that follow the step of that number."""
        found = self.db.execute(
            "SELECT * FROM steps WHERE number > ? ORDER BY number LIMIT ?", (after, limit)
        )
        return [PlannedStep(number, instant(at), *rest) for number, at, *rest in found]

    def has_effect(self, subject: str, cause: str) -> bool:
        """Tell whether something came of the live timer with that cause: a step of the plan says when."""
        place = (subject, cause)
        known = self._effects.get(place)
        if known is None:
            if not self.known.may_have(place):
                return False
            query = "SELECT 1 FROM recorded WHERE cause = ? AND subject = ?"
            if len(self._effects) >= _EFFECTS_MAX:
                self._effects.clear()
            known = self._effects[place] = self.db.execute(query, (cause, subject)).fetchone() is not None
        return known

    def was_scored(self, subject: str, cause: str) -> bool:
        """Tell whether the ledger has a score of that lead for that cause."""
        query = (
            "SELECT 1 FROM recorded WHERE cause = ? AND source = '/baton/scorer' AND subject = ? AND type = ?"
        )
        return self.db.execute(query, (cause, subject, SCORED)).fetchone() is not None

    def was_enriched(self, lead_id: str) -> bool:
        """Tell whether the ledger has the lead's data."""
        query = "SELECT 1 FROM recorded WHERE subject = ? AND type = 'baton.lead.enriched.v1' LIMIT 1"
        return self.db.execute(query, (lead_id,)).fetchone() is not None

    def put_pending(self, world: str, scores: Iterable[tuple[str, str, bytes]]) -> None:
        """Keep scores until the instants at which they are routed, each with its subject and cause."""
        self.db.executemany(
            "INSERT OR REPLACE INTO pending VALUES (?, ?, ?, ?)", ((world, *score) for score in scores)
        )

    def take_pending(self, world: str, subject: str, cause: str) -> bytes | None:
        """Return a kept score and forget it."""
        query = "DELETE FROM pending WHERE world = ? AND subject = ? AND cause = ? RETURNING data"
        found = self.db.execute(query, (world, subject, cause)).fetchall()
        return found[0][0] if found else None

    def put_score(self, data: bytes) -> int:
        """Store the JSON of a score once for both worlds, and return its number."""
        number = self._scores.get(data)
        if number is None:
            number = self.db.execute("INSERT INTO scores(data) VALUES (?)", (data,)).lastrowid or 0
            if len(self._scores) >= _SCORES_MAX:
                self._scores.clear()
            self._scores[data] = number
        return number

    def score(self, number: int) -> bytes:
        """Return the JSON of the score of that number."""
        data: bytes = self.db.execute("SELECT data FROM scores WHERE number = ?", (number,)).fetchone()[0]
        if len(self._scores) < _SCORES_MAX:
            self._scores.setdefault(data, number)
        return data

    def put_waiting(self, world: str, lead_id: str, queue: str, since: datetime) -> None:
        """Note that a lead waits in a queue."""
        values = (world, lead_id, queue, micros(since))
        self.db.execute("INSERT OR REPLACE INTO waiting VALUES (?, ?, ?, ?)", values)

    def remove_waiting(self, world: str, lead_id: str) -> None:
        """Note that a lead waits no longer."""
        self.db.execute("DELETE FROM waiting WHERE world = ? AND lead_id = ?", (world, lead_id))

    def waiting_queues(self, world: str) -> dict[str, int]:
        """Return by queue how many leads wait in it."""
        query = "SELECT queue, count(*) FROM waiting WHERE world = ? GROUP BY queue ORDER BY queue"
        return dict(self.db.execute(query, (world,)).fetchall())

    def longest_waiting(self, world: str, queue: str, *, limit: int, skip: int) -> list[str]:
        """Return the leads of a queue in the order in which they began to wait, without the first `skip`."""
        query = (
            "SELECT lead_id FROM waiting WHERE world = ? AND queue = ?"
            " ORDER BY since, lead_id LIMIT ? OFFSET ?"
        )
        return [lead_id for (lead_id,) in self.db.execute(query, (world, queue, limit, skip))]

    def copy_world(self, world: str, copy: str) -> None:
        """Let the world `copy` begin as `world` is now."""
        for table in ("rows", "timers", "pending", "waiting"):
            self.db.execute(f"DELETE FROM {table} WHERE world = ?", (copy,))
            columns = [row[1] for row in self.db.execute(f"PRAGMA table_info({table})")][1:]
            names = ", ".join(columns)
            self.db.execute(
                f"INSERT INTO {table}(world, {names}) SELECT ?, {names} FROM {table} WHERE world = ?",
                (copy, world),
            )

    def planned(self) -> int:
        """Return the number of planned steps, 0 before anything is planned."""
        return int(self.db.execute("SELECT count(*) FROM steps").fetchone()[0])

    def last_at(self) -> datetime:
        """Return when the last of the events happened."""
        last = self.db.execute("SELECT max(at) FROM recorded").fetchone()[0]
        return instant(last or 0)

    def put_move(self, number: int, data: bytes) -> None:
        self.db.execute("INSERT OR REPLACE INTO moves VALUES (?, ?)", (number, data))

    def moves(self, after: int, limit: int) -> list[tuple[int, bytes]]:
        """Return the moves that follow the one of that number."""
        query = "SELECT number, data FROM moves WHERE number > ? ORDER BY number LIMIT ?"
        return self.db.execute(query, (after, limit)).fetchall()

    def put_state(self, name: str, value: Any) -> None:
        self.db.execute("INSERT OR REPLACE INTO state VALUES (?, ?)", (name, msgspec.msgpack.encode(value)))

    def state(self, name: str, kind: Any) -> Any:
        """Return a value that was put as `kind`, None if none was."""
        found = self.db.execute("SELECT data FROM state WHERE name = ?", (name,)).fetchone()
        return None if found is None else msgspec.msgpack.decode(found[0], type=kind)

    def pairs(self, kind: str, worlds: tuple[str, str]) -> Iterator[tuple[bytes, bytes]]:
        """Yield the rows of a kind that are in both worlds, by key."""
        query = (
            "SELECT a.data, b.data FROM rows a JOIN rows b"
            " ON b.world = ? AND b.kind = a.kind AND b.key = a.key"
            " WHERE a.world = ? AND a.kind = ? ORDER BY a.key"
        )
        yield from self.db.execute(query, (worlds[1], worlds[0], kind))


def _follows(id_: str, type_: str, subject: str, source: str, cause_id: str) -> bool:
    """Tell whether an event was emitted for the event of that source and id.

    An event names its cause by the id alone, which senders outside choose, so several may have it. Its own id
    is derived from both.
    """
    cause = event_cause(source, cause_id)
    return any(derive_id(type_, subject, cause, ordinal) == id_ for ordinal in range(_ORDINALS_MAX))


_PLAN: Final = """
WITH shared_ids AS (SELECT id FROM recorded GROUP BY id HAVING count(*) > 1),
decided AS (
    SELECT i.*,
        CASE WHEN i.type IN ({scored}) THEN 'score' WHEN i.type IN ({acted}) THEN 'act'
            ELSE 'route' END AS kind,
        (SELECT min(e.at) FROM recorded e WHERE e.cause = i.id AND e.source =
            CASE WHEN i.type IN ({scored}) THEN '/baton/scorer' ELSE '/baton/router' END
            AND (i.id NOT IN shared_ids OR follows(e.id, e.type, e.subject, i.source, i.id))) AS live,
        -- the first effect, one about the same lead before others
        (SELECT substr(min((e.subject <> i.subject) || (e.type IN ({notices})) || printf('%010d', e.sequence)
            || e.id), 13)
            FROM recorded e WHERE e.cause = i.id AND e.source =
            CASE WHEN i.type IN ({scored}) THEN '/baton/scorer' ELSE '/baton/router' END
            AND (i.id NOT IN shared_ids OR follows(e.id, e.type, e.subject, i.source, i.id))) AS effect,
        (SELECT min(c.at) FROM recorded c WHERE c.id = i.cause) AS cause_at,
        (SELECT min(r.at) FROM recorded c JOIN recorded r ON r.id = c.cause WHERE c.id = i.cause) AS root_at
    FROM recorded i WHERE i.type IN ({scored}, {acted}, 'baton.lead.scored.v1')),
all_steps AS (
    SELECT coalesce(
            live, CASE WHEN source LIKE '/baton/%' AND kind <> 'act' THEN at ELSE recorded_at END) AS at,
        kind, id, source, subject, cause, coalesce(effect, '') AS effect,
        at AS own_at, cause_at, root_at, NULL AS due, sequence
    FROM decided
    UNION ALL
    SELECT min(at), CASE WHEN cause LIKE 'timer:drain:%' THEN 'wait' ELSE 'fire' END, '', source, subject,
        cause, substr(min((type IN ({notices})) || printf('%010d', sequence) || id), 12), min(at), NULL, NULL,
        rtrim(substr(cause, 7 + instr(substr(cause, 7), ':')), 'Z'), min(sequence)
    FROM recorded WHERE cause LIKE 'timer:%' AND source IN ({timed}) GROUP BY subject, cause, source)
INSERT INTO steps(at, kind, id, source, subject, cause, effect)
SELECT at, kind, id, source, subject, cause, effect FROM all_steps
ORDER BY at,
    CASE kind WHEN 'score' THEN 0 WHEN 'route' THEN 2 WHEN 'wait' THEN 4 WHEN 'act' THEN 5
        ELSE CASE source WHEN '/baton/scorer' THEN 1 ELSE 3 END END,
    own_at, cause_at, root_at, due, subject, sequence, id
"""
