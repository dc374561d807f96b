"""Removes what the scorer keeps of an erased person."""

from __future__ import annotations

from services.scorer.domain.account import without_lead
from services.scorer.domain.state import AccountRow, ScoreRow
from services.scorer.domain.update_score import ScoringContext, set_decay_timer
from shared.storage.change_set import ChangeSet


def forget_lead(changes: ChangeSet, context: ScoringContext, lead_id: str) -> None:
    """Remove a lead, by its id or by an alias of it, and take it out of its account's counts."""
    rows = [*changes.find(ScoreRow, "alias", lead_id), changes.get(ScoreRow, lead_id)]
    for row in rows:
        if row is None:
            continue
        account = changes.get(AccountRow, row.account)
        if account is not None:
            changes.put(without_lead(account, row, context.at, context.policy))
        changes.remove(ScoreRow, row.lead_id)
        set_decay_timer(changes, row.lead_id, None)
    # The account of a person without a company has the lead id as its key, so it goes with the person.
    if changes.get(AccountRow, lead_id) is not None:
        changes.remove(AccountRow, lead_id)
