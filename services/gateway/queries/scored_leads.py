"""What the scorer scores of a lead, from its tables."""

from __future__ import annotations

from services.scorer.domain.account import account_data_of
from services.scorer.domain.score import ScoringSubject
from services.scorer.domain.state import AccountRow, ScoreRow
from services.scorer.domain.update_score import scoring_subject
from services.scorer.policy import ScoringPolicy
from shared.storage.database import Tx


async def find_scored(tx: Tx, lead_id: str, policy: ScoringPolicy) -> ScoringSubject | None:
    """Return the lead with the signals and data of its account, None when it is not scored. No alias."""
    row = next(iter(await tx.load(ScoreRow, "lead_id", [lead_id])), None)
    if row is None or row.lead is None:
        return None
    account = next(iter(await tx.load(AccountRow, "account", [row.account])), AccountRow(row.account))
    return scoring_subject(row, row.lead, account, account_data_of(account, policy.seeds))
