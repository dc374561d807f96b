"""The timers of one world of a backtest: in its file, but for those that changed since the last chunk."""

from __future__ import annotations

from datetime import datetime
from typing import Final

from services.ledger.backtest.work_file import WorkFile, instant, micros
from shared.lead.ids import timer_cause
from shared.storage.rows import Key
from shared.worker.rows import TimerRow

_NEVER: Final = 2**62


class ReplayTimers:
    """A timer fires when the live one did, which is a step of the plan, and one without an effect when due.

    `flush` writes what changed to the file. The recurring timer is not kept: see `wait` in the plan.
    """

    def __init__(self, file: WorkFile, world: str) -> None:
        self._file = file
        self._world = world
        self._changed: dict[str, dict[Key, tuple[int, int | None] | None]] = {}
        self._soonest = 0
        """No timer fires by itself before this instant, in microseconds; there may be none at it."""

    def put(self, timer: TimerRow) -> None:
        """Set a timer, in place of the one with its key."""
        if not timer.subject:
            return
        due = micros(timer.due_at)
        is_planned = self._file.has_effect(timer.subject, timer_cause(timer.kind, timer.due_at))
        self._changed.setdefault(timer.subject, {})[timer.key] = (due, None if is_planned else due)
        if not is_planned:
            self._soonest = min(self._soonest, due)

    def remove(self, key: Key) -> None:
        """Remove the timer with that key, if it is set."""
        if key[0]:
            self._changed.setdefault(key[0], {})[key] = None

    def take_next(self, until: datetime) -> tuple[TimerRow, datetime] | None:
        """Return the timer that fires next by itself, up to `until`, and when; it is set no longer."""
        if micros(until) < self._soonest:
            return None
        self.flush()
        query = (
            "SELECT subject, role, kind, due, fires FROM timers WHERE world = ? AND fires IS NOT NULL"
            " ORDER BY fires, subject, role, kind LIMIT 1"
        )
        found = self._file.db.execute(query, (self._world,)).fetchone()
        self._soonest = found[4] if found is not None else _NEVER
        if found is None or found[4] > micros(until):
            return None
        subject, role, kind, due, fires = found
        timer = TimerRow(subject, role, kind, instant(due))
        self.remove(timer.key)
        return timer, instant(fires)

    def take(self, subject: str, cause: str) -> TimerRow | None:
        """Return the timer with that cause, if it is set; it is set no longer."""
        query = "SELECT role, kind, due FROM timers WHERE world = ? AND subject = ?"
        stored = self._file.db.execute(query, (self._world, subject)).fetchall()
        timers: dict[Key, int] = {(subject, role, kind): due for role, kind, due in stored}
        for key, changed in self._changed.get(subject, {}).items():
            timers.pop(key, None)
            if changed is not None:
                timers[key] = changed[0]
        for (_, role, kind), due in sorted(timers.items()):
            if timer_cause(kind, instant(due)) == cause:
                self.remove((subject, role, kind))
                return TimerRow(subject, role, kind, instant(due))
        return None

    def flush(self) -> None:
        """Write what changed to the file."""
        if not self._changed:
            return
        changed = [one for of_subject in self._changed.values() for one in of_subject.items()]
        removed = [(self._world, *key) for key, timer in changed if timer is None]
        written = [(self._world, *key, *timer) for key, timer in changed if timer is not None]
        self._changed.clear()
        self._file.db.executemany(
            "DELETE FROM timers WHERE world = ? AND subject = ? AND role = ? AND kind = ?", removed
        )
        self._file.db.executemany("INSERT OR REPLACE INTO timers VALUES (?, ?, ?, ?, ?, ?)", written)

    def forget(self) -> None:
        """Hold nothing any more: the file was changed from outside."""
        self._changed.clear()
        self._soonest = 0
