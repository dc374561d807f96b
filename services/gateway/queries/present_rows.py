"""The rows that a decision on a new lead of an account reads, as they are now; nothing is locked."""

from __future__ import annotations

from sqlalchemy import select

from services.gateway.tables import rep_availability
from services.router.domain.state import AssignmentRow, AwayRepRow, RepQueueRow, RepRow
from services.router.tables import assignments, rep_queues, router_reps
from services.scorer.domain.state import AccountRow
from shared.storage.database import Tx
from shared.storage.rows import IdentityMap


async def rows_for_new_lead(tx: Tx, account: str) -> IdentityMap:
    """Return the account, its active assignments, and the state of every rep."""
    of_account = (assignments.c.account == account, assignments.c.closed_at.is_(None))
    away = select(rep_availability.c.rep).where(rep_availability.c.available.is_(False))
    return IdentityMap(
        [
            *await tx.load(AccountRow, "account", [account]),
            *(AssignmentRow(*tuple(row)) for row in await tx.execute(select(assignments).where(*of_account))),
            *(AwayRepRow(rep) for rep in (await tx.execute(away)).scalars()),
            *(RepQueueRow(*tuple(row)) for row in await tx.execute(select(rep_queues))),
            *(RepRow(*tuple(row)) for row in await tx.execute(select(router_reps))),
        ]
    )
