"""The router's rows. The one order of its locks: accounts by key, leads by id, the reps' places last.

Every unit of work that may give a lead to somebody holds the places of all reps, so they come as late as
can be. An account has a row of its own to be locked, since its first lead has none yet; an account that
is the lead itself (free mail) needs none.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Sequence
from typing import Any

from msgspec.structs import asdict
from sqlalchemy import ARRAY, ColumnElement, String, bindparam, func, select
from sqlalchemy.dialects import postgresql, sqlite

from services.enricher.tables import lead_aliases
from services.enricher.tables import leads as leads_table
from services.gateway.tables import rep_availability
from services.router.domain.brief import STAKEHOLDERS_MAX
from services.router.domain.lead_ref import AliasRow, named_lead
from services.router.domain.ownership import ROLE, SLA
from services.router.domain.state import (
    AccountRow,
    AcquaintanceRow,
    AssignmentRow,
    AwayRow,
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

_DRAINED_AT_ONCE = 50


class RouterStore:
    """Loads what a decision may need. `places` are those of the present team: queue and rep."""

    def __init__(self, places: Callable[[], Collection[tuple[str, str]]]) -> None:
        self._places = places

    async def load(self, tx: Tx, events: Sequence[Event[Any]]) -> Iterable[Row]:
        aliases = await _aliases(tx, events)
        lead_ids = _lead_ids(events) | {alias.lead_id for alias in aliases}
        if any(_is_drain(event) for event in events):
            lead_ids |= await _waiting(tx)
        accounts = await _lock_accounts(tx, events, lead_ids)
        leads = await tx.load(RoutedLeadRow, "lead_id", lead_ids, lock=True)
        if any(lead.account not in accounts and lead.account != lead.lead_id for lead in leads):
            raise Retry("a lead went to another account meanwhile")
        own = await tx.load(AssignmentRow, "lead_id", lead_ids)
        heads = await _heads(tx, accounts, lead_ids)
        known = await _acquaintances(tx, {head.account for head in heads})
        places = await self._lock_places(tx)
        return [*aliases, *leads, *own, *heads, *known, *await _away(tx), *places]

    async def _lock_places(self, tx: Tx) -> list[RepQueueRow]:
        """Lock every rep's place in the rotation; make those of reps who are new to the team."""
        held = await _places(tx)
        missing = sorted({*self._places()} - {place.key for place in held})
        if not missing:
            return held
        insert = postgresql.insert if tx.dialect == "postgresql" else sqlite.insert
        fresh = [asdict(RepQueueRow(queue, rep)) for queue, rep in missing]
        await tx.execute(insert(rep_queues).on_conflict_do_nothing(), fresh)
        return await _places(tx)


async def _waiting(tx: Tx) -> set[str]:
    """Return the leads that have waited longest, some of each queue, also of one the policy has no more."""
    waits = routed_leads.c.waiting_since.is_not(None)
    queues = (await tx.execute(select(routed_leads.c.queue).where(waits).distinct())).scalars().all()
    found: set[str] = set()
    for queue in queues:
        oldest = (
            select(routed_leads.c.lead_id)
            .where(routed_leads.c.queue == queue, waits)
            .order_by(routed_leads.c.waiting_since, routed_leads.c.lead_id)
            .limit(_DRAINED_AT_ONCE)
        )
        found.update((await tx.execute(oldest)).scalars())
    return found


def _is_drain(event: Event[Any]) -> bool:
    return isinstance(event.data, TimerRow) and event.data.role == ROLE and event.data.kind != SLA


def _lead_ids(events: Iterable[Event[Any]]) -> set[str]:
    found: set[str] = set()
    for event in events:
        data = event.data
        if isinstance(data, LeadScoredV1):
            found.add(data.lead_id)
        elif isinstance(data, PersonErasedV1):
            found.update(data.lead_ids)
        elif isinstance(data, TimerRow):
            found.add(data.subject)
    return found | _named(events)


def _named(events: Iterable[Event[Any]]) -> set[str]:
    """Return the leads that people name, who may name them by an alias."""
    found: set[str | None] = set()
    for event in events:
        data = event.data
        if isinstance(data, ActionReceivedV1):
            found.add(data.lead_id)
        elif isinstance(data, OutcomeReceivedV1):
            found.add(named_lead(data.lead_id, data.email))
    return {lead_id for lead_id in found if lead_id}


async def _aliases(tx: Tx, events: Sequence[Event[Any]]) -> list[AliasRow]:
    named = sorted(_named(events))
    if not named:
        return []
    wanted = select(lead_aliases.c.alias_id, lead_aliases.c.lead_id).where(
        member_of(tx.dialect, lead_aliases.c.alias_id)
    )
    result = await tx.execute(wanted, {"members": members(tx.dialect, named)})
    return [AliasRow(*tuple(row)) for row in result]


async def _lock_accounts(tx: Tx, events: Sequence[Event[Any]], lead_ids: Collection[str]) -> set[str]:
    """Lock the accounts that the leads have and will have; return them."""
    stored = select(routed_leads.c.account).where(member_of(tx.dialect, routed_leads.c.lead_id))
    result = await tx.execute(stored, {"members": members(tx.dialect, sorted(lead_ids))})
    told = {event.data.account for event in events if isinstance(event.data, LeadScoredV1)}
    accounts = ({*result.scalars()} | told) - {*lead_ids}
    held = await tx.load(AccountRow, "account", accounts, lock=True)
    missing = sorted(accounts - {row.account for row in held})
    if missing:
        insert = postgresql.insert if tx.dialect == "postgresql" else sqlite.insert
        fresh = insert(router_accounts).on_conflict_do_nothing()
        await tx.execute(fresh, [{"account": account} for account in missing])
        await tx.load(AccountRow, "account", missing, lock=True)
    return accounts


async def _heads(tx: Tx, accounts: Collection[str], lead_ids: Collection[str]) -> list[AssignmentRow]:
    """Return each account's oldest active assignment beyond those of these leads."""
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
    result = await tx.execute(
        select(assignments).where(assignments.c.id.in_(ids)),
        {
            "members": members(tx.dialect, sorted(accounts)),
            "leads": members(tx.dialect, sorted(lead_ids)),
        },
    )
    return [AssignmentRow(*tuple(row)) for row in result]


async def _acquaintances(tx: Tx, accounts: Collection[str]) -> list[AcquaintanceRow]:
    """Return, of each account, the people whose leads have been owned longest: a few of them."""
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
    wanted = (
        select(ranked.c.lead_id, ranked.c.account, leads_table.c.person)
        .join(leads_table, leads_table.c.lead_id == ranked.c.lead_id)
        .where(ranked.c.age <= STAKEHOLDERS_MAX)
        .order_by(ranked.c.account, ranked.c.age)
    )
    result = await tx.execute(wanted, {"members": members(tx.dialect, sorted(accounts))})
    return [AcquaintanceRow(*tuple(row)) for row in result]


async def _away(tx: Tx) -> list[AwayRow]:
    away = select(rep_availability.c.rep).where(rep_availability.c.available.is_(False))
    return [AwayRow(rep) for rep in sorted((await tx.execute(away)).scalars())]


def _none_of_leads(dialect: str, column: ColumnElement[str]) -> ColumnElement[bool]:
    """Return `column is none of :leads`, bound as for `member_of`."""
    if dialect == "postgresql":
        return column != func.all(bindparam("leads", type_=ARRAY(String)))
    each = func.json_each(bindparam("leads", type_=String)).table_valued("value")
    return column.not_in(select(each.c.value))


async def _places(tx: Tx) -> list[RepQueueRow]:
    wanted = select(rep_queues).order_by(rep_queues.c.queue, rep_queues.c.rep).with_for_update()
    return [RepQueueRow(*tuple(row)) for row in await tx.execute(wanted)]
