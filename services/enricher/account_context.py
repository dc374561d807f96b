"""Reads what the scorer and the router know about leads and their accounts, many leads in one batch."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence

from msgspec import Struct

from services.enricher.domain.account_context import AccountContext
from services.enricher.domain.record import LeadRow
from services.enricher.ownership_queries import (
    AccountSnapshot,
    LeadSnapshot,
    OpenAssignment,
    account_snapshots,
    lead_snapshots,
    open_assignments,
    owned_leads,
    unworked_leads,
)
from services.scorer.policy import ScoringPolicy
from shared.lead.facts import ActiveOwner
from shared.resilience.batch_loader import BatchLoader
from shared.storage.database import Database


class _LeadKey(Struct, frozen=True):
    lead_id: str
    account: str


class _Snapshots(Struct, frozen=True):
    """What is stored about a batch of leads: by account, by lead id, and by account again.

    `accounts` has an account under the key of an alias too, `assignments` under its own key only.
    """

    accounts: Mapping[str, AccountSnapshot]
    leads: Mapping[str, LeadSnapshot]
    assignments: Mapping[str, Sequence[OpenAssignment]]


class AccountContextReader:
    """Reads account contexts: the latest that is known now, which may change until the lead is routed."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._snapshots = BatchLoader(self._read_batch)
        self._unworked = BatchLoader(self._read_unworked)
        self._owned = BatchLoader(self._read_owned)

    async def read(self, lead: LeadRow, policy: ScoringPolicy) -> AccountContext:
        """Return the context of a lead; an account that nobody reported is as the policy's files say."""
        stored = await self._snapshots.load(_LeadKey(lead.lead_id, lead.account))
        account, scored = stored.accounts.get(lead.account), stored.leads.get(lead.lead_id)
        key = account.account if account else lead.account
        knowledge = (account.knowledge if account else None) or policy.seeds.get(key)
        activities = scored.activities if scored else ()
        return AccountContext(
            relation=knowledge.relation if knowledge else "none",
            open_opportunity=knowledge.open_opportunity if knowledge else None,
            owners=possible_owners(
                lead.lead_id,
                stored.assignments.get(key, ()),
                policy,
                has_named_owner=knowledge is not None and knowledge.owner is not None,
            ),
            signals=tuple(account.signals.values()) if account else (),
            activities=tuple(activity for activity in activities if activity not in lead.activities),
            grades_before=scored.score.grade if scored and scored.score else None,
        )

    async def is_unworked(self, lead_id: str) -> bool:
        """Return whether nobody works a lead now: it is in nurture, or suppressed."""
        return lead_id in await self._unworked.load(lead_id)

    async def is_owned(self, lead_id: str) -> bool:
        """Return whether somebody works a lead now."""
        return lead_id in await self._owned.load(lead_id)

    async def _read_owned(self, lead_ids: Sequence[str]) -> Collection[str]:
        async with self._database.read() as tx:
            return await owned_leads(tx, sorted(set(lead_ids)))

    async def _read_unworked(self, lead_ids: Sequence[str]) -> Collection[str]:
        async with self._database.read() as tx:
            return await unworked_leads(tx, sorted(set(lead_ids)))

    async def _read_batch(self, keys: Sequence[_LeadKey]) -> _Snapshots:
        asked = {key.account for key in keys}
        assignments: dict[str, list[OpenAssignment]] = defaultdict(list)
        async with self._database.read() as tx:
            accounts = await account_snapshots(tx, sorted(asked))
            owned = asked | {account.account for account in accounts.values()}
            for assignment in await open_assignments(tx, sorted(owned)):
                assignments[assignment.account].append(assignment)
            return _Snapshots(
                accounts=accounts,
                leads=await lead_snapshots(tx, sorted({key.lead_id for key in keys})),
                assignments=assignments,
            )


def possible_owners(
    lead_id: str, assignments: Sequence[OpenAssignment], policy: ScoringPolicy, *, has_named_owner: bool
) -> tuple[ActiveOwner | None, ...]:
    """Return who may be the active owner when the lead is routed: its own owner, else its account's or none.

    An owner named by what is known about the account may sit in any queue.
    """
    own = [assignment for assignment in assignments if assignment.lead_id == lead_id]
    if own:
        owners = (ActiveOwner(one.queue, accepted=one.state == "accepted") for one in own)
        return tuple(dict.fromkeys(owners))
    queues = {assignment.queue for assignment in assignments}
    if has_named_owner:
        queues |= set(policy.compiled.policy.routing.queues)
    return (None, *(ActiveOwner(queue) for queue in sorted(queues)))
