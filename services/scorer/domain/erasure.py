"""Forgetting a person."""

from __future__ import annotations

from services.scorer.domain.account import without_lead
from services.scorer.domain.score import DECAY, ROLE, Moment
from services.scorer.domain.state import AccountRow, ScoreRow
from shared.storage.change_set import ChangeSet
from shared.worker.rows import TimerRow


def forget_lead(draft: ChangeSet, moment: Moment, lead_id: str) -> None:
    """Remove what is kept of a lead, also where it is counted; a lead is forgotten under its aliases too."""
    rows = [*draft.find(ScoreRow, "alias", lead_id), draft.get(ScoreRow, lead_id)]
    for row in rows:
        if row is not None:
            _forget(draft, moment, row)
    if draft.get(AccountRow, lead_id) is not None:
        draft.remove(AccountRow, lead_id)


def _forget(draft: ChangeSet, moment: Moment, row: ScoreRow) -> None:
    account = draft.get(AccountRow, row.account)
    if account is not None:
        draft.put(without_lead(account, row, moment.at, moment.policy))
    draft.remove(ScoreRow, row.lead_id)
    draft.remove(TimerRow, row.lead_id, ROLE, DECAY)
