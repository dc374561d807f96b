"""Loads and locks the router's rows, always in one order, so that units of work cannot deadlock.

1. accounts by key,
2. leads by id,
3. the reps' rotation rows.

Every unit of work that may assign a lead locks the rotation rows of all reps, so they come last. Accounts
have lock rows of their own (`router_accounts`), because an account without leads has no other row. An account
that is the lead itself (a free-mail address) needs none.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Sequence
from typing import Any

from msgspec.structs import asdict
from sqlalchemy import ARRAY, ColumnElement, String, Table, bindparam, func, select
from sqlalchemy.dialects import postgresql, sqlite

from services.enricher.tables import lead_aliases
from services.enricher.tables import leads as leads_table
from services.gateway.tables import rep_availability
from services.router.domain.brief import STAKEHOLDERS_MAX
from services.router.domain.lead_ref import LeadAliasRow, referenced_lead_id
from services.router.domain.ownership import ROLE, SLA
from services.router.domain.state import (
    AccountContactRow,
    AccountLockRow,
    AssignmentRow,
    AwayRepRow,
    RepQueueRow,
    RoutedLeadRow,
)
from services.router.tables import assignments, rep_queues, routed_leads, router_accounts
from shared.errors import Retry
from shared.lead.events.action_received import ActionReceivedV1
from shared.lead.events.envelope import Event
from shared.lead.events.lead_scored import LeadScoredV1
from shared.lead.events.outcome_received import OutcomeReceivedV1
from shared.lead.events.person_erased import PersonErasedV1
from shared.storage.database import Tx, member_of, members
from shared.storage.rows import Row
from shared.worker.rows import TimerRow

_ASSIGNED_PER_QUEUE_MAX = 50


class RouterStore:
    """Loads what a decision may read. `rep_queues` returns the team's pairs of queue and rep id."""

    def __init__(self, rep_queues: Callable[[], Collection[tuple[str, str]]]) -> None:
        self._rep_queues = rep_queues

    async def load(self, tx: Tx, events: Sequence[Event[Any]]) -> Iterable[Row]:
        lead_ids, referenced = _lead_ids(events)
        aliases = await _aliases(tx, referenced)
        lead_ids |= referenced | {alias.lead_id for alias in aliases}
        if any(_assigns_waiting(event) for event in events):
            lead_ids |= await _longest_waiting(tx)
        accounts = await _lock_accounts(tx, events, lead_ids)
        leads = await tx.load(RoutedLeadRow, "lead_id", lead_ids, lock=True)
        if any(lead.account not in accounts and lead.account != lead.lead_id for lead in leads):
            raise Retry("a lead went to another account meanwhile")
        of_leads = await tx.load(AssignmentRow, "lead_id", lead_ids)
        of_accounts = await _oldest_of_accounts(tx, accounts, lead_ids)
        contacts = await _contacts(tx, {assignment.account for assignment in of_accounts})
        unavailable = select(rep_availability.c.rep).where(rep_availability.c.available.is_(False))
        rotation = await self._lock_rep_queues(tx)
        away = [AwayRepRow(rep) for rep in sorted((await tx.execute(unavailable)).scalars())]
        return [*aliases, *leads, *of_leads, *of_accounts, *contacts, *away, *rotation]

    async def _lock_rep_queues(self, tx: Tx) -> list[RepQueueRow]:
        """Lock the rotation rows of all reps, inserting those of reps who are new in the team."""
        wanted = select(rep_queues).order_by(rep_queues.c.queue, rep_queues.c.rep).with_for_update()
        stored = [RepQueueRow(*tuple(row)) for row in await tx.execute(wanted)]
        missing = sorted({*self._rep_queues()} - {row.key for row in stored})
        if not missing:
            return stored
        new = [asdict(RepQueueRow(queue, rep)) for queue, rep in missing]
        await tx.execute(_insert(tx)(rep_queues).on_conflict_do_nothing(), new)
        return [RepQueueRow(*tuple(row)) for row in await tx.execute(wanted)]


def _insert(tx: Tx) -> Callable[[Table], postgresql.Insert | sqlite.Insert]:
    return postgresql.insert if tx.dialect == "postgresql" else sqlite.insert


async def _longest_waiting(tx: Tx) -> set[str]:
    """Return the ids of the 50 leads of each queue that have waited longest.

    Queues that the policy no longer has are included: their leads are routed again.
    """
    waits = routed_leads.c.waiting_since.is_not(None)
    queues = (await tx.execute(select(routed_leads.c.queue).where(waits).distinct())).scalars().all()
    lead_ids: set[str] = set()
    for queue in queues:
        oldest = (
            select(routed_leads.c.lead_id)
            .where(routed_leads.c.queue == queue, waits)
            .order_by(routed_leads.c.waiting_since, routed_leads.c.lead_id)
            .limit(_ASSIGNED_PER_QUEUE_MAX)
        )
        lead_ids.update((await tx.execute(oldest)).scalars())
    return lead_ids


def _assigns_waiting(event: Event[Any]) -> bool:
    return isinstance(event.data, TimerRow) and event.data.role == ROLE and event.data.kind != SLA


def _lead_ids(events: Iterable[Event[Any]]) -> tuple[set[str], set[str]]:
    """Return the ids of the leads that the events are about, and those references that may be aliases."""
    lead_ids: set[str] = set()
    referenced: set[str | None] = set()
    for event in events:
        data = event.data
        if isinstance(data, LeadScoredV1):
            lead_ids.add(data.lead_id)
        elif isinstance(data, PersonErasedV1):
            lead_ids.update(data.lead_ids)
        elif isinstance(data, TimerRow):
            lead_ids.add(data.subject)
        elif isinstance(data, ActionReceivedV1):
            referenced.add(data.lead_id)
        elif isinstance(data, OutcomeReceivedV1):
            referenced.add(referenced_lead_id(data.lead_id, data.email))
    return lead_ids, {lead_id for lead_id in referenced if lead_id}


async def _aliases(tx: Tx, lead_ids: Collection[str]) -> list[LeadAliasRow]:
    if not lead_ids:
        return []
    aliases = select(lead_aliases.c.alias_id, lead_aliases.c.lead_id).where(
        member_of(tx.dialect, lead_aliases.c.alias_id)
    )
    rows = await tx.execute(aliases, {"members": members(tx.dialect, sorted(lead_ids))})
    return [LeadAliasRow(*tuple(row)) for row in rows]


async def _lock_accounts(tx: Tx, events: Sequence[Event[Any]], lead_ids: Collection[str]) -> set[str]:
    """Lock the accounts that the leads have now and those that their scores name; return them."""
    stored = select(routed_leads.c.account).where(member_of(tx.dialect, routed_leads.c.lead_id))
    rows = await tx.execute(stored, {"members": members(tx.dialect, sorted(lead_ids))})
    scored = {event.data.account for event in events if isinstance(event.data, LeadScoredV1)}
    accounts = ({*rows.scalars()} | scored) - {*lead_ids}
    locked = await tx.load(AccountLockRow, "account", accounts, lock=True)
    missing = sorted(accounts - {row.account for row in locked})
    if missing:
        new = [{"account": account} for account in missing]
        await tx.execute(_insert(tx)(router_accounts).on_conflict_do_nothing(), new)
        await tx.load(AccountLockRow, "account", missing, lock=True)
    return accounts


async def _oldest_of_accounts(
    tx: Tx, accounts: Collection[str], lead_ids: Collection[str]
) -> list[AssignmentRow]:
    """Return each account's oldest active assignment of a lead other than `lead_ids`."""
    if not accounts:
        return []
    other = assignments.alias()
    oldest = (
        select(other.c.id)
        .where(
            other.c.account == router_accounts.c.account,
            other.c.closed_at.is_(None),
            _none_of_leads(tx.dialect, other.c.lead_id),
        )
        .order_by(other.c.opened_at, other.c.id)
        .limit(1)
        .scalar_subquery()
    )
    ids = select(oldest).where(member_of(tx.dialect, router_accounts.c.account))
    rows = await tx.execute(
        select(assignments).where(assignments.c.id.in_(ids)),
        {
            "members": members(tx.dialect, sorted(accounts)),
            "leads": members(tx.dialect, sorted(lead_ids)),
        },
    )
    return [AssignmentRow(*tuple(row)) for row in rows]


def _none_of_leads(dialect: str, column: ColumnElement[str]) -> ColumnElement[bool]:
    """Return the condition `column is none of :leads`; the parameter is bound as for `member_of`."""
    if dialect == "postgresql":
        return column != func.all(bindparam("leads", type_=ARRAY(String)))
    values = func.json_each(bindparam("leads", type_=String)).table_valued("value")
    return column.not_in(select(values.c.value))


async def _contacts(tx: Tx, accounts: Collection[str]) -> list[AccountContactRow]:
    """Return people of each account with owned leads, the longest owned first, up to `STAKEHOLDERS_MAX`."""
    if not accounts:
        return []
    age = func.row_number().over(
        partition_by=assignments.c.account, order_by=(assignments.c.opened_at, assignments.c.id)
    )
    ranked = (
        select(assignments.c.lead_id, assignments.c.account, age.label("age"))
        .where(assignments.c.closed_at.is_(None), member_of(tx.dialect, assignments.c.account))
        .subquery()
    )
    people = (
        select(ranked.c.lead_id, ranked.c.account, leads_table.c.person)
        .join(leads_table, leads_table.c.lead_id == ranked.c.lead_id)
        .where(ranked.c.age <= STAKEHOLDERS_MAX)
        .order_by(ranked.c.account, ranked.c.age)
    )
    rows = await tx.execute(people, {"members": members(tx.dialect, sorted(accounts))})
    return [AccountContactRow(*tuple(row)) for row in rows]
