"""What follows when a lead is enriched, and when its score falls due."""

from __future__ import annotations

from datetime import datetime

from msgspec.structs import replace

from services.scorer.domain.account import name_key
from services.scorer.domain.activities import merged
from services.scorer.domain.score import DECAY, ROLE, Moment, score_lead
from services.scorer.domain.state import AccountRow, ScoreRow
from shared.lead.derived import derived_of
from shared.lead.events.lead_enriched import LeadEnrichedV1
from shared.lead.events.parts import Activity, Trigger
from shared.storage.change_set import ChangeSet
from shared.worker.decision import Outcome
from shared.worker.rows import TimerRow


def alias_of(lead: LeadEnrichedV1) -> str | None:
    """Return the id that the e-mail of a lead alone would give, when the lead has another."""
    by_email = derived_of(lead).email_lead_id
    return by_email if by_email != lead.lead_id else None


def take_enriched(draft: ChangeSet, moment: Moment, data: LeadEnrichedV1, cause_id: str) -> Outcome:
    """Score a lead as it is known now. `cause_id` is the event that led to the enrichment."""
    before = draft.get(ScoreRow, data.lead_id)
    seen = before.enriched_sequence if before else 0
    if data.sequence <= seen:
        return Outcome.UNCHANGED if data.sequence == seen else Outcome.SUPERSEDED
    before = before or ScoreRow(data.lead_id, data.account)
    fresh = data.revision > before.revision
    alias = alias_of(data)
    row = replace(
        before,
        account=data.account,
        alias=alias,
        revision=max(data.revision, before.revision),
        enriched_sequence=data.sequence,
        lead=replace(data, activities=[]),
        activities=merged(before.activities + _claim_parked(draft, alias), data.activities),
    )
    _claim_named(draft, data)
    if fresh:
        trigger = data.trigger or Trigger("lead", cause_id)
        score_lead(draft, moment, row, trigger, "always", done=data.activities, seen_at=_seen_at(data))
    else:
        score_lead(draft, moment, row, Trigger("enrichment", cause_id), "always")
    return Outcome.APPLIED


def take_due(draft: ChangeSet, moment: Moment, timer: TimerRow, event_id: str) -> Outcome:
    """Score a lead again because time passed, and put its timer off or end it; let go of what was parked."""
    row = draft.get(ScoreRow, timer.subject)
    draft.remove(TimerRow, *timer.key)
    if row is None:
        return Outcome.UNCHANGED
    if row.lead is None:
        draft.remove(ScoreRow, row.lead_id)  # nobody came for what was parked
        return Outcome.UNCHANGED
    told = score_lead(draft, moment, row, Trigger("decay", event_id), "if_regraded")
    due_at = _due_at(draft, row.lead_id)
    if due_at is not None:
        draft.put(TimerRow(subject=row.lead_id, role=ROLE, kind=DECAY, due_at=due_at))
    return Outcome.APPLIED if told else Outcome.UNCHANGED


def _due_at(draft: ChangeSet, lead_id: str) -> datetime | None:
    row = draft.get(ScoreRow, lead_id)
    return row.due_at if row else None


def _seen_at(data: LeadEnrichedV1) -> datetime:
    return data.source.submitted_at or data.occurred_at


def _claim_parked(draft: ChangeSet, alias: str | None) -> list[Activity]:
    """Take over what the person did before this lead was known to be theirs."""
    parked = draft.get(ScoreRow, alias) if alias else None
    if parked is None or parked.lead is not None:
        return []
    draft.remove(ScoreRow, parked.lead_id)
    draft.remove(TimerRow, parked.lead_id, ROLE, DECAY)
    return parked.activities


def _claim_named(draft: ChangeSet, data: LeadEnrichedV1) -> None:
    """Give the account the name it goes by, and the signals that knew only the name."""
    key = name_key(derived_of(data).company_key)
    if key is None or data.account == data.lead_id:
        return
    account = draft.get(AccountRow, data.account) or AccountRow(data.account)
    claim_name(draft, account, key)


def claim_name(draft: ChangeSet, account: AccountRow, key: str) -> AccountRow:
    """Return the account under its name, with the signals that were kept under the name alone."""
    claimed = replace(account, name_key=account.name_key or key)
    named = draft.get(AccountRow, key)
    if named is not None:
        draft.remove(AccountRow, key)
        claimed = replace(claimed, signals={**named.signals, **account.signals})
    if claimed != account:
        draft.put(claimed)
    return claimed
