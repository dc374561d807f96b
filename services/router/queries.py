"""The SQL behind `RouterStore`: what to load and lock for a unit of work."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Collection, Mapping
from functools import cache
from typing import Any

from msgspec.structs import asdict
from sqlalchemy import ARRAY, ColumnElement, Select, String, Table, bindparam, func, or_, select, union_all
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
    parked_outcomes,
    rep_queues,
    routed_leads,
    router_accounts,
    router_queues,
    router_reps,
)
from services.scorer.tables import scores
from shared.policy.load import PolicyInvalid, load
from shared.policy.tables import policies
from shared.storage.database import Tx
from shared.storage.keyset import Cursor
from shared.storage.statements import member_of, members, select_columns, upsert_row

_LOOKED_AT_PER_QUEUE = 50
_TEAMS_LOOKED_AT = 5
"""The latest versions of the policy in which the manager of a rep who left is looked for."""
_REPS_PER_QUERY = 100
# Building a statement costs more than running it, so each is built once.
_ROTATION = select(rep_queues).order_by(rep_queues.c.queue, rep_queues.c.rep).with_for_update()
_QUEUES = select(router_queues)
_REPS = select(router_reps)
_AWAY = select(rep_availability.c.rep).where(rep_availability.c.available.is_(False))
_ALIAS_COLUMNS = (lead_aliases.c.alias_id, lead_aliases.c.lead_id)
_WITH_PARKED_OUTCOMES = lead_aliases.c.alias_id.in_(select(parked_outcomes.c.lead_id))


async def lock_rep_queues(tx: Tx, team: Collection[tuple[str, str]]) -> list[RepQueueRow]:
    """Lock the rotation rows of all reps and return them, inserting those that the team lacks.

    `team` has pairs of queue and rep id. Rows of reps who have left the team are locked and returned too.
    """
    stored = [RepQueueRow(*row) for row in await tx.fetch(_ROTATION, {})]
    missing = sorted({*team} - {row.key for row in stored})
    if not missing:
        return stored
    new = [asdict(RepQueueRow(queue, rep)) for queue, rep in missing]
    await tx.execute(_insert(tx)(rep_queues).on_conflict_do_nothing(), new)
    return [RepQueueRow(*row) for row in await tx.fetch(_ROTATION, {})]


async def queue_rows(tx: Tx) -> list[QueueRow]:
    """Return the states of all queues. The locks of the rotation rows protect them."""
    return [QueueRow(*row) for row in await tx.fetch(_QUEUES, {})]


async def rep_rows(tx: Tx, depths: Mapping[str, int]) -> list[RepRow]:
    """Return the rows of all reps, each with as many of the latest assignments as `depths` says.

    A row that has fewer is filled from the assignments: the rep had no caps until now, or smaller ones.
    """
    rows = {row.rep: row for row in (RepRow(*found) for found in await tx.fetch(_REPS, {}))}
    short = [rep for rep, depth in sorted(depths.items()) if depth > (rows[rep].depth if rep in rows else 0)]
    times: dict[str, list[int]] = {rep: [] for rep in short}
    rep_id, opened_at = assignments.c.rep, assignments.c.opened_at
    for start in range(0, len(short), _REPS_PER_QUERY):
        # Each part reads as many rows as it returns, by the index.
        latest = [
            select(rep_id, opened_at)
            .where(rep_id == rep, assignments.c.credited_back.is_(False))
            .order_by(opened_at.desc())
            .limit(depths[rep])
            .subquery()
            for rep in short[start : start + _REPS_PER_QUERY]
        ]
        for found in await tx.execute(union_all(*(select(one) for one in latest))):
            times[found.rep].append(microseconds(found.opened_at))
    filled = [
        RepRow(rep, rows[rep].manager if rep in rows else None, depths[rep], tuple(sorted(times[rep])))
        for rep in short
    ]
    if filled:
        insert = _insert(tx)(router_reps)
        changed = {"depth": insert.excluded.depth, "assigned": insert.excluded.assigned}
        upsert = insert.on_conflict_do_update(index_elements=["rep"], set_=changed)
        await tx.execute(upsert, [asdict(row) for row in filled])
    return [*({**rows, **{row.rep: row for row in filled}}).values()]


async def away_reps(tx: Tx) -> list[AwayRepRow]:
    """Return the reps who take no new leads for now."""
    return [AwayRepRow(rep) for rep in sorted(row[0] for row in await tx.fetch(_AWAY, {}))]


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


_read_managers: dict[str, Mapping[str, str | None]] = {}


def _managers_in(version: str, files: Mapping[str, str]) -> Mapping[str, str | None]:
    """Return by rep the managers in a version of the policy; none in one written for another release."""
    if version not in _read_managers:
        if len(_read_managers) >= 2 * _TEAMS_LOOKED_AT:
            _read_managers.clear()
        try:
            _read_managers[version] = {rep.id: rep.manager for rep in load(files).team.reps}
        except PolicyInvalid:
            _read_managers[version] = {}
    return _read_managers[version]


async def former_managers(tx: Tx, leavers: Collection[str]) -> dict[str, str | None]:
    """Return the managers of reps who left, by the newest version of the policy that had them.

    The router may have decided nothing by that version: who changes a team twice in a second applies one
    that no process ever reads. Those whom none of the latest `_TEAMS_LOOKED_AT` versions has are left out.
    """
    managers: dict[str, str | None] = {}
    latest = select(policies.c.version).order_by(policies.c.activation.desc()).limit(_TEAMS_LOOKED_AT)
    for version in (await tx.execute(latest)).scalars().all() if leavers else ():
        files = await tx.execute(select(policies.c.files).where(policies.c.version == version))
        known = await asyncio.to_thread(_managers_in, version, files.scalar_one())
        managers = {rep: known[rep] for rep in leavers if rep in known} | managers
        if len(managers) == len(leavers):
            break
    return managers


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
    aliases = select_columns(_ALIAS_COLUMNS, tx.dialect, lead_aliases.c.alias_id)
    rows = await tx.fetch(aliases, {"members": members(tx.dialect, sorted(lead_ids))})
    return [LeadAliasRow(*row) for row in rows]


async def aliases_with_parked_outcomes(tx: Tx, lead_ids: Collection[str]) -> list[LeadAliasRow]:
    """Return the aliases of these leads under which outcomes wait."""
    if not lead_ids:
        return []
    aliases = select_columns(_ALIAS_COLUMNS, tx.dialect, lead_aliases.c.lead_id, _WITH_PARKED_OUTCOMES)
    rows = await tx.fetch(aliases, {"members": members(tx.dialect, sorted(lead_ids))})
    return [LeadAliasRow(*row) for row in rows]


async def lock_accounts(tx: Tx, scored_accounts: Collection[str], lead_ids: Collection[str]) -> set[str]:
    """Lock the accounts that the leads have now and those that new scores name; return them."""
    stored = select_columns((routed_leads.c.account,), tx.dialect, routed_leads.c.lead_id)
    rows = await tx.fetch(stored, {"members": members(tx.dialect, sorted(lead_ids))})
    accounts = ({row[0] for row in rows} | {*scored_accounts}) - {*lead_ids}
    locked = await tx.load(AccountLockRow, "account", accounts, lock=True)
    missing = sorted(accounts - {row.account for row in locked})
    if missing:
        new = [{"account": account} for account in missing]
        await tx.execute(upsert_row(router_accounts, tx.dialect, once=True), new)
        await tx.load(AccountLockRow, "account", missing, lock=True)
    return accounts


async def oldest_assignments(
    tx: Tx, accounts: Collection[str], lead_ids: Collection[str]
) -> list[AssignmentRow]:
    """Return the oldest active assignment of each account, queue and rep, of a lead other than `lead_ids`."""
    if not accounts:
        return []
    rows = await tx.fetch(
        oldest_of_accounts(tx.dialect),
        {
            "members": members(tx.dialect, sorted(accounts)),
            "leads": members(tx.dialect, sorted(lead_ids)),
        },
    )
    return [AssignmentRow(*row) for row in rows]


@cache
def oldest_of_accounts(dialect: str) -> Select[tuple[Any, ...]]:
    """Select the oldest active assignment of each of `:members`, queue and rep, but for those of `:leads`."""
    age = func.row_number().over(
        partition_by=(assignments.c.account, assignments.c.queue, assignments.c.rep),
        order_by=(assignments.c.opened_at, assignments.c.id),
    )
    ranked = (
        select(assignments.c.id, age.label("age"))
        .where(
            assignments.c.closed_at.is_(None),
            member_of(dialect, assignments.c.account),
            _none_of_leads(dialect, assignments.c.lead_id),
        )
        .subquery()
    )
    return select(assignments).join(ranked, ranked.c.id == assignments.c.id).where(ranked.c.age == 1)


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
    rows = await tx.fetch(longest_owned(tx.dialect), {"members": members(tx.dialect, sorted(accounts))})
    return [
        # The activities of a lead are in the order of time.
        AccountContactRow(lead_id, account, person, (activities or [None])[-1], rep)
        for lead_id, account, person, activities, rep in rows
    ]


@cache
def longest_owned(dialect: str) -> Select[tuple[Any, ...]]:
    """Select people of each of `:members` with owned leads, the longest owned first."""
    age = func.row_number().over(
        partition_by=assignments.c.account, order_by=(assignments.c.opened_at, assignments.c.id)
    )
    ranked = (
        select(assignments.c.lead_id, assignments.c.account, assignments.c.rep, age.label("age"))
        .where(
            assignments.c.closed_at.is_(None),
            assignments.c.joined.is_(False),
            member_of(dialect, assignments.c.account),
        )
        .subquery()
    )
    return (
        select(
            ranked.c.lead_id, ranked.c.account, leads_table.c.person, leads_table.c.activities, ranked.c.rep
        )
        .join(leads_table, leads_table.c.lead_id == ranked.c.lead_id)
        .where(ranked.c.age <= STAKEHOLDERS_MAX)
        .order_by(ranked.c.account, ranked.c.age)
    )
