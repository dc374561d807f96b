"""Rows that every role keeps for itself: claims of inputs, timers and tombstones."""

from __future__ import annotations

from datetime import datetime
from typing import ClassVar

from shared.storage.rows import Row


class InputRow(Row, frozen=True):
    """The claim of one input event by one role, with its outcome. A second claim of the same input fails."""

    id: str
    source: str
    role: str
    outcome: str
    subject: str
    at: datetime
    table: ClassVar[str] = "inputs"
    key_fields: ClassVar[tuple[str, ...]] = ("id", "source", "role")


class TimerRow(Row, frozen=True):
    """A timer of a role about `subject`, due at `due_at`. Until `leased_until` a process is deciding it."""

    subject: str
    role: str
    kind: str
    due_at: datetime
    leased_until: datetime | None = None
    table: ClassVar[str] = "timers"
    key_fields: ClassVar[tuple[str, ...]] = ("subject", "role", "kind")
    upsert: ClassVar[bool] = True


class TombstoneRow(Row, frozen=True):
    """An erased lead: events up to `at` are dropped. `hash` is the keyed hash of the lead id.

    The ledger has one for each identifier and name of the person too, for dead letters. `returned`: the role
    has read an event that says that the person is a contact again.
    """

    hash: str
    role: str
    at: datetime
    returned: bool = False
    table: ClassVar[str] = "tombstones"
    key_fields: ClassVar[tuple[str, ...]] = ("hash", "role")
    upsert: ClassVar[bool] = True


class ErasedMentionsRow(Row, frozen=True):
    """What names an erased person in records about one account that still arrive.

    `leads` are the keyed hashes of the person's lead ids, `mentions` those of identifiers and names.
    """

    account: str
    erasure_id: str
    role: str
    leads: list[str]
    mentions: list[str]
    at: datetime
    table: ClassVar[str] = "erased_mentions"
    key_fields: ClassVar[tuple[str, ...]] = ("account", "erasure_id", "role")
    indexed: ClassVar[tuple[str, ...]] = ("account",)
    upsert: ClassVar[bool] = True
