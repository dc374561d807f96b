"""The rows that a decision on a new lead reads, as they are now; nothing is locked."""

from __future__ import annotations

from sqlalchemy import select

from services.gateway.tables import rep_availability
from services.router.domain.state import AssignmentRow, AwayRepRow, QueueRow, RepQueueRow, RepRow
from services.router.tables import assignments, rep_queues, router_queues, router_reps
from services.scorer.domain.account_names import NAMESAKES_MAX, blocks_of, lead_profile
from services.scorer.domain.aliases import canonical_of
from services.scorer.domain.lead_matching import may_be_matched
from services.scorer.domain.state import AccountNameRow, AccountRow
from services.scorer.tables import account_names
from shared.lead.events.lead_enriched import LeadEnrichedV1
from shared.storage.database import Tx
from shared.storage.rows import IdentityMap, Row
from shared.storage.statements import first_of_each, member_of, members


async def rows_for_new_lead(tx: Tx, lead: LeadEnrichedV1) -> IdentityMap:
    """Return the accounts that a lead may be of, their active assignments, and the state of every rep.

    These are the account of its domain, the one that this is an alias of, and those of a name like its own.
    """
    profile = lead_profile(lead) if may_be_matched(lead) else None
    by_block = first_of_each(account_names, tx.dialect, "block", "account", NAMESAKES_MAX)
    blocks = blocks_of(profile.name) if profile is not None else []
    found = await tx.execute(by_block, {"members": members(tx.dialect, blocks)})
    names = [AccountNameRow(**row) for row in found.mappings()]
    known = await tx.load(AccountRow, "account", {lead.account, *(row.account for row in names)})
    homes = {canonical_of(row) for row in known} - {row.account for row in known}
    known += await tx.load(AccountRow, "account", homes)
    of_accounts = select(assignments).where(
        member_of(tx.dialect, assignments.c.account), assignments.c.closed_at.is_(None)
    )
    keys = {"members": members(tx.dialect, sorted({lead.account, *homes, *(row.account for row in known)}))}
    of_account = (AssignmentRow(*tuple(row)) for row in await tx.execute(of_accounts, keys))
    return IdentityMap([*names, *known, *of_account, *await rows_of_rotation(tx)])


async def rows_of_rotation(tx: Tx) -> list[Row]:
    """Return the state of every rep and queue in the rotation, and who takes no new leads."""
    away = select(rep_availability.c.rep).where(rep_availability.c.available.is_(False))
    return [
        *(AwayRepRow(rep) for rep in (await tx.execute(away)).scalars()),
        *(RepQueueRow(*tuple(row)) for row in await tx.execute(select(rep_queues))),
        *(RepRow(*tuple(row)) for row in await tx.execute(select(router_reps))),
        *(QueueRow(*tuple(row)) for row in await tx.execute(select(router_queues))),
    ]
