"""Scoring one lead: its score and its account's view, told when they say something new."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Final, Literal

from msgspec import Struct
from msgspec.structs import replace

from services.scorer.domain.account import account_view, knowledge_of, recounted, without_lead
from services.scorer.domain.assess import Assessment, Subject, assess
from services.scorer.domain.intent import strongest_activity
from services.scorer.domain.next_change import next_change_at
from services.scorer.domain.state import AccountRow, ScoreRow
from services.scorer.policy import ScoringPolicy
from shared.lead.events.account_qualified import AccountQualifiedV1
from shared.lead.events.account_received import AccountReceivedV1
from shared.lead.events.lead_enriched import LeadEnrichedV1
from shared.lead.events.lead_scored import LeadScoredV1
from shared.lead.events.parts import Activity, Trigger
from shared.lead.events.scoring import AccountView
from shared.storage.change_set import ChangeSet
from shared.worker.rows import TimerRow

ROLE: Final = "scorer"
DECAY: Final = "decay"

Telling = Literal["always", "if_changed", "if_regraded"]
"""When a score is emitted: always; when anything but its lines differs; when others would act otherwise."""

_LEAD_FIELDS: Final = tuple(name for name in LeadEnrichedV1.__struct_fields__ if name != "trigger")


class Moment(Struct, frozen=True):
    """By which policy, and at which instant, is decided."""

    policy: ScoringPolicy
    at: datetime


def score_lead(
    draft: ChangeSet,
    moment: Moment,
    row: ScoreRow,
    trigger: Trigger,
    telling: Telling,
    *,
    done: Sequence[Activity] = (),
    seen_at: datetime | None = None,
) -> bool:
    """Score the lead in `row`, count it in its account, set its timer; tell whether it was emitted.

    `row` holds the facts as they are now and the score as it was last told. The strongest of the activities
    `done` gives the trigger its type.
    """
    if row.lead is None:
        raise ValueError("only a lead can be scored")
    before = draft.get(ScoreRow, row.lead_id)
    account = _account_of(draft, moment, row, before)
    known = knowledge_of(account, moment.policy.seeds)
    subject = _subject(row, row.lead, account, known)
    now = assess(subject, moment.at, moment.policy)
    due_at = next_change_at(subject, now, moment.at, moment.policy)
    scored = replace(row, score=replace(now.score, lines=[]), signals=now.signals, due_at=due_at)
    stays = before is not None and before.account == row.account
    counted = recounted(account, before if stays else None, scored, seen_at)
    view = account_view(counted, known, now.facts, moment.at, moment.policy)
    _set_timer(draft, row.lead_id, before.due_at if before else None, due_at)
    told = _tells(row, scored, view, telling)
    if told:
        scored = replace(scored, account_view=view, sequence=row.sequence + 1)
        strongest = strongest_activity(done, now.facts, moment.at, moment.policy)
        trigger = replace(trigger, type=strongest or trigger.type)
        _emit_score(draft, moment, scored, now, trigger)
    else:
        scored = replace(row, due_at=due_at)
    if view.qualified and not account.qualified:
        _emit_qualified(draft, moment, counted, view)
    _put(draft, replace(counted, qualified=view.qualified))
    _put(draft, scored)
    return told


def _account_of(draft: ChangeSet, moment: Moment, row: ScoreRow, before: ScoreRow | None) -> AccountRow:
    """Return the row of the lead's account; a lead that was in another one is counted out there."""
    if before is not None and before.account != row.account:
        left = draft.get(AccountRow, before.account)
        if left is not None:
            _put(draft, without_lead(left, before, moment.at, moment.policy))
    return draft.get(AccountRow, row.account) or AccountRow(row.account)


def _subject(
    row: ScoreRow, lead: LeadEnrichedV1, account: AccountRow, known: AccountReceivedV1 | None
) -> Subject:
    grade = row.score.grade if row.score else None
    return Subject(
        lead=lead,
        activities=row.activities,
        signals=tuple(account.signals.values()),
        known=known,
        fit_grade=grade[0] if grade else None,
        intent_grade=grade[1:] if grade else None,
    )


def _tells(row: ScoreRow, scored: ScoreRow, view: AccountView, telling: Telling) -> bool:
    if telling == "always" or row.score is None or scored.score is None:
        return True
    if telling == "if_changed":
        return (scored.score, scored.signals, view) != (row.score, row.signals, row.account_view)
    before, now = row.score, scored.score
    return (now.grade, now.band, scored.signals) != (before.grade, before.band, row.signals)


def _emit_score(draft: ChangeSet, moment: Moment, row: ScoreRow, now: Assessment, trigger: Trigger) -> None:
    shared = {name: getattr(row.lead, name) for name in _LEAD_FIELDS}
    shared |= {"sequence": row.sequence, "activities": row.activities, "occurred_at": moment.at}
    scored = LeadScoredV1(
        **shared,
        trigger=trigger,
        score=now.score,
        signals=now.signals,
        account_view=row.account_view,
        policy_version=moment.policy.version,
    )
    draft.emit(scored, subject=row.lead_id, key=row.account)


def _emit_qualified(draft: ChangeSet, moment: Moment, account: AccountRow, view: AccountView) -> None:
    qualified = AccountQualifiedV1(
        account=account.account,
        account_view=view,
        lead_ids=sorted(account.active),
        policy_version=moment.policy.version,
        occurred_at=moment.at,
    )
    draft.emit(qualified, subject=account.account, key=account.account)


def _set_timer(draft: ChangeSet, lead_id: str, before: datetime | None, due_at: datetime | None) -> None:
    if due_at == before:
        return
    if due_at is None:
        draft.remove(TimerRow, lead_id, ROLE, DECAY)
    else:
        draft.put(TimerRow(subject=lead_id, role=ROLE, kind=DECAY, due_at=due_at))


def _put(draft: ChangeSet, row: ScoreRow | AccountRow) -> None:
    """Write the row only when it is not so already: rows are the cost."""
    if draft.get(type(row), *row.key) != row:
        draft.put(row)
