"""What follows from a signal: about an account, or something that a person did later."""

from __future__ import annotations

from datetime import timedelta
from typing import Final

from msgspec.structs import replace

from services.scorer.domain.account import knowledge_of, with_signal
from services.scorer.domain.activities import activity_in, merged
from services.scorer.domain.rescore import rescore_account
from services.scorer.domain.score import DECAY, ROLE, Moment, score_lead
from services.scorer.domain.signal_subject import About, about_signal
from services.scorer.domain.state import AccountRow, ScoreRow
from shared.errors import DataError
from shared.lead.events.lead_received import LeadReceivedV1
from shared.lead.events.parts import Company, Origin, Trigger
from shared.lead.events.signal_received import SignalReceivedV1
from shared.lead.ids import lead_id_of
from shared.storage.change_set import ChangeSet
from shared.worker.decision import Outcome
from shared.worker.rows import TimerRow

PARKED_FOR: Final = timedelta(days=90)


def take_signal(draft: ChangeSet, moment: Moment, signal: SignalReceivedV1, event_id: str) -> Outcome:
    """Keep a signal and score whom it is about again. Raises `DataError` when that is nobody."""
    about = about_signal(signal)
    if signal.type in ("opt_out", "activity") and about.lead_id is None:
        raise DataError(f"a signal of type {signal.type} needs the e-mail of a person", kind="nobody")
    if signal.type == "opt_out":
        return Outcome.UNCHANGED  # the enricher keeps consent; what changes comes back with the lead
    if signal.type == "activity":
        return _take_activity(draft, moment, signal, about, event_id)
    return _take_account_signal(draft, moment, signal, _account_of(draft, about), event_id)


def ask_for_lead(draft: ChangeSet, account: AccountRow, trigger: Trigger) -> AccountRow:
    """Make an account lead for a target that nobody wrote from; only once."""
    lead = LeadReceivedV1(
        company=Company(domain=account.account, name=account.knowledge.name if account.knowledge else None),
        source=Origin(channel="signal"),
        trigger=trigger,
    )
    draft.emit(lead, subject=lead_id_of(f"domain:{account.account}"), key=account.account)
    return replace(account, asked=True)


def _take_account_signal(
    draft: ChangeSet, moment: Moment, signal: SignalReceivedV1, account: AccountRow, event_id: str
) -> Outcome:
    if event_id in account.signals:
        return Outcome.UNCHANGED
    account = with_signal(account, event_id, signal)
    trigger = Trigger("signal", event_id, signal.type)
    known = knowledge_of(account, moment.policy.seeds)
    if account.leads:
        draft.put(account)
        if signal.type in moment.policy.signals_on or signal.expires_at is not None:
            rescore_account(draft, moment, account, trigger)
        return Outcome.APPLIED
    if not account.asked and (known is None or known.relation != "target"):
        draft.put(account)
        return Outcome.PARKED
    draft.put(account if account.asked else ask_for_lead(draft, account, trigger))
    return Outcome.APPLIED


def _take_activity(
    draft: ChangeSet, moment: Moment, signal: SignalReceivedV1, about: About, event_id: str
) -> Outcome:
    activity = activity_in(signal)
    lead_id, account = about.lead_id or "", about.account or ""
    row = _lead_of(draft, lead_id) or ScoreRow(lead_id, account)
    activities = merged(row.activities, [activity])
    if activities == row.activities:
        return Outcome.UNCHANGED
    row = replace(row, activities=activities)
    if row.lead is None:
        _park(draft, moment, row)
        return Outcome.PARKED
    score_lead(draft, moment, row, Trigger("signal", event_id, activity.type), "if_changed")
    return Outcome.APPLIED


def _park(draft: ChangeSet, moment: Moment, row: ScoreRow) -> None:
    """Keep the activities of somebody who has not written yet, for a while."""
    due_at = moment.at + PARKED_FOR
    draft.put(replace(row, due_at=due_at))
    draft.put(TimerRow(subject=row.lead_id, role=ROLE, kind=DECAY, due_at=due_at))


def _lead_of(draft: ChangeSet, lead_id: str) -> ScoreRow | None:
    """Return the lead of that id, or the one that it is an alias of."""
    return next(iter(draft.find(ScoreRow, "alias", lead_id)), None) or draft.get(ScoreRow, lead_id)


def _account_of(draft: ChangeSet, about: About) -> AccountRow:
    """Return the account by its domain, else the only one of that name, else one that is but a name."""
    if about.account is not None:
        return draft.get(AccountRow, about.account) or AccountRow(about.account)
    if about.named is None:
        raise DataError("a signal needs the domain or the name of an account", kind="nobody")
    namesakes = draft.find(AccountRow, "name_key", about.named)
    if len(namesakes) == 1:
        return namesakes[0]
    return draft.get(AccountRow, about.named) or AccountRow(about.named)
