"""The SQL behind `RouterStore`: what to load and lock for a unit of work."""

from __future__ import annotations

from collections.abc import Callable, Collection

from msgspec.structs import asdict
from sqlalchemy import ARRAY, ColumnElement, String, Table, bindparam, func, select, true
from sqlalchemy.dialects import postgresql, sqlite

from services.enricher.tables import lead_aliases
from services.enricher.tables import leads as leads_table
from services.gateway.tables import rep_availability
from services.router.domain.brief import STAKEHOLDERS_MAX
from services.router.domain.lead_ref import LeadAliasRow
from services.router.domain.state import (
    AccountContactRow,
    AccountLockRow,
    AssignmentRow,
    AwayRepRow,
    RepQueueRow,
)
from services.router.tables import assignments, rep_queues, routed_leads, router_accounts
from services.scorer.tables import scores
from shared.storage.database import Tx
from shared.storage.statements import member_of, members

_ASSIGNED_PER_QUEUE_MAX = 50


async def lock_rep_queues(tx: Tx, team: Collection[tuple[str, str]]) -> list[RepQueueRow]:
    """Lock the rotation rows of all reps and return them, inserting those that the team lacks.

    `team` has pairs of queue and rep id. Rows of reps who have left the team are locked and returned too.
    """
    all_rows = select(rep_queues).order_by(rep_queues.c.queue, rep_queues.c.rep).with_for_update()
    stored = [RepQueueRow(*tuple(row)) for row in await tx.execute(all_rows)]
    missing = sorted({*team} - {row.key for row in stored})
    if not missing:
        return stored
    new = [asdict(RepQueueRow(queue, rep)) for queue, rep in missing]
    await tx.execute(_insert(tx)(rep_queues).on_conflict_do_nothing(), new)
    return [RepQueueRow(*tuple(row)) for row in await tx.execute(all_rows)]


async def away_reps(tx: Tx) -> list[AwayRepRow]:
    """Return the reps who take no new leads for now."""
    away = select(rep_availability.c.rep).where(rep_availability.c.available.is_(False))
    return [AwayRepRow(rep) for rep in sorted((await tx.execute(away)).scalars())]


def _insert(tx: Tx) -> Callable[[Table], postgresql.Insert | sqlite.Insert]:
    return postgresql.insert if tx.dialect == "postgresql" else sqlite.insert


async def longest_waiting(tx: Tx) -> set[str]:
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


async def leads_of_accounts(tx: Tx, accounts: Collection[str]) -> set[str]:
    """Return the ids of all leads of these accounts, by the scorer's table: no lead is routed before."""
    if not accounts:
        return set()
    statement = select(scores.c.lead_id).where(scores.c.account.in_(accounts))
    return {*(await tx.execute(statement)).scalars()}


async def aliases_of(tx: Tx, lead_ids: Collection[str]) -> list[LeadAliasRow]:
    """Return the aliases among these lead ids."""
    if not lead_ids:
        return []
    aliases = select(lead_aliases.c.alias_id, lead_aliases.c.lead_id).where(
        member_of(tx.dialect, lead_aliases.c.alias_id)
    )
    rows = await tx.execute(aliases, {"members": members(tx.dialect, sorted(lead_ids))})
    return [LeadAliasRow(*tuple(row)) for row in rows]


async def lock_accounts(tx: Tx, scored_accounts: Collection[str], lead_ids: Collection[str]) -> set[str]:
    """Lock the accounts that the leads have now and those that new scores name; return them."""
    stored = select(routed_leads.c.account).where(member_of(tx.dialect, routed_leads.c.lead_id))
    rows = await tx.execute(stored, {"members": members(tx.dialect, sorted(lead_ids))})
    accounts = ({*rows.scalars()} | {*scored_accounts}) - {*lead_ids}
    locked = await tx.load(AccountLockRow, "account", accounts, lock=True)
    missing = sorted(accounts - {row.account for row in locked})
    if missing:
        new = [{"account": account} for account in missing]
        await tx.execute(_insert(tx)(router_accounts).on_conflict_do_nothing(), new)
        await tx.load(AccountLockRow, "account", missing, lock=True)
    return accounts


async def oldest_assignments(
    tx: Tx, accounts: Collection[str], lead_ids: Collection[str]
) -> list[AssignmentRow]:
    """Return each account's oldest active assignment in each queue, of a lead other than `lead_ids`."""
    if not accounts:
        return []
    other, queues = assignments.alias(), select(rep_queues.c.queue).distinct().subquery()
    oldest = (
        select(other.c.id)
        .where(
            other.c.account == router_accounts.c.account,
            other.c.queue == queues.c.queue,
            other.c.closed_at.is_(None),
            _none_of_leads(tx.dialect, other.c.lead_id),
        )
        .order_by(other.c.opened_at, other.c.id)
        .limit(1)
        .scalar_subquery()
    )
    each_queue = router_accounts.join(queues, true())
    ids = select(oldest).select_from(each_queue).where(member_of(tx.dialect, router_accounts.c.account))
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


async def contacts_of(tx: Tx, accounts: Collection[str]) -> list[AccountContactRow]:
    """Return people of each account with owned leads, the longest owned first, up to `STAKEHOLDERS_MAX`."""
    if not accounts:
        return []
    age = func.row_number().over(
        partition_by=assignments.c.account, order_by=(assignments.c.opened_at, assignments.c.id)
    )
    ranked = (
        select(assignments.c.lead_id, assignments.c.account, assignments.c.rep, age.label("age"))
        .where(
            assignments.c.closed_at.is_(None),
            assignments.c.joined.is_(False),
            member_of(tx.dialect, assignments.c.account),
        )
        .subquery()
    )
    people = (
        select(
            ranked.c.lead_id, ranked.c.account, leads_table.c.person, leads_table.c.activities, ranked.c.rep
        )
        .join(leads_table, leads_table.c.lead_id == ranked.c.lead_id)
        .where(ranked.c.age <= STAKEHOLDERS_MAX)
        .order_by(ranked.c.account, ranked.c.age)
    )
    rows = await tx.execute(people, {"members": members(tx.dialect, sorted(accounts))})
    return [
        # The activities of a lead are in the order of time.
        AccountContactRow(row.lead_id, row.account, row.person, (row.activities or [None])[-1], row.rep)
        for row in rows
    ]
