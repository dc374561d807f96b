"""The counts that the sidebar of the console shows."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any, Final

from msgspec import Struct
from sqlalchemy import CompoundSelect, Select, exists, func, literal, select, union

from services.gateway.tables import rep_availability, subscriptions
from services.ledger.tables import dead_letters
from services.router.tables import assignments, deliveries, deliveries_matching, delivery_attempts
from shared.storage.database import Tx
from shared.webhooks import DeliveryFilter

COUNT_MAX: Final = 100
"""No count goes on beyond this: the number of leads of a database is never counted."""
_GIVEN_UP_MAX: Final = 1_000
"""So many deliveries that were given up are looked at for their endpoints, the latest ones."""


class NavCounts(Struct, frozen=True):
    """Leads to accept (of the rep, or of all), endpoints that fail now, and open dead letters.

    None is more than `COUNT_MAX`. `available`: the rep gets new leads.
    """

    unaccepted: int
    failing: int
    dead_letters: int
    available: bool


async def count_for_nav(tx: Tx, rep: str | None, since: datetime) -> NavCounts:
    """Return the counts, in one statement; deliveries that were given up count from `since` on."""
    unaccepted = select(assignments.c.id).where(
        assignments.c.closed_at.is_(None),
        assignments.c.accepted_at.is_(None),
        assignments.c.joined.is_(False),
    )
    if rep is not None:
        unaccepted = unaccepted.where(assignments.c.rep == rep)
    failing = _failing_endpoints(since)
    letters = select(dead_letters.c.id).where(dead_letters.c.replayed_at.is_(None))
    is_away = exists().where(rep_availability.c.rep == (rep or ""), rep_availability.c.available.is_(False))
    counted = select(_count(unaccepted), _count(failing), _count(letters), select(is_away).scalar_subquery())
    found: Sequence[int] = tuple((await tx.execute(counted)).one())
    to_accept, endpoints, open_letters, away = found
    return NavCounts(to_accept, endpoints, open_letters, available=not away)


def _failing_endpoints(since: datetime) -> CompoundSelect[Any]:
    """Return the endpoints that are tried again, and those that refused for good the last time.

    Of the latter, only those that still exist; a destination of a queue has a name with a colon.
    """
    column, attempt = deliveries.c, delivery_attempts.c
    retried = select(column.subscription_id).where(column.next_attempt_at.is_not(None), column.attempts > 0)
    given_up = deliveries_matching(DeliveryFilter(states=("failed", "gone"), since=since))
    latest = select(column.subscription_id).where(given_up).order_by(column.created_at.desc())
    refusing = select(latest.limit(_GIVEN_UP_MAX).subquery().c.subscription_id).distinct().subquery()
    last_error = (
        select(attempt.error)
        .where(attempt.subscription_id == refusing.c.subscription_id)
        .order_by(attempt.at.desc())
        .limit(1)
        .scalar_subquery()
    )
    endpoint = refusing.c.subscription_id
    is_known = endpoint.contains(":") | exists().where(subscriptions.c.id == endpoint)
    return union(retried, select(endpoint).where(last_error.is_not(None), is_known))


def _count(rows: Select[Any] | CompoundSelect[Any]) -> Any:
    return select(func.count(literal(1))).select_from(rows.limit(COUNT_MAX).subquery()).scalar_subquery()
