"""The inbox: which leads a seller sees, and in which order. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from typing import Any, Final, Literal

from msgspec import Struct

from services.router.domain.state import Snooze

Tab = Literal["to_accept", "accepted", "waiting", "all"]
Section = Literal["to_accept", "accepted", "waiting"]
TEXT_LENGTH_MAX: Final = 100
SHORT_OF_TIME: Final = 4
"""The clock of a lead is short once less than one such part of it is left."""


class InboxRow(Struct, frozen=True, kw_only=True):
    """One lead of an inbox.

    `total` is the score, 0 to 100. `trigger` is the type of the buyer's last news, and `quote` the beginning
    of the newest message. A lead that waits has no `owner`, and has waited since `waiting_since`. `joined`:
    it is in the inbox of a rep who joined its owner. `snoozed` is until when the owner put it off, None if
    nobody did or that is past.
    """

    section: Section
    lead_id: str
    status: str
    grade: str | None
    band: str | None
    total: int | None
    name: str | None
    title: str | None
    company: str | None
    account: str
    email: str | None
    rule: str | None
    trigger: str | None
    quote: str | None
    queue: str
    owner: str | None
    joined: bool
    assigned_at: datetime | None
    accept_by: datetime | None
    accepted_at: datetime | None
    waiting_since: datetime | None
    snoozed: datetime | None


def row_of(columns: Mapping[str, Any], now: datetime) -> InboxRow:
    """Return the row of a lead from the columns of its view, its assignment and the router's lead."""
    is_waiting = columns["rep"] is None
    section: Section = "waiting" if is_waiting else "accepted" if columns["accepted_at"] else "to_accept"
    snooze: Snooze | None = columns["snoozed"]
    until = snooze.until if snooze is not None and section == "to_accept" else now
    computed: dict[str, Any] = {
        "section": section,
        "owner": columns["owner"] if columns["joined"] else columns["rep"],
        "snoozed": until if until > now else None,
    }
    shown = {name: columns[name] for name in InboxRow.__struct_fields__ if name in columns}
    return InboxRow(**shown | computed)


def by_urgency(rows: Iterable[InboxRow], now: datetime) -> list[InboxRow]:
    """Return the rows of one rep's inbox in the order to work them in.

    First those that are late, then those with less than a quarter of their clock left, then the others, and
    those that are accepted last; inside each, by the score.
    """

    def urgency(row: InboxRow) -> tuple[int, int, datetime, str]:
        due = row.accept_by or datetime.max.replace(tzinfo=UTC)
        rank = 3 if row.section == "accepted" else 2
        if row.section == "to_accept" and row.accept_by is not None:
            whole = row.accept_by - (row.assigned_at or now)
            rank = 0 if due <= now else 1 if (due - now) * SHORT_OF_TIME < whole else 2
        return rank, -(row.total or 0), due, row.lead_id

    return sorted(rows, key=urgency)


def matches_text(row: InboxRow, text: str) -> bool:
    """Return whether a lead's name, title, company, account or address contains a text, in any case."""
    shown = (row.name, row.title, row.company, row.account, row.email)
    return any(text.casefold() in one.casefold() for one in shown if one)
