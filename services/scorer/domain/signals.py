"""The decision for a signal: something happened at an account, or a person did something after their form."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Final

from msgspec import Struct
from msgspec.structs import replace

from services.scorer.domain.account import account_data_of
from services.scorer.domain.activities import activity_of, merge_activities
from services.scorer.domain.aliases import canonical_of, resolve_account
from services.scorer.domain.intent import EXPIRY_FORMS, expiry_day, live_until
from services.scorer.domain.rescore import rescore_account
from services.scorer.domain.state import AccountRow, ScoreRow
from services.scorer.domain.stored_signals import (
    key_of_same,
    merged_signals,
    scored_parts,
    signals_of,
    stored_signal,
)
from services.scorer.domain.subjects import SubjectKeys, signal_subject_of
from services.scorer.domain.update_score import (
    ScoringContext,
    put_changed,
    set_decay_timer,
    update_score,
)
from shared.errors import DataError
from shared.lead.arrival import received_activity
from shared.lead.events.lead_received import LeadReceivedV1
from shared.lead.events.parts import Company, Origin, Trigger
from shared.lead.events.signal_received import SignalReceivedV1
from shared.lead.ids import lead_id_of
from shared.storage.change_set import ChangeSet
from shared.worker.decision import Outcome

PARKED_FOR: Final = timedelta(days=90)
"""How long activities are kept for a person who has not written yet."""


class ReceivedSignal(Struct, frozen=True):
    """A signal with the event that reported it. What is dated after `arrival` counts from it."""

    data: SignalReceivedV1
    event_id: str
    arrival: datetime


def handle_signal(changes: ChangeSet, context: ScoringContext, received: ReceivedSignal) -> Outcome:
    """Store a signal and score again whom it is about.

    Raises `DataError` when that is nobody, and for a contract that does not say when it ends: no rule could
    ever count it.
    """
    signal = received.data
    about = signal_subject_of(signal)
    if signal.type in ("opt_out", "activity") and about.lead_id is None:
        raise DataError(f"a signal of type {signal.type} needs the e-mail of a person", kind="nobody")
    if signal.type == "opt_out":
        return Outcome.UNCHANGED  # the enricher stores consent, and its next event brings it here
    if signal.type == "activity":
        return handle_activity(changes, context, received, about)
    if signal.type == "contract_expiry" and expiry_day(signal.details) is None:
        raise DataError(f"details.expires_on: {EXPIRY_FORMS}", kind="expires_on")
    return handle_account_signal(changes, context, received, account_of(changes, about))


def emit_account_lead(changes: ChangeSet, account: AccountRow, trigger: Trigger) -> AccountRow:
    """Emit a lead for an account from which nobody wrote; return the account marked as asked for."""
    lead = LeadReceivedV1(
        company=Company(domain=account.account, name=account.knowledge.name if account.knowledge else None),
        source=Origin(channel="signal"),
        trigger=trigger,
    )
    changes.emit(lead, subject=lead_id_of(f"domain:{account.account}"), key=account.account)
    return replace(account, asked=True)


def handle_account_signal(
    changes: ChangeSet, context: ScoringContext, received: ReceivedSignal, account: AccountRow
) -> Outcome:
    """Store a signal at its account and score the account's leads again.

    A repeated report changes nothing, unless the new report is the one to store (see `stored_signals`).
    An account from which nobody wrote gets a lead if it is a target; otherwise its signals are parked.
    """
    signal = stored_signal(received.data, received.event_id, received.arrival)
    before = signals_of(account)
    account = replace(account, signals=merged_signals(before.values(), (signal,)))
    if scored_parts(account.signals) == scored_parts(before):
        put_changed(changes, account)
        return Outcome.UNCHANGED
    trigger = Trigger("signal", received.event_id, signal.type)
    if account.leads:
        changes.put(account)
        is_repeated, until = key_of_same(before, signal) is not None, live_until(signal, context.policy)
        is_live = signal.type in context.policy.signals_on or (until is not None and context.at < until)
        if is_repeated or is_live:
            rescore_account(changes, context, account, trigger)
        return Outcome.APPLIED
    data = account_data_of(account, context.policy.seeds)
    if not account.asked and (data is None or data.relation != "target"):
        changes.put(account)
        return Outcome.PARKED
    changes.put(account if account.asked else emit_account_lead(changes, account, trigger))
    return Outcome.APPLIED


def handle_activity(
    changes: ChangeSet, context: ScoringContext, received: ReceivedSignal, about: SubjectKeys
) -> Outcome:
    """Add an activity to the lead of the person and score it again.

    Activities of a person who has not written yet are parked for `PARKED_FOR`. Raises `DataError` for a
    malformed activity.
    """
    activity = received_activity(activity_of(received.data), received.arrival)
    lead_id = about.lead_id or ""
    joined = next(iter(changes.find(ScoreRow, "alias", lead_id)), None)
    row = joined or changes.get(ScoreRow, lead_id) or ScoreRow(lead_id, about.account or "")
    activities = merge_activities(row.activities, [activity])
    if activities == row.activities:
        return Outcome.UNCHANGED
    row = replace(row, activities=activities)
    if row.lead is None:
        due_at = context.at + PARKED_FOR
        changes.put(replace(row, due_at=due_at))
        set_decay_timer(changes, row.lead_id, due_at)
        return Outcome.PARKED
    update_score(changes, context, row, Trigger("signal", received.event_id, activity.type), "if_changed")
    return Outcome.APPLIED


def account_of(changes: ChangeSet, about: SubjectKeys) -> AccountRow:
    """Return the account by its domain, else the only one of that name, else the row of the name alone."""
    if about.account is not None:
        return _stored_account(changes, resolve_account(changes, about.account))
    if about.name_key is None:
        raise DataError("a signal needs the domain or the name of an account", kind="nobody")
    namesakes = {canonical_of(row) for row in changes.find(AccountRow, "name_key", about.name_key)}
    return _stored_account(changes, namesakes.pop() if len(namesakes) == 1 else about.name_key)


def _stored_account(changes: ChangeSet, key: str) -> AccountRow:
    return changes.get(AccountRow, key) or AccountRow(key)
