"""Lists of leads, from the ledger's views."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Final, Literal

from msgspec import Struct
from sqlalchemy import RowMapping, Select, TextClause, and_, case, exists, select, text

from services.gateway.domain.lead_view import DEAD_LETTERED, UNDECIDED
from services.gateway.queries.accounts import joined_accounts
from services.gateway.queries.lead_view import is_no_alias, surviving_lead
from services.ledger.domain.milestones import Stage
from services.ledger.tables import NOT_ROUTED, NURTURED, dead_letters, lead_milestones, lead_views
from shared.storage.database import Tx
from shared.storage.keyset import Cursor, after_cursor

_EQUAL: Final = ("email", "queue", "owner", "motion", "rule", "reason", "grade", "band", "source")
"""The filters that name a column of the view of a lead."""


ReachedName = Literal[
    "received",
    "routed",
    "suppressed",
    "first_routed",
    "accepted",
    "late",
    "given_back",
    "meeting_booked",
    "meeting",
    "opportunity",
    "won",
]
_WAYS: Final = ("routed", "suppressed", "undecided")
_STAGES: Final[Mapping[ReachedName, Sequence[Stage]]] = {
    "received": _WAYS,
    "first_routed": _WAYS,
    "meeting": ("meeting_booked", "meeting_held"),
}
"""The stages of the names that are no stage themselves."""


NO_NAME: Final = "none"
"""As a grade or queue of `Reached`: that of a lead that had none."""


class Reached(Struct, frozen=True):
    """What leads have reached, as the reports count it, in the whole hours from `since` to `until`, excluded.

    A lead is `received`, `routed` or `suppressed` in the hour in which it was received. All else counts in
    the hour in which it happened, with `cohort` in that in which the lead was received. `grade` is the one
    that the lead counts under, `queue` the one that it was in then, `reason` is why it was given back.
    """

    name: ReachedName
    since: datetime | None = None
    until: datetime | None = None
    cohort: bool = False
    grade: str | None = None
    queue: str | None = None
    reason: str | None = None

    def lead_ids(self) -> Select[tuple[str]]:
        """Select the leads that have reached it."""
        table = lead_milestones.c
        is_cohort = self.cohort or self.name in ("received", "routed", "suppressed")
        hour = table.captured_hour if is_cohort else table.hour
        found = select(table.lead_id).where(
            table.stage.in_(_STAGES.get(self.name, (self.name,))), hour.is_not(None)
        )
        if self.since is not None:
            found = found.where(hour >= int(self.since.timestamp()) // 3_600)
        if self.until is not None:
            found = found.where(hour < -(-int(self.until.timestamp()) // 3_600))
        for column, value in (
            (table.grade, self.grade),
            (table.queue, self.queue),
            (table.reason, self.reason),
        ):
            if value is not None:
                found = found.where(column == ("" if value == NO_NAME else value))
        return found


class LeadFilter(Struct, frozen=True):
    """Which leads a list has; None: any. `lead_id` and `account` may be aliases.

    `reason` is that of a suppression. `since` and `until` (excluded) are about when the lead was first heard
    of.
    """

    lead_id: str | None = None
    email: str | None = None
    account: str | None = None
    queue: str | None = None
    owner: str | None = None
    status: str | None = None
    motion: str | None = None
    rule: str | None = None
    reason: str | None = None
    grade: str | None = None
    band: str | None = None
    source: str | None = None
    since: datetime | None = None
    until: datetime | None = None
    reached: Reached | None = None

    def conditions_of_indexes(self) -> list[TextClause]:
        """Return the conditions of the partial indexes that have what is asked for, in their very words."""
        conditions = {NURTURED: self.motion == "nurture", NOT_ROUTED: self.status not in (None, "routed")}
        return [text(condition) for condition, holds in conditions.items() if holds]


async def list_leads(tx: Tx, filters: LeadFilter, after: Cursor | None, limit: int) -> list[RowMapping]:
    """Return at most `limit` leads, the newest first, from the cursor `after` on.

    They are rows of `lead_views`, with the status that the view of a lead has.
    """
    # Its latest event lies among the dead letters: the same as `find_lead_view` says of one lead.
    latest_event = (lead_views.c.enriched_id, lead_views.c.scored_id)
    letter = exists().where(dead_letters.c.event_id.in_(latest_event), dead_letters.c.replayed_at.is_(None))
    is_stuck = and_(lead_views.c.status.in_(UNDECIDED), letter)
    status = case((is_stuck, DEAD_LETTERED), else_=lead_views.c.status).label("status")

    columns = [column for column in lead_views.c if column.name != "status"]
    statement = select(*columns, status).where(is_no_alias(lead_views.c.lead_id))
    for name in _EQUAL:
        if (value := getattr(filters, name)) is not None:
            statement = statement.where(lead_views.c[name] == value)
    if filters.account is not None:
        # A lead has the account of its own domain until it is scored.
        statement = statement.where(lead_views.c.account.in_(await joined_accounts(tx, filters.account)))
    statement = statement.where(*filters.conditions_of_indexes())
    if filters.status == DEAD_LETTERED:
        statement = statement.where(is_stuck)
    elif filters.status is not None:
        statement = statement.where(lead_views.c.status == filters.status, ~is_stuck)
    if filters.lead_id is not None:
        statement = statement.where(lead_views.c.lead_id == await surviving_lead(tx, filters.lead_id))
    if filters.reached is not None:
        statement = statement.where(lead_views.c.lead_id.in_(filters.reached.lead_ids()))
    if filters.since is not None:
        statement = statement.where(lead_views.c.first_at >= filters.since)
    if filters.until is not None:
        statement = statement.where(lead_views.c.first_at < filters.until)
    if after is not None:
        statement = statement.where(after_cursor(after, lead_views.c.first_at, lead_views.c.lead_id))
    statement = statement.order_by(lead_views.c.first_at.desc(), lead_views.c.lead_id.desc()).limit(limit)
    return list((await tx.execute(statement)).mappings())
