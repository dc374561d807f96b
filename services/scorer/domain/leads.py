"""The decisions for an enriched lead and for a decay timer that is due."""

from __future__ import annotations

from msgspec.structs import replace

from services.scorer.domain.activities import merge_activities
from services.scorer.domain.lead_matching import in_matched_account
from services.scorer.domain.merged_leads import take_merged_leads
from services.scorer.domain.state import AccountRow, ScoreRow
from services.scorer.domain.stored_signals import merged_signals, signals_of
from services.scorer.domain.subjects import name_key
from services.scorer.domain.update_score import ScoringContext, set_decay_timer, update_score
from shared.lead.arrival import received_activity
from shared.lead.derived import derived_of
from shared.lead.events.lead_enriched import LeadEnrichedV1
from shared.lead.events.parts import Activity, Trigger
from shared.storage.change_set import ChangeSet
from shared.worker.decision import Outcome
from shared.worker.rows import TimerRow


def alias_of(lead: LeadEnrichedV1) -> str | None:
    """Return the lead id that the e-mail address alone would give, when the lead has another one."""
    by_email = derived_of(lead).email_lead_id
    return by_email if by_email != lead.lead_id else None


def handle_enriched(
    changes: ChangeSet, context: ScoringContext, data: LeadEnrichedV1, cause_id: str
) -> Outcome:
    """Score a lead with its new data. `cause_id` is the event that led to the enrichment.

    An event that is older than the stored one is superseded. A new revision is a form of the person; the
    same revision again brings data that arrived late, or an opt-out by a signal, which its trigger says.
    """
    before = changes.get(ScoreRow, data.lead_id)
    last_sequence = before.enriched_sequence if before else 0
    if data.sequence <= last_sequence:
        return Outcome.UNCHANGED if data.sequence == last_sequence else Outcome.SUPERSEDED
    before = before or ScoreRow(data.lead_id, data.account)
    alias = alias_of(data)
    row = replace(
        in_matched_account(changes, context, before, data),
        alias=alias,
        revision=max(data.revision, before.revision),
        enriched_sequence=data.sequence,
        lead=replace(data, activities=[], trigger=before.lead.trigger if before.lead else None),
        activities=merge_activities(
            [
                *before.activities,
                *_take_parked_activities(changes, alias),
                *take_merged_leads(changes, context, data.merged),
            ],
            [received_activity(activity, data.occurred_at) for activity in data.activities],
        ),
    )
    by_name = name_key(derived_of(data).company_key)
    if by_name is not None and data.account != data.lead_id:
        account = changes.get(AccountRow, row.account) or AccountRow(row.account)
        adopt_named_signals(changes, account, by_name)
    if data.revision > before.revision:
        update_score(
            changes,
            context,
            row,
            data.trigger or Trigger("lead", cause_id),
            "always",
            new_activities=data.activities,
            seen_at=data.source.submitted_at or data.occurred_at,
        )
    else:
        update_score(changes, context, row, data.trigger or Trigger("enrichment", cause_id), "always")
    return Outcome.APPLIED


def handle_decay_timer(
    changes: ChangeSet, context: ScoringContext, timer: TimerRow, event_id: str
) -> Outcome:
    """Score a lead again because time has passed, and set its next timer.

    Activities that were parked for a person who never wrote are removed.
    """
    row = changes.get(ScoreRow, timer.subject)
    changes.remove(TimerRow, *timer.key)
    if row is None:
        return Outcome.UNCHANGED
    if row.lead is None:
        changes.remove(ScoreRow, row.lead_id)
        return Outcome.UNCHANGED
    emitted = update_score(changes, context, row, Trigger("decay", event_id), "if_regraded")
    scored = changes.get(ScoreRow, row.lead_id)
    if scored is not None and scored.due_at is not None:
        set_decay_timer(changes, row.lead_id, scored.due_at)
    return Outcome.APPLIED if emitted else Outcome.UNCHANGED


def adopt_named_signals(changes: ChangeSet, account: AccountRow, by_name: str) -> AccountRow:
    """Return the account with its name key, and with the signals that gave it by that name only."""
    updated = replace(account, name_key=account.name_key or by_name)
    named = changes.get(AccountRow, by_name)
    if named is not None:
        changes.remove(AccountRow, by_name)
        both = merged_signals(signals_of(account).values(), signals_of(named).values())
        updated = replace(updated, signals=both)
    if updated != account:
        changes.put(updated)
    return updated


def _take_parked_activities(changes: ChangeSet, alias: str | None) -> list[Activity]:
    """Return the activities of the person from before their first form, and remove the row that kept them."""
    parked = changes.get(ScoreRow, alias) if alias else None
    if parked is None or parked.lead is not None:
        return []
    changes.remove(ScoreRow, parked.lead_id)
    set_decay_timer(changes, parked.lead_id, None)
    return parked.activities
