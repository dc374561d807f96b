"""Lists of leads, from the ledger's views."""

from __future__ import annotations

from msgspec import Struct
from sqlalchemy import RowMapping, and_, case, exists, select

from services.gateway.domain.lead_view import DEAD_LETTERED, UNDECIDED
from services.gateway.queries.accounts import joined_accounts
from services.gateway.queries.lead_view import is_no_alias, surviving_lead
from services.ledger.tables import dead_letters, lead_views
from shared.storage.database import Tx
from shared.storage.keyset import Cursor, after_cursor


class LeadFilter(Struct, frozen=True):
    """Which leads a list has; None: any. `lead_id` and `account` may be aliases."""

    lead_id: str | None = None
    email: str | None = None
    account: str | None = None
    queue: str | None = None
    owner: str | None = None
    status: str | None = None
    motion: str | None = None


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
    for name in ("email", "queue", "owner", "motion"):
        if (value := getattr(filters, name)) is not None:
            statement = statement.where(lead_views.c[name] == value)
    if filters.account is not None:
        # A lead has the account of its own domain until it is scored.
        statement = statement.where(lead_views.c.account.in_(await joined_accounts(tx, filters.account)))
    if filters.status == DEAD_LETTERED:
        statement = statement.where(is_stuck)
    elif filters.status is not None:
        statement = statement.where(lead_views.c.status == filters.status, ~is_stuck)
    if filters.lead_id is not None:
        statement = statement.where(lead_views.c.lead_id == await surviving_lead(tx, filters.lead_id))
    if after is not None:
        statement = statement.where(after_cursor(after, lead_views.c.first_at, lead_views.c.lead_id))
    statement = statement.order_by(lead_views.c.first_at.desc(), lead_views.c.lead_id.desc()).limit(limit)
    return list((await tx.execute(statement)).mappings())
