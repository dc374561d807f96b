"""Finds out how leads and their accounts stand with the scorer and the router, many at a time."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from msgspec import Struct

from services.enricher.domain.account_context import Owner, Standing
from services.enricher.domain.record import LeadRow
from services.enricher.ownership_queries import (
    AccountStanding,
    LeadStanding,
    OpenAssignment,
    account_standings,
    lead_standings,
    open_assignments,
)
from services.scorer.domain.policy import ScoringPolicy
from shared.resilience.batch_loader import BatchLoader
from shared.storage.database import Database


class _Place(Struct, frozen=True):
    """Which lead, at which account."""

    lead_id: str
    account: str


class _Seen(Struct, frozen=True):
    accounts: Mapping[str, AccountStanding]
    leads: Mapping[str, LeadStanding]
    assignments: Mapping[str, Sequence[OpenAssignment]]


class AccountContexts:
    """Reads what others know. It may change until the lead is routed; then it is what was known in time."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._seen = BatchLoader(self._read)

    async def of(self, lead: LeadRow, policy: ScoringPolicy) -> Standing:
        """Return how a lead stands; until somebody tells of an account it is as the policy's files say."""
        seen = await self._seen.ask(_Place(lead.lead_id, lead.account))
        account, scored = seen.accounts.get(lead.account), seen.leads.get(lead.lead_id)
        known = (account.knowledge if account else None) or policy.seeds.get(lead.account)
        working = seen.assignments.get(lead.account, ())
        activities = scored.activities if scored else ()
        return Standing(
            relation=known.relation if known else "none",
            open_opportunity=known.open_opportunity if known else None,
            owners=_owners(
                lead.lead_id, working, policy, named=known is not None and known.owner is not None
            ),
            signals=tuple(account.signals.values()) if account else (),
            activities=tuple(each for each in activities if each not in lead.activities),
            grades_before=scored.score.grade if scored and scored.score else None,
        )

    async def _read(self, places: Sequence[_Place]) -> _Seen:
        accounts = sorted({place.account for place in places})
        async with self._database.read() as tx:
            found = await open_assignments(tx, accounts)
            by_account: dict[str, list[OpenAssignment]] = {}
            for one in found:
                by_account.setdefault(one.account, []).append(one)
            return _Seen(
                accounts=await account_standings(tx, accounts),
                leads=await lead_standings(tx, sorted({place.lead_id for place in places})),
                assignments=by_account,
            )


def _owners(
    lead_id: str, working: Sequence[OpenAssignment], policy: ScoringPolicy, *, named: bool
) -> tuple[Owner | None, ...]:
    """Return who may be the active owner when the lead is routed: its own, else one of its account's or none.

    An owner whom the account's knowledge names may sit in any queue.
    """
    own = [one for one in working if one.lead_id == lead_id]
    if own:
        return tuple(dict.fromkeys(Owner(one.queue, accepted=one.state == "accepted") for one in own))
    queues = {one.queue for one in working} | (set(policy.source.policy.routing.queues) if named else set())
    return (None, *(Owner(queue) for queue in sorted(queues)))
