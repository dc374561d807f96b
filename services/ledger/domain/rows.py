"""The rows of the ledger. Their tables are in `services/ledger/tables.py`."""

from __future__ import annotations

from datetime import datetime
from typing import ClassVar

from shared.storage.rows import Row


class EventRow(Row, frozen=True):
    """One event; `data` is its JSON text as it was received. Of repeated records the first one stays."""

    id: str
    source: str
    type: str
    subject: str
    partition_key: str
    at: datetime
    recorded_at: datetime
    causation_id: str
    revision: int | None
    sequence: int | None
    data: str
    table: ClassVar[str] = "events"
    key_fields: ClassVar[tuple[str, ...]] = ("id", "source")
    once: ClassVar[bool] = True


class AccountEventRow(EventRow, frozen=True):
    """An event about the account of an erased person or about a colleague: loaded to be changed."""

    once: ClassVar[bool] = False


class ViewRow(Row, frozen=True):
    """The view of a lead: the columns that lists filter by, and the latest event of each stage.

    `owned_…` is the latest event that names the owner, of whatever type, and `briefed_…` the latest with a
    brief, or that says that there is none. `motion` and `closed_as` are what the former says. `rule` and
    `reason` (of a suppression) are what the latest event says that is no mere update: it led the lead to
    where it is, and is the decision that the report of the flow counts. From `name` on it is what the latest
    `lead.scored` says of the person and of the last news: `trigger` is its type, `quote` the beginning of the
    newest message. A sequence of 0 means that
    no event of that stage was seen yet.
    """

    lead_id: str
    account: str
    email: str | None
    status: str
    queue: str | None
    owner: str | None
    revision: int
    first_at: datetime
    enriched_sequence: int = 0
    enriched_revision: int = 0
    enriched_id: str | None = None
    scored_sequence: int = 0
    scored_revision: int = 0
    scored_id: str | None = None
    routed_sequence: int = 0
    routed_revision: int = 0
    routed_id: str | None = None
    routed_type: str | None = None
    owned_sequence: int = 0
    owned_id: str | None = None
    briefed_sequence: int = 0
    briefed_id: str | None = None
    motion: str | None = None
    closed_as: str | None = None
    ruled_sequence: int = 0
    rule: str | None = None
    reason: str | None = None
    name: str | None = None
    title: str | None = None
    company: str | None = None
    source: str | None = None
    grade: str | None = None
    band: str | None = None
    total: int | None = None
    trigger: str | None = None
    quote: str | None = None
    table: ClassVar[str] = "lead_views"
    key_fields: ClassVar[tuple[str, ...]] = ("lead_id",)


class LeadNameRow(Row, frozen=True):
    """A word of the name of a lead, by which it is found. It follows from the name in its view."""

    word: str
    lead_id: str
    table: ClassVar[str] = "lead_names"
    key_fields: ClassVar[tuple[str, ...]] = ("word", "lead_id")
    once: ClassVar[bool] = True


class BacktestMoveRow(Row, frozen=True):
    """A lead that a backtest moves to another queue; loaded to be removed with an erased person."""

    backtest_id: str
    number: int
    lead_id: str
    data: str
    table: ClassVar[str] = "backtest_moves"
    key_fields: ClassVar[tuple[str, ...]] = ("backtest_id", "number")


class DeadLetterRow(Row, frozen=True):
    """A record that could not be processed, as it was received, and when it was replayed."""

    id: str
    topic: str
    partition: int
    offset: int
    record_key: bytes | None
    value: bytes | None
    headers: list[tuple[str, bytes | None]]
    stage: str
    kind: str
    message: str
    event_id: str
    event_type: str
    subject: str
    at: datetime
    replayed_at: datetime | None = None
    table: ClassVar[str] = "dead_letters"
    key_fields: ClassVar[tuple[str, ...]] = ("id",)
