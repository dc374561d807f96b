"""What the scorer and the router know of leads and accounts, for whoever asks what may become of a lead."""

from __future__ import annotations

from collections.abc import Sequence

from msgspec import Struct
from sqlalchemy import select

from services.router.tables import assignments
from services.scorer.tables import accounts, scores
from shared.lead.events.account_received import AccountReceivedV1
from shared.lead.events.parts import Activity
from shared.lead.events.scoring import Score
from shared.lead.events.signal_received import SignalReceivedV1
from shared.storage.database import Tx, member_of, members


class AccountStanding(Struct, frozen=True):
    """What is known of an account, and what happened at it."""

    account: str
    knowledge: AccountReceivedV1 | None
    signals: dict[str, SignalReceivedV1]


class LeadStanding(Struct, frozen=True):
    """How a lead was last scored, and what it did beyond its forms."""

    lead_id: str
    activities: list[Activity]
    score: Score | None


class OpenAssignment(Struct, frozen=True):
    """A lead somebody works on."""

    lead_id: str
    account: str
    queue: str
    state: str


async def account_standings(tx: Tx, keys: Sequence[str]) -> dict[str, AccountStanding]:
    """Return what is known of these accounts, by key."""
    table = accounts.c
    statement = select(table.account, table.knowledge, table.signals).where(
        member_of(tx.dialect, table.account)
    )
    rows = await tx.execute(statement, {"members": members(tx.dialect, keys)})
    return {row["account"]: AccountStanding(**row) for row in rows.mappings()}


async def lead_standings(tx: Tx, lead_ids: Sequence[str]) -> dict[str, LeadStanding]:
    """Return how these leads stand, by id."""
    table = scores.c
    statement = select(table.lead_id, table.activities, table.score).where(
        member_of(tx.dialect, table.lead_id)
    )
    rows = await tx.execute(statement, {"members": members(tx.dialect, lead_ids)})
    return {row["lead_id"]: LeadStanding(**row) for row in rows.mappings()}


async def open_assignments(tx: Tx, keys: Sequence[str]) -> list[OpenAssignment]:
    """Return the open assignments at these accounts."""
    table = assignments.c
    statement = select(table.lead_id, table.account, table.queue, table.state).where(
        member_of(tx.dialect, table.account), table.closed_at.is_(None)
    )
    rows = await tx.execute(statement, {"members": members(tx.dialect, keys)})
    return [OpenAssignment(**row) for row in rows.mappings()]
