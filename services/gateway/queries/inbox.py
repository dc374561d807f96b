"""The leads of an inbox: of one rep as a whole, or of queues page by page."""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime
from typing import Any, Final, NamedTuple

from msgspec import Struct
from sqlalchemy import Column, ColumnElement, Select, and_, literal, null, or_, select

from services.gateway.domain.inbox import InboxRow, Tab, by_urgency, matches_text, row_of
from services.ledger.tables import lead_views
from services.router.tables import assignments, routed_leads
from shared.storage.database import Tx
from shared.storage.keyset import Cursor

OWN_MAX: Final = 1_000
"""The leads of one rep that an inbox has at most: those with the earliest clock."""
WAITING_MAX: Final = 200
"""The waiting leads that the inbox of a rep has at most: those that have waited longest."""
_SEARCHED: Final = tuple(lead_views.c[name] for name in ("name", "title", "company", "account", "email"))
_DECIDED: Final = ("lead_id", "status", "grade", "band", "total", "rule", "trigger", "quote", "owner")
_SHOWN: Final = (*_SEARCHED, *(lead_views.c[name] for name in _DECIDED))
_IS_OPEN: Final = and_(assignments.c.closed_at.is_(None), lead_views.c.lead_id == assignments.c.lead_id)


class InboxFilter(Struct, frozen=True):
    """Which leads an inbox has: of a tab, a rep and a queue (None: all), with a text in what is shown."""

    tab: Tab = "to_accept"
    owner: str | None = None
    queue: str | None = None
    text: str | None = None


class _Part(NamedTuple):
    """A part of the pages of a tab: which leads, and the column that they are in the order of."""

    tab: Tab
    condition: ColumnElement[bool]
    place: Column[Any]
    is_newest_first: bool = False


_IS_UNACCEPTED: Final = and_(_IS_OPEN, assignments.c.accepted_at.is_(None))
_PARTS: Final = {
    "clock": _Part(
        "to_accept", and_(_IS_UNACCEPTED, assignments.c.accept_by.is_not(None)), assignments.c.accept_by
    ),
    "no_clock": _Part(
        "to_accept", and_(_IS_UNACCEPTED, assignments.c.accept_by.is_(None)), assignments.c.opened_at
    ),
    "waiting": _Part(
        "waiting",
        and_(routed_leads.c.waiting_since.is_not(None), lead_views.c.lead_id == routed_leads.c.lead_id),
        routed_leads.c.waiting_since,
    ),
    "accepted": _Part(
        "accepted",
        and_(_IS_OPEN, assignments.c.accepted_at.is_not(None)),
        assignments.c.accepted_at,
        is_newest_first=True,
    ),
}
"""By name, in the order in which the tab `all` has them. Leads to accept that have no clock come after those
that have one."""


async def inbox_of_rep(
    tx: Tx, filters: InboxFilter, queues: Collection[str], now: datetime
) -> list[InboxRow]:
    """Return the whole inbox of the rep `filters.owner`, in the order to work it in.

    It has the leads that the rep owns or joined the owner of, and those that wait in `queues`, which are the
    rep's. At most `OWN_MAX` and `WAITING_MAX` of them are looked at.
    """
    own = _select(assignments).where(_IS_OPEN, assignments.c.rep == filters.owner)
    own = own.order_by(assignments.c.accept_by, assignments.c.lead_id).limit(OWN_MAX)
    found = list((await tx.execute(own)).mappings()) if filters.tab != "waiting" else []
    if filters.tab in ("waiting", "all"):
        part = _PARTS["waiting"]
        waiting = _select(routed_leads).where(part.condition, routed_leads.c.queue.in_(sorted(queues)))
        waiting = waiting.order_by(part.place, lead_views.c.lead_id).limit(WAITING_MAX)
        found += (await tx.execute(waiting)).mappings()
    rows = (row_of(dict(row), now) for row in found)
    chosen = (row for row in rows if filters.tab in (row.section, "all"))
    chosen = (row for row in chosen if filters.queue in (row.queue, None))
    return by_urgency((row for row in chosen if matches_text(row, filters.text or "")), now)


async def inbox_of_queues(
    tx: Tx, filters: InboxFilter, after: Cursor | None, limit: int, now: datetime
) -> tuple[list[InboxRow], list[Cursor]]:
    """Return at most `limit` leads from the cursor `after` on, whoever owns them, and the cursor of each.

    Those to accept are by their clocks, the earliest first; those that wait by how long they have; those that
    are accepted the newest first.
    """
    rows: list[InboxRow] = []
    cursors: list[Cursor] = []
    begun, _, last = after.id.partition(" ") if after is not None else ("", "", "")
    names = [name for name, part in _PARTS.items() if filters.tab in (part.tab, "all")]
    for name in names[names.index(begun) if begun in names else 0 :]:
        if len(rows) >= limit:
            break
        position = Cursor(after.at, last) if after is not None and name == begun else None
        statement = _page(_PARTS[name], filters, position).limit(limit - len(rows))
        for row in (await tx.execute(statement)).mappings():
            rows.append(row_of(dict(row), now))
            cursors.append(Cursor(row["place"], f"{name} {row['lead_id']}"))
    return rows, cursors


def _page(part: _Part, filters: InboxFilter, after: Cursor | None) -> Select[Any]:
    """Return the statement for the leads of a part that follow a position, in order."""
    table = part.place.table
    id_ = table.c.lead_id
    statement = _select(table).add_columns(part.place.label("place")).where(part.condition)
    if table is assignments:
        statement = statement.where(assignments.c.joined.is_(False))
    if filters.queue is not None:
        statement = statement.where(table.c.queue == filters.queue)
    if filters.text:
        found = (column.icontains(filters.text, autoescape=True) for column in _SEARCHED)
        statement = statement.where(or_(*found))
    if after is not None:
        is_beyond = part.place < after.at if part.is_newest_first else part.place > after.at
        is_next = id_ < after.id if part.is_newest_first else id_ > after.id
        statement = statement.where(or_(is_beyond, and_(part.place == after.at, is_next)))
    order = (part.place.desc(), id_.desc()) if part.is_newest_first else (part.place, id_)
    return statement.order_by(*order)


def _select(table: Any) -> Select[Any]:
    """Select what a row shows, from the view of a lead and its assignment, or else the router's lead."""
    if table is assignments:
        names = ("rep", "queue", "joined", "accept_by", "accepted_at", "snoozed")
        of_owner = [*(table.c[name] for name in names), table.c.opened_at.label("assigned_at")]
        return select(*_SHOWN, *of_owner, null().label("waiting_since"))
    absent = (null().label(name) for name in ("rep", "accept_by", "accepted_at", "snoozed", "assigned_at"))
    is_joined = literal(value=False).label("joined")
    return select(*_SHOWN, table.c.queue, table.c.waiting_since, is_joined, *absent)
