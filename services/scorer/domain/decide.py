"""The scorer's decisions by type of event, for the handler and for replays."""

from __future__ import annotations

from typing import Any

from services.scorer.domain.account_updates import handle_account, handle_contacts
from services.scorer.domain.leads import handle_decay_timer, handle_enriched
from services.scorer.domain.rescore import RESCORE, handle_rescore_timer
from services.scorer.domain.signals import ReceivedSignal, handle_signal
from services.scorer.domain.update_score import ScoringContext
from shared.lead.events.account_enriched import AccountEnrichedV1
from shared.lead.events.account_received import AccountReceivedV1
from shared.lead.events.envelope import Event
from shared.lead.events.lead_enriched import LeadEnrichedV1
from shared.lead.events.signal_received import SignalReceivedV1
from shared.storage.change_set import ChangeSet
from shared.worker.decision import Outcome
from shared.worker.rows import TimerRow


def decide(changes: ChangeSet, context: ScoringContext, event: Event[Any]) -> Outcome:
    """Record in `changes` what follows from an event; return what became of it.

    Outcomes of leads are ignored: no part of a score depends on them. Raises `DataError` for an event that is
    about nobody.
    """
    data = event.data
    if isinstance(data, LeadEnrichedV1):
        return handle_enriched(changes, context, data, event.causation_id or event.id)
    if isinstance(data, SignalReceivedV1):
        return handle_signal(changes, context, ReceivedSignal(data, event.id, min(event.time, context.at)))
    if isinstance(data, AccountReceivedV1):
        return handle_account(changes, context, data, event.id)
    if isinstance(data, AccountEnrichedV1):
        return handle_contacts(changes, context, data, event.id)
    if not isinstance(data, TimerRow):
        return Outcome.UNCHANGED
    is_rescore = data.kind == RESCORE
    return (
        handle_rescore_timer(changes, context, data)
        if is_rescore
        else handle_decay_timer(changes, context, data, event.id)
    )
