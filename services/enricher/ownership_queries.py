"""Queries of the tables of the scorer and the router: accounts, scored and nurtured leads, assignments."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from msgspec import Struct
from sqlalchemy import ColumnElement, or_, select

from services.enricher.tables import leads
from services.router.tables import assignments, routed_leads
from services.scorer.domain.subjects import canonical_key
from services.scorer.tables import accounts, scores
from shared.lead.events.account_received import AccountReceivedV1
from shared.lead.events.parts import Activity, Person
from shared.lead.events.scoring import Score
from shared.lead.events.signal_received import SignalReceivedV1
from shared.storage.database import Tx
from shared.storage.statements import member_of, members, select_columns
from shared.worker.tables import timers

PEOPLE_MAX: Final = 500
_OPEN = (assignments.c.closed_at.is_(None), assignments.c.joined.is_(False))
# Nobody works them: they are nurtured or suppressed.
_UNWORKED = or_(routed_leads.c.motion == "nurture", routed_leads.c.status == "suppressed")


class AccountSnapshot(Struct, frozen=True):
    """What is known about an account, and its signals by id."""

    account: str
    knowledge: AccountReceivedV1 | None
    signals: dict[str, SignalReceivedV1]


class LeadSnapshot(Struct, frozen=True):
    """The last score of a lead, and its activities beyond those of its forms."""

    lead_id: str
    activities: list[Activity]
    score: Score | None


class OpenAssignment(Struct, frozen=True):
    """An assignment that is not closed."""

    lead_id: str
    account: str
    queue: str
    state: str


async def account_snapshots(tx: Tx, keys: Sequence[str]) -> dict[str, AccountSnapshot]:
    """Return the accounts that these keys stand for, by key; an alias stands for the account that has it."""
    stored = await _stored_accounts(tx, keys)
    stands_for = {key: canonical_key(key, row.knowledge) for key, row in stored.items()}
    if others := sorted({*stands_for.values()} - stored.keys()):
        stored |= await _stored_accounts(tx, others)
    return {key: stored[account] for key, account in stands_for.items() if account in stored}


async def _stored_accounts(tx: Tx, keys: Sequence[str]) -> dict[str, AccountSnapshot]:
    table = accounts.c
    stored = select_columns((table.account, table.knowledge, table.signals), tx.dialect, table.account)
    found = await tx.fetch(stored, {"members": members(tx.dialect, keys)})
    return {account.account: account for account in (AccountSnapshot(*row) for row in found)}


async def lead_snapshots(tx: Tx, lead_ids: Sequence[str]) -> dict[str, LeadSnapshot]:
    """Return the scored leads among these, by id."""
    table = scores.c
    scored = select_columns((table.lead_id, table.activities, table.score), tx.dialect, table.lead_id)
    found = await tx.fetch(scored, {"members": members(tx.dialect, lead_ids)})
    return {lead.lead_id: lead for lead in (LeadSnapshot(*row) for row in found)}


async def open_assignments(tx: Tx, keys: Sequence[str]) -> list[OpenAssignment]:
    """Return the open assignments at these accounts."""
    table = assignments.c
    columns = (table.lead_id, table.account, table.queue, table.state)
    still_open = select_columns(columns, tx.dialect, table.account, *_OPEN)
    found = await tx.fetch(still_open, {"members": members(tx.dialect, keys)})
    return [OpenAssignment(*row) for row in found]


async def people_of_account(tx: Tx, account: str) -> list[Person]:
    """Return the people of the leads at an account, at most `PEOPLE_MAX`."""
    at_account = select(scores.c.lead_id).where(scores.c.account == account).limit(PEOPLE_MAX)
    people = select(leads.c.person).where(leads.c.lead_id.in_(at_account), leads.c.revision > 0)
    return [*(await tx.execute(people)).scalars()]


async def owned_leads(tx: Tx, lead_ids: Sequence[str]) -> set[str]:
    """Return those of the leads that have an owner of their own."""
    table = assignments.c
    statement = select(table.lead_id).where(member_of(tx.dialect, table.lead_id), table.closed_at.is_(None))
    rows = await tx.execute(statement, {"members": members(tx.dialect, lead_ids)})
    return set(rows.scalars())


async def unworked_leads(tx: Tx, lead_ids: Sequence[str]) -> set[str]:
    """Return those of the leads that nobody works."""
    statement = select(routed_leads.c.lead_id).where(member_of(tx.dialect, routed_leads.c.lead_id), _UNWORKED)
    rows = await tx.execute(statement, {"members": members(tx.dialect, lead_ids)})
    return set(rows.scalars())


def unworked_last() -> ColumnElement[bool]:
    """Return the order of timers in which those of leads that nobody works are last."""
    unworked = select(routed_leads.c.lead_id).where(routed_leads.c.lead_id == timers.c.subject, _UNWORKED)
    return unworked.exists()
