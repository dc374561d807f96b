"""Scores all leads of an account again: at once when they are few, else in chunks that survive a crash."""

from __future__ import annotations

from datetime import timedelta
from typing import Final

from msgspec.structs import replace

from services.scorer.domain.aliases import home_account, in_account
from services.scorer.domain.state import AccountRow, ChunkRow, RescoreRow, ScoreRow
from services.scorer.domain.update_score import ROLE, EmitWhen, ScoringContext, update_score
from shared.lead.events.parts import Trigger
from shared.storage.change_set import ChangeSet
from shared.worker.decision import Outcome
from shared.worker.rows import TimerRow

RESCORE: Final = "rescore"
AT_ONCE_MAX: Final = 50
"""An account with more leads than that is re-scored in chunks of `CHUNK`, one per timer."""
CHUNK: Final = 250

_MICROSECOND = timedelta(microseconds=1)


def rescore_account(
    changes: ChangeSet, context: ScoringContext, account: AccountRow, trigger: Trigger
) -> None:
    """Score every lead of the account again: now if all of them are loaded, else chunk by chunk.

    A lead whose domain or match stands for another account by now is moved there. While a re-score is in
    progress, another one is queued behind it.
    """
    in_progress = changes.get(RescoreRow, account.account)
    if in_progress is not None:
        changes.put(replace(in_progress, again=trigger))
        return
    leads = [row for row in changes.find(ScoreRow, "account", account.account) if row.lead is not None]
    if len(leads) < account.leads:
        _schedule(changes, RescoreRow(account.account, trigger, cursor="", due_at=context.at))
        return
    for row in sorted(leads, key=lambda row: row.lead_id):
        _score_in_account(changes, context, row, trigger)


def handle_rescore_timer(changes: ChangeSet, context: ScoringContext, timer: TimerRow) -> Outcome:
    """Score the next chunk of a re-score, then schedule the one after it or end the re-score."""
    in_progress = changes.get(RescoreRow, timer.subject)
    chunk = changes.get(ChunkRow, timer.subject)
    if in_progress is None or chunk is None:
        changes.remove(TimerRow, *timer.key)
        return Outcome.UNCHANGED
    emitted = False
    for lead_id in chunk.lead_ids:
        row = changes.get(ScoreRow, lead_id)
        if row is not None and row.account == timer.subject:
            emitted = _score_in_account(changes, context, row, in_progress.trigger) or emitted
    # Ids of emitted events are derived from the due time, so each chunk needs its own.
    due_at = max(context.at, in_progress.due_at + _MICROSECOND)
    if not chunk.last:
        _schedule(changes, replace(in_progress, cursor=chunk.lead_ids[-1], due_at=due_at))
    elif in_progress.again is not None:
        _schedule(changes, RescoreRow(in_progress.account, in_progress.again, cursor="", due_at=due_at))
    else:
        changes.remove(RescoreRow, in_progress.account)
        changes.remove(TimerRow, *timer.key)
    return Outcome.APPLIED if emitted else Outcome.UNCHANGED


def _score_in_account(changes: ChangeSet, context: ScoringContext, row: ScoreRow, trigger: Trigger) -> bool:
    """Score a lead in the account that it belongs to now; return whether that was emitted."""
    if row.lead is None:
        return False
    # Who was found at the account changes no score, but the briefs of its leads.
    emit_when: EmitWhen = "always" if trigger.kind == "enrichment" else "if_changed"
    placed = in_account(changes, row, home_account(row.lead, row.account_match))
    return update_score(changes, context, placed, trigger, emit_when)


def _schedule(changes: ChangeSet, row: RescoreRow) -> None:
    changes.put(row)
    changes.put(TimerRow(subject=row.account, role=ROLE, kind=RESCORE, due_at=row.due_at))
