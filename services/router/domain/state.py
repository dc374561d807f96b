"""What the router remembers: the last decision on each lead, who owns it, and each rep's turn."""

from __future__ import annotations

from datetime import datetime
from typing import ClassVar, Literal

from shared.lead.events.parts import Person
from shared.lead.events.routing import Motion
from shared.storage.rows import Row

LeadStatus = Literal["routed", "suppressed", "waiting"]
Ended = Literal["rejected", "won", "lost", "handed_on", "moved", "overdue", "withdrawn", "erased"]
AssignmentState = Literal["open", "accepted"] | Ended


class RoutedLeadRow(Row, frozen=True):
    """The last decision on a lead.

    `scored_sequence` fences its input, `sequence` counts what the router said about it. `rule` is the
    reason of a suppression. `high_intent`: the owner was last told to look at once. A lead that waits for
    its first owner keeps the data that it was scored with.
    """

    lead_id: str
    account: str
    revision: int
    scored_sequence: int
    sequence: int
    status: LeadStatus
    queue: str
    motion: Motion
    rule: str
    high_intent: bool
    waiting_since: datetime | None = None
    scored: bytes | None = None
    table: ClassVar[str] = "routed_leads"
    key_fields: ClassVar[tuple[str, ...]] = ("lead_id",)


class AssignmentRow(Row, frozen=True):
    """One rep's ownership of one lead, from `opened_at` until `closed_at`.

    `sequence` is that of the event which announced it; `accept_by` is the owner's clock.
    """

    id: str
    lead_id: str
    account: str
    queue: str
    rep: str
    state: AssignmentState
    sequence: int
    opened_at: datetime
    accept_by: datetime | None
    accepted_at: datetime | None = None
    closed_at: datetime | None = None
    table: ClassVar[str] = "assignments"
    key_fields: ClassVar[tuple[str, ...]] = ("id",)
    indexed: ClassVar[tuple[str, ...]] = ("lead_id", "account")

    @property
    def active(self) -> bool:
        """Whether the rep still owns the lead."""
        return self.closed_at is None

    @property
    def age(self) -> tuple[datetime, str]:
        """What the oldest is the smallest of."""
        return (self.opened_at, self.id)


class RepQueueRow(Row, frozen=True):
    """A rep's place in the rotation of a queue.

    `credits` counts the assignments ever given. `balance` is by how much the rep is owed (above 0) or
    ahead, in shares of weight; over a queue the balances add up to 0. Who left the team keeps the row.
    """

    queue: str
    rep: str
    credits: int = 0
    balance: int = 0
    open_leads: int = 0
    table: ClassVar[str] = "rep_queues"
    key_fields: ClassVar[tuple[str, ...]] = ("queue", "rep")
    indexed: ClassVar[tuple[str, ...]] = ("queue", "rep")


class AwayRow(Row, frozen=True):
    """A rep who takes no new leads for now. Read here, never written: the gateway owns it."""

    rep: str
    table: ClassVar[str] = "rep_availability"
    key_fields: ClassVar[tuple[str, ...]] = ("rep",)


class AcquaintanceRow(Row, frozen=True):
    """A person of an account whose lead somebody owns. Read here, never written: the enricher owns it."""

    lead_id: str
    account: str
    person: Person
    table: ClassVar[str] = "leads"
    key_fields: ClassVar[tuple[str, ...]] = ("lead_id",)
    indexed: ClassVar[tuple[str, ...]] = ("account",)


class AccountRow(Row, frozen=True):
    """An account, there to be locked: whoever holds it decides who owns the account."""

    account: str
    table: ClassVar[str] = "router_accounts"
    key_fields: ClassVar[tuple[str, ...]] = ("account",)
