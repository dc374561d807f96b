"""Ends what the scorer keeps of leads that became part of another lead."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from services.scorer.domain.account import without_lead
from services.scorer.domain.account_names import put_account
from services.scorer.domain.lead_company_names import put_lead
from services.scorer.domain.state import AccountRow, ScoreRow
from services.scorer.domain.update_score import ScoringContext, set_decay_timer
from shared.lead.events.parts import Activity
from shared.storage.change_set import ChangeSet

MERGED_SEQUENCE: Final = 2**31 - 1
"""The `enriched_sequence` of a merged lead: whatever of its own events still arrives is superseded."""


def take_merged_leads(changes: ChangeSet, context: ScoringContext, merged: Iterable[str]) -> list[Activity]:
    """Take merged leads out of the counts of their accounts; return their activities.

    Their rows stay, empty, so that events of theirs that arrive later begin no lead anew.
    """
    activities: list[Activity] = []
    for lead_id in merged:
        row = changes.get(ScoreRow, lead_id)
        if row is not None and row.enriched_sequence == MERGED_SEQUENCE:
            continue
        ended = ScoreRow(lead_id, row.account if row else lead_id, enriched_sequence=MERGED_SEQUENCE)
        put_lead(changes, ended)
        if row is None:
            continue
        account = changes.get(AccountRow, row.account)
        if account is not None and account.account == lead_id:
            changes.remove(AccountRow, lead_id)  # a person without a company is an account of their own
        elif account is not None:
            put_account(changes, without_lead(account, row, context.at, context.policy))
        set_decay_timer(changes, lead_id, None)
        activities += row.activities
    return activities
