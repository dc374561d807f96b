"""The timers of one world of a backtest: in its file, and in memory those that were used lately."""

from __future__ import annotations

from datetime import datetime
from heapq import heappop, heappush
from typing import Final, NamedTuple

from services.ledger.backtest.work_file import WorkFile, instant, micros
from shared.lead.ids import timer_cause
from shared.storage.rows import Key
from shared.worker.rows import TimerRow

_NEVER: Final = 2**62
_SOONEST_MAX: Final = 1_000
_SUBJECTS_MAX: Final = 4_000
"""A generation of subjects whose timers are held; two generations are held between two chunks."""


class _SetTimer(NamedTuple):
    """When a timer is due and the cause that follows from it; `fires` is None where the plan says when."""

    due: int
    fires: int | None
    cause: str


class ReplayTimers:
    """A timer fires when the live one did, which is a step of the plan, and one without an effect when due.

    `flush` writes what changed to the file. The recurring timer is not kept: see `wait` in the plan.
    """

    def __init__(self, file: WorkFile, world: str) -> None:
        self._file = file
        self._world = world
        self._held: dict[str, dict[Key, _SetTimer]] = {}
        self._held_before: dict[str, dict[Key, _SetTimer]] = {}
        self._dirty: dict[Key, None] = {}
        # The timers that fire by themselves before the horizon; of a later one only the file knows.
        self._horizon = 0
        self._soonest: dict[Key, int] = {}
        self._heap: list[tuple[int, Key]] = []

    def put(self, timer: TimerRow) -> None:
        """Set a timer, in place of the one with its key."""
        subject = timer.subject
        if not subject:
            return
        due, key, cause = micros(timer.due_at), timer.key, timer_cause(timer.kind, timer.due_at)
        is_planned = self._file.has_effect(subject, cause)
        self._of(subject)[key] = _SetTimer(due, None if is_planned else due, cause)
        self._dirty[key] = None
        if is_planned or due >= self._horizon:
            self._soonest.pop(key, None)
        else:
            self._soonest[key] = due
            heappush(self._heap, (due, key))

    def remove(self, key: Key) -> None:
        """Remove the timer with that key, if it is set."""
        if key[0] and self._of(key[0]).pop(key, None) is not None:
            self._dirty[key] = None
            self._soonest.pop(key, None)

    @property
    def may_fire_by(self) -> int:
        """No timer fires by itself before this instant, in microseconds since 1970."""
        return self._heap[0][0] if self._heap else self._horizon

    def take_next(self, end: int) -> tuple[TimerRow, datetime] | None:
        """Return the timer that fires next by itself, up to `end`, and when; it is set no longer.

        `end` is in microseconds since 1970.
        """
        while True:
            while self._heap and self._heap[0][0] <= end:
                fires, key = heappop(self._heap)
                if self._soonest.get(key) == fires:
                    self.remove(key)
                    subject, role, kind = key
                    at = instant(fires)
                    return TimerRow(subject, role, kind, due_at=at), at
            if self._heap or end < self._horizon:
                return None
            self._look_further()

    def take(self, subject: str, cause: str) -> TimerRow | None:
        """Return the timer with that cause, if it is set; it is set no longer."""
        for key, timer in sorted(self._of(subject).items()):
            if timer.cause == cause:
                self.remove(key)
                _, role, kind = key
                return TimerRow(subject, role, kind, due_at=instant(timer.due))
        return None

    def flush(self) -> None:
        """Write what changed to the file, and let go of what is held where it is too much."""
        removed, written = [], []
        for key in self._dirty:
            timer = self._of(key[0]).get(key)
            if timer is None:
                removed.append((self._world, *key))
            else:
                self._file.known.add((TimerRow, key[0]))
                written.append((self._world, *key, timer.due, timer.fires))
        self._dirty.clear()
        self._file.db.executemany(
            "DELETE FROM timers WHERE world = ? AND subject = ? AND role = ? AND kind = ?", removed
        )
        self._file.db.executemany("INSERT OR REPLACE INTO timers VALUES (?, ?, ?, ?, ?, ?)", written)
        if len(self._held) > _SUBJECTS_MAX:
            self._held_before, self._held = self._held, {}

    def forget(self) -> None:
        """Hold nothing any more: the file was changed from outside."""
        for held in (self._held, self._held_before, self._dirty, self._soonest):
            held.clear()
        self._heap.clear()
        self._horizon = 0

    def _of(self, subject: str) -> dict[Key, _SetTimer]:
        """Return the timers of a subject, to be changed in place."""
        held = self._held.get(subject)
        if held is None:
            held = self._held_before.pop(subject, None)
            if held is None:
                held = {}
                if self._file.known.may_have((TimerRow, subject)):
                    query = "SELECT role, kind, due, fires FROM timers WHERE world = ? AND subject = ?"
                    for role, kind, due, fires in self._file.db.execute(query, (self._world, subject)):
                        cause = timer_cause(kind, instant(due))
                        held[subject, role, kind] = _SetTimer(due, fires, cause)
            self._held[subject] = held
        return held

    def _look_further(self) -> None:
        """Read from the file the timers that fire next after the horizon, and move it."""
        self.flush()
        query = "SELECT fires FROM timers WHERE world = ? AND fires >= ? ORDER BY fires LIMIT 1 OFFSET ?"
        last = self._file.db.execute(query, (self._world, self._horizon, _SOONEST_MAX)).fetchone()
        horizon = last[0] + 1 if last is not None else _NEVER
        query = "SELECT subject, role, kind, fires FROM timers WHERE world = ? AND fires >= ? AND fires < ?"
        for subject, role, kind, fires in self._file.db.execute(query, (self._world, self._horizon, horizon)):
            self._soonest[subject, role, kind] = fires
            heappush(self._heap, (fires, (subject, role, kind)))
        self._horizon = horizon
