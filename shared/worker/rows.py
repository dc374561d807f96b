"""Rows that every role keeps for itself: claims of inputs, timers and tombstones."""

from __future__ import annotations

from datetime import datetime
from typing import ClassVar

from shared.storage.rows import Row


class InputRow(Row, frozen=True):
    """The claim of one input by one role, and what became of it. A second claim of the same input fails."""

    id: str
    source: str
    role: str
    outcome: str
    subject: str
    at: datetime
    table: ClassVar[str] = "inputs"
    key_fields: ClassVar[tuple[str, ...]] = ("id", "source", "role")


class TimerRow(Row, frozen=True):
    """Something that a role will do about `subject` at `due_at`. `leased_until`: somebody is at it."""

    subject: str
    role: str
    kind: str
    due_at: datetime
    leased_until: datetime | None = None
    table: ClassVar[str] = "timers"
    key_fields: ClassVar[tuple[str, ...]] = ("subject", "role", "kind")
    upsert: ClassVar[bool] = True


class TombstoneRow(Row, frozen=True):
    """A person was erased: events of before `at` are dropped. `hash` is keyed, of the lead id."""

    hash: str
    role: str
    at: datetime
    table: ClassVar[str] = "tombstones"
    key_fields: ClassVar[tuple[str, ...]] = ("hash", "role")
    upsert: ClassVar[bool] = True
