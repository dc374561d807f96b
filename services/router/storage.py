"""Loads and locks the router's rows, always in one order, so that units of work cannot deadlock.

1. accounts by key,
2. leads by id,
3. the reps' rotation rows,
4. the outcomes that wait for their leads.

Every unit of work locks the rotation rows of all reps, so they come late. Accounts have lock rows of their
own (`router_accounts`), because an account without leads has no other row. An account that is the lead itself
(a free-mail address) needs none.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any

from msgspec.structs import replace

from services.router.domain.lead_ref import referenced_lead_id
from services.router.domain.ownership import ROLE
from services.router.domain.parked_outcomes import ParkedOutcomesRow
from services.router.domain.state import AssignmentRow, RepRow, RoutedLeadRow
from services.router.policy import RoutingPolicy
from services.router.queries import (
    active_policy,
    aliases_of,
    aliases_with_parked_outcomes,
    away_reps,
    contacts_of,
    former_managers,
    leads_of_accounts,
    leads_of_leavers,
    lock_accounts,
    lock_rep_queues,
    longest_waiting,
    oldest_assignments,
    queue_rows,
    rep_rows,
)
from shared.errors import Retry
from shared.lead.events.action_received import ActionReceivedV1
from shared.lead.events.envelope import Event
from shared.lead.events.lead_scored import LeadScoredV1
from shared.lead.events.outcome_received import OutcomeReceivedV1
from shared.lead.events.person_erased import PersonErasedV1
from shared.storage.database import Tx
from shared.storage.keyset import Cursor
from shared.storage.rows import Row
from shared.worker.rows import TimerRow


class RouterStore:
    """Loads what a decision by the present policy may read."""

    def __init__(self, policy: Callable[[], RoutingPolicy]) -> None:
        self._policy = policy
        self._waiting: dict[str, Cursor] = {}

    async def load(self, tx: Tx, events: Sequence[Event[Any]]) -> Iterable[Row]:
        policy = self._policy()
        lead_ids, referenced = _lead_ids(events)
        aliases = await aliases_of(tx, referenced)
        lead_ids |= referenced | {alias.lead_id for alias in aliases}
        timers = (event.data for event in events if isinstance(event.data, TimerRow))
        is_recurring = any(timer.role == ROLE and not timer.subject for timer in timers)
        if is_recurring:
            lead_ids |= await longest_waiting(tx, self._waiting) | await leads_of_leavers(tx, policy.owners)
        erasures = [event.data for event in events if isinstance(event.data, PersonErasedV1)]
        lead_ids |= await leads_of_accounts(tx, {key for erasure in erasures for key in erasure.accounts})
        scored = {event.data.account for event in events if isinstance(event.data, LeadScoredV1)}
        accounts = await lock_accounts(tx, scored, lead_ids)
        leads = await tx.load(RoutedLeadRow, "lead_id", lead_ids, lock=True)
        if any(lead.account not in accounts and lead.account != lead.lead_id for lead in leads):
            raise Retry("a lead went to another account meanwhile")
        of_leads = await tx.load(AssignmentRow, "lead_id", lead_ids)
        of_accounts = await oldest_assignments(tx, accounts, lead_ids)
        contacts = await contacts_of(tx, {assignment.account for assignment in of_accounts})
        rotation = await lock_rep_queues(tx, policy.rep_queues)
        # With these locks nobody else decides. Leads that are not routed have no row to lock: an outcome that
        # was parked while its lead was being routed would never count.
        aliases += await aliases_with_parked_outcomes(
            tx, {event.data.lead_id for event in events if isinstance(event.data, LeadScoredV1)}
        )
        waits_for = lead_ids.union(alias.alias_id for alias in aliases)
        parked = await tx.load(ParkedOutcomesRow, "lead_id", waits_for, lock=True)
        unrouted = referenced.union(alias.lead_id for alias in aliases) - {lead.lead_id for lead in leads}
        if await tx.load(RoutedLeadRow, "lead_id", unrouted):
            raise Retry("a lead was routed meanwhile")
        # The locks of the rotation protect the rows of reps and queues, too.
        reps = {row.rep: row for row in await rep_rows(tx, policy.cap_depths)}
        leavers = {one.rep for one in of_leads if one.active and one.rep not in policy.owners}
        for rep, manager in (await former_managers(tx, leavers)).items():
            reps[rep] = replace(reps.get(rep) or RepRow(rep), manager=manager)
        states = [*await queue_rows(tx), *reps.values()]
        away = [*await away_reps(tx), *(await active_policy(tx) if is_recurring or leavers else ())]
        known = [*aliases, *leads, *parked, *of_leads]
        return [*known, *of_accounts, *contacts, *away, *rotation, *states]


def _lead_ids(events: Iterable[Event[Any]]) -> tuple[set[str], set[str]]:
    """Return the ids of the leads that the events are about, and those references that may be aliases."""
    lead_ids: set[str] = set()
    referenced: set[str | None] = set()
    for event in events:
        data = event.data
        if isinstance(data, LeadScoredV1):
            lead_ids |= {data.lead_id, *data.merged}
        elif isinstance(data, PersonErasedV1):
            lead_ids.update(data.lead_ids)
        elif isinstance(data, TimerRow):
            lead_ids.add(data.subject)
        elif isinstance(data, ActionReceivedV1):
            referenced.add(data.lead_id)
        elif isinstance(data, OutcomeReceivedV1):
            referenced.add(referenced_lead_id(data.lead_id, data.email))
    return lead_ids, {lead_id for lead_id in referenced if lead_id}
