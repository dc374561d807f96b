"""Scores a lead again and writes what follows: row, counts of the account, decay timer, and the event."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Final, Literal

from msgspec import Struct
from msgspec.structs import replace

from services.scorer.domain.account import account_data_of, account_view, with_lead, without_lead
from services.scorer.domain.account_names import put_account, with_company
from services.scorer.domain.intent import strongest_activity
from services.scorer.domain.lead_company_names import put_lead
from services.scorer.domain.live_signals import live_signals_of, trigger_and_news
from services.scorer.domain.next_change import next_change_at
from services.scorer.domain.score import ScoringSubject, compute_score
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

EmitWhen = Literal["always", "if_changed", "if_regraded"]
"""When a score is emitted: always; when anything but its lines differs; when grade, band or signals do."""

_LEAD_FIELDS: Final = tuple(name for name in LeadEnrichedV1.__struct_fields__ if name != "trigger")


class ScoringContext(Struct, frozen=True):
    """The policy and the instant that a decision is made by.

    `cause` is what the ids of emitted events are derived from, where it is not the event alone.
    """

    policy: ScoringPolicy
    at: datetime
    cause: str = ""


def update_score(
    changes: ChangeSet,
    context: ScoringContext,
    row: ScoreRow,
    trigger: Trigger,
    emit_when: EmitWhen,
    *,
    new_activities: Sequence[Activity] = (),
    seen_at: datetime | None = None,
) -> bool:
    """Score the lead in `row`, count it in its account and set its timer; return whether it was emitted.

    `row` has the lead's present facts and the score that was emitted last. The strongest of the new
    activities gives the trigger its type. `seen_at` is when the person was last active, if that is known by
    more than activities. A lead that moves to another account is always emitted. Raises `ValueError` for a
    row without a lead.
    """
    if row.lead is None:
        raise ValueError("only a lead can be scored")
    at, policy = context.at, context.policy
    before = changes.get(ScoreRow, row.lead_id)
    stays = before is not None and before.account == row.account
    moves = before is not None and not stays
    if before is not None and moves and (previous := changes.get(AccountRow, before.account)) is not None:
        seen_at = max(filter(None, (seen_at, previous.active.get(row.lead_id))), default=None)
        put_changed(changes, without_lead(previous, before, at, policy))
    account = changes.get(AccountRow, row.account) or AccountRow(row.account)
    account_data = account_data_of(account, policy.seeds)
    subject = scoring_subject(row, row.lead, account, account_data)
    result = compute_score(subject, at, policy)
    due_at = next_change_at(subject, result, at, policy)
    scored = replace(row, score=replace(result.score, lines=[]), signals=result.signals, due_at=due_at)
    counted = with_company(with_lead(account, before if stays else None, scored, seen_at), row)
    view = account_view(counted, account_data, result.facts, at, policy)
    if due_at != (before.due_at if before else None):
        set_decay_timer(changes, row.lead_id, due_at)
    known = row.lead.trigger
    last_news = trigger if trigger.is_news else known
    live = live_signals_of(account.signals.values(), result.matches.signals, at, policy, news=last_news)
    # A signal is emitted, even where a cap leaves the points as they were.
    is_about_signal = trigger != known and any(one.event_id == trigger.event_id for one in live)
    emits = moves or is_about_signal or is_news(row, scored, view, emit_when)
    if emits:
        strongest = strongest_activity(new_activities, result.facts, at, policy)
        trigger = replace(trigger, type=strongest or trigger.type)
        trigger, news = trigger_and_news(row, result, trigger, at)
        scored = replace(
            scored, lead=replace(row.lead, trigger=news), account_view=view, sequence=row.sequence + 1
        )
        emitted = replace(scored, score=result.score, signals=replace(result.signals, live=live))
        emit_scored(changes, context, emitted, trigger)
    else:
        # The row keeps the score that readers have, as the next score is compared with that one.
        scored = replace(row, due_at=due_at)
    if view.qualified and not account.qualified:
        emit_qualified(changes, context, counted, view)
    put_changed(changes, replace(counted, qualified=view.qualified))
    put_changed(changes, scored)
    return emits


def scoring_subject(
    row: ScoreRow, lead: LeadEnrichedV1, account: AccountRow, known: AccountReceivedV1 | None
) -> ScoringSubject:
    """Return what is scored: the lead with its activities, the signals of its account, and its grades."""
    grade = row.score.grade if row.score else None
    return ScoringSubject(
        lead=lead,
        activities=row.activities,
        signals=tuple(account.signals.values()),
        account=known,
        fit_grade=grade[0] if grade else None,
        intent_grade=grade[1:] if grade else None,
    )


def put_changed(changes: ChangeSet, row: ScoreRow | AccountRow) -> None:
    """Write a row unless it is stored like that already: writes are what a unit of work costs."""
    if isinstance(row, AccountRow):
        put_account(changes, row)
    else:
        put_lead(changes, row)


def is_news(row: ScoreRow, scored: ScoreRow, view: AccountView, emit_when: EmitWhen) -> bool:
    """Return whether a new score is to be emitted; `row` has the score that was emitted last."""
    if emit_when == "always" or row.score is None or scored.score is None:
        return True
    if emit_when == "if_changed":
        return (scored.score, scored.signals, view) != (row.score, row.signals, row.account_view)
    before, now = row.score, scored.score
    return (now.grade, now.band, scored.signals) != (before.grade, before.band, row.signals)


def emit_scored(changes: ChangeSet, context: ScoringContext, row: ScoreRow, trigger: Trigger) -> None:
    """Emit the score in `row` with the lead that it is about.

    Unlike the row that is stored, this one has the lines of the score and the live signals one by one.
    """
    if row.score is None or row.lead is None:
        raise ValueError("only a scored lead can be emitted")
    lead, account = (
        {name: getattr(row.lead, name) for name in _LEAD_FIELDS},
        changes.get(AccountRow, row.account),
    )
    lead |= {
        "account": row.account,
        "sequence": row.sequence,
        "activities": row.activities,
        "occurred_at": context.at,
    }
    event = LeadScoredV1(
        **lead,
        trigger=trigger,
        news=row.lead.trigger,
        score=row.score,
        signals=row.signals,
        account_view=row.account_view,
        policy_version=context.policy.version,
        stakeholders_found=account.contacts if account is not None else [],
        account_match=row.account_match,
    )
    changes.emit(event, subject=row.lead_id, key=row.account, cause=context.cause)


def emit_qualified(
    changes: ChangeSet, context: ScoringContext, account: AccountRow, view: AccountView
) -> None:
    """Emit that an account qualifies now, with the people who were active last."""
    event = AccountQualifiedV1(
        account=account.account,
        account_view=view,
        lead_ids=sorted(account.active),
        policy_version=context.policy.version,
        occurred_at=context.at,
    )
    changes.emit(event, subject=account.account, key=account.account, cause=context.cause)


def set_decay_timer(changes: ChangeSet, lead_id: str, due_at: datetime | None) -> None:
    """Set the timer at which a lead is scored again, or remove it."""
    if due_at is None:
        changes.remove(TimerRow, lead_id, ROLE, DECAY)
    else:
        changes.put(TimerRow(subject=lead_id, role=ROLE, kind=DECAY, due_at=due_at))
