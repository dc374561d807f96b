"""Re-scoring the leads of an account: at once when they are few, else in chunks that survive a crash."""

from __future__ import annotations

from datetime import timedelta
from typing import Final

from msgspec.structs import replace

from services.scorer.domain.score import ROLE, Moment, score_lead
from services.scorer.domain.state import AccountRow, ChunkRow, RescoreRow, ScoreRow
from shared.lead.events.parts import Trigger
from shared.storage.change_set import ChangeSet
from shared.worker.decision import Outcome
from shared.worker.rows import TimerRow

RESCORE: Final = "rescore"
AT_ONCE_MAX: Final = 50
"""The leads of an account with more are re-scored in chunks."""
CHUNK: Final = 250

_MICROSECOND = timedelta(microseconds=1)


def rescore_account(draft: ChangeSet, moment: Moment, account: AccountRow, trigger: Trigger) -> None:
    """Score every lead of the account again, now or, when not all of them are at hand, from now on."""
    under_way = draft.get(RescoreRow, account.account)
    if under_way is not None:
        draft.put(replace(under_way, again=trigger))
        return
    rows = [row for row in draft.find(ScoreRow, "account", account.account) if row.lead is not None]
    if len(rows) < account.leads:
        _go_on(draft, RescoreRow(account.account, trigger, cursor="", due_at=moment.at))
        return
    for row in sorted(rows, key=lambda row: row.lead_id):
        score_lead(draft, moment, row, trigger, "if_changed")


def take_chunk(draft: ChangeSet, moment: Moment, timer: TimerRow) -> Outcome:
    """Score the next leads of a re-score that is under way, and have it go on or end."""
    under_way = draft.get(RescoreRow, timer.subject)
    chunk = draft.get(ChunkRow, timer.subject)
    if under_way is None or chunk is None:
        draft.remove(TimerRow, *timer.key)
        return Outcome.UNCHANGED
    told = False
    for lead_id in chunk.lead_ids:
        row = draft.get(ScoreRow, lead_id)
        if row is not None and row.lead is not None and row.account == timer.subject:
            told = score_lead(draft, moment, row, under_way.trigger, "if_changed") or told
    # What a firing emits derives its ids from the due time: no two firings may share one.
    due_at = max(moment.at, under_way.due_at + _MICROSECOND)
    if not chunk.last:
        _go_on(draft, replace(under_way, cursor=chunk.lead_ids[-1], due_at=due_at))
    elif under_way.again is not None:
        _go_on(draft, RescoreRow(under_way.account, under_way.again, cursor="", due_at=due_at))
    else:
        draft.remove(RescoreRow, under_way.account)
        draft.remove(TimerRow, *timer.key)
    return Outcome.APPLIED if told else Outcome.UNCHANGED


def _go_on(draft: ChangeSet, row: RescoreRow) -> None:
    draft.put(row)
    draft.put(TimerRow(subject=row.account, role=ROLE, kind=RESCORE, due_at=row.due_at))
