"""The SQL behind `RouterStore`: what to load and lock for a unit of work."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping

from msgspec.structs import asdict
from sqlalchemy import ARRAY, ColumnElement, String, Table, bindparam, func, or_, select
from sqlalchemy.dialects import postgresql, sqlite

from services.enricher.tables import lead_aliases
from services.enricher.tables import leads as leads_table
from services.gateway.tables import rep_availability
from services.router.domain.brief import STAKEHOLDERS_MAX
from services.router.domain.lead_ref import LeadAliasRow
from services.router.domain.leavers import LEAVERS_LEADS_MAX
from services.router.domain.limits import microseconds
from services.router.domain.state import (
    AccountContactRow,
    AccountLockRow,
    ActivePolicyRow,
    AssignmentRow,
    AwayRepRow,
    QueueRow,
    RepQueueRow,
    RepRow,
)
from services.router.tables import (
    assignments,
    rep_queues,
    routed_leads,
    router_accounts,
    router_queues,
    router_reps,
)
from services.scorer.tables import scores
from shared.policy.tables import policies
from shared.storage.database import Tx
from shared.storage.keyset import Cursor
from shared.storage.statements import member_of, members

_LOOKED_AT_PER_QUEUE = 50


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


async def queue_rows(tx: Tx) -> list[QueueRow]:
    """Return the states of all queues. The locks of the rotation rows protect them."""
    return [QueueRow(*tuple(row)) for row in await tx.execute(select(router_queues))]


async def rep_rows(tx: Tx, depths: Mapping[str, int], *, of_all: bool) -> list[RepRow]:
    """Return the rows of these reps, or all, each with as many of the latest assignments as `depths` says.

    A row that has fewer is filled from the assignments: the rep had no caps until now, or smaller ones.
    """
    if not depths and not of_all:
        return []
    of_reps = select(router_reps)
    if not of_all:
        of_reps = of_reps.where(member_of(tx.dialect, router_reps.c.rep))
    found = await tx.execute(of_reps, {"members": members(tx.dialect, sorted(depths))} if not of_all else {})
    rows = {row.rep: RepRow(*tuple(row)) for row in found}
    filled: list[RepRow] = []
    for rep, depth in sorted(depths.items()):
        row = rows.get(rep) or RepRow(rep)
        if row.depth < depth:
            counted = (assignments.c.rep == rep, assignments.c.credited_back.is_(False))
            latest = select(assignments.c.opened_at).where(*counted).order_by(assignments.c.opened_at.desc())
            times = (await tx.execute(latest.limit(depth))).scalars().all()
            filled.append(RepRow(rep, row.manager, depth, tuple(sorted(map(microseconds, times)))))
    if filled:
        insert = _insert(tx)(router_reps)
        changed = {"depth": insert.excluded.depth, "assigned": insert.excluded.assigned}
        upsert = insert.on_conflict_do_update(index_elements=["rep"], set_=changed)
        await tx.execute(upsert, [asdict(row) for row in filled])
    return [*({**rows, **{row.rep: row for row in filled}}).values()]


async def away_reps(tx: Tx) -> list[AwayRepRow]:
    """Return the reps who take no new leads for now."""
    away = select(rep_availability.c.rep).where(rep_availability.c.available.is_(False))
    return [AwayRepRow(rep) for rep in sorted((await tx.execute(away)).scalars())]


def _insert(tx: Tx) -> Callable[[Table], postgresql.Insert | sqlite.Insert]:
    return postgresql.insert if tx.dialect == "postgresql" else sqlite.insert


async def longest_waiting(tx: Tx, cursors: dict[str, Cursor]) -> set[str]:
    """Return the ids of the 50 leads of each queue that have waited longest, and of 50 others in turn.

    Leads of a queue may demand different reps (territory, skills, rejections), so old ones that nobody may
    have must not keep the others waiting. `cursors` has the last of the others by queue, and is moved on.
    Queues that the policy no longer has are included: their leads are routed again.
    """
    since, id_ = routed_leads.c.waiting_since, routed_leads.c.lead_id
    queues = await tx.execute(select(routed_leads.c.queue).where(since.is_not(None)).distinct())
    lead_ids: set[str] = set()
    for queue in queues.scalars().all():
        waiting = (
            select(since, id_)
            .where(routed_leads.c.queue == queue, since.is_not(None))
            .order_by(since, id_)
            .limit(_LOOKED_AT_PER_QUEUE)
        )
        found = [Cursor(*tuple(row)) for row in await tx.execute(waiting)]
        if len(found) == _LOOKED_AT_PER_QUEUE:
            after = max(found[-1], cursors.get(queue, found[-1]))
            # The first condition is for the index.
            later = waiting.where(since >= after.at, or_(since > after.at, id_ > after.id))
            others = [Cursor(*tuple(row)) for row in await tx.execute(later)]
            # Without others it begins anew, after the oldest.
            cursors[queue] = others[-1] if others else found[-1]
            found += others
        lead_ids.update(lead.id for lead in found)
    return lead_ids


async def active_policy(tx: Tx) -> list[ActivePolicyRow]:
    """Return the active version of the policy, none where no policy was applied."""
    latest = select(policies.c.version).order_by(policies.c.activation.desc()).limit(1)
    return [ActivePolicyRow(version) for version in (await tx.execute(latest)).scalars()]


async def leads_of_leavers(tx: Tx, owners: Collection[str]) -> set[str]:
    """Return the ids of the oldest active leads of those who are none of `owners`, 100 at most."""
    busy = select(rep_queues.c.rep).where(rep_queues.c.open_leads > 0).distinct()
    leavers = {*(await tx.execute(busy)).scalars()} - {*owners}
    if not leavers:
        return set()
    oldest = (
        select(assignments.c.lead_id)
        .where(assignments.c.closed_at.is_(None), assignments.c.rep.in_(leavers))
        .order_by(assignments.c.opened_at, assignments.c.id)
        .limit(LEAVERS_LEADS_MAX)
    )
    return {*(await tx.execute(oldest)).scalars()}


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
    """Return the oldest active assignment of each account, queue and rep, of a lead other than `lead_ids`."""
    if not accounts:
        return []
    age = func.row_number().over(
        partition_by=(assignments.c.account, assignments.c.queue, assignments.c.rep),
        order_by=(assignments.c.opened_at, assignments.c.id),
    )
    ranked = (
        select(assignments.c.id, age.label("age"))
        .where(
            assignments.c.closed_at.is_(None),
            member_of(tx.dialect, assignments.c.account),
            _none_of_leads(tx.dialect, assignments.c.lead_id),
        )
        .subquery()
    )
    oldest = select(assignments).join(ranked, ranked.c.id == assignments.c.id).where(ranked.c.age == 1)
    rows = await tx.execute(
        oldest,
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
