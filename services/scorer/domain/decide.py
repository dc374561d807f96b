"""The scorer's decisions by type of event, for the handler and for replays."""

from __future__ import annotations

from typing import Any

from msgspec.structs import replace

from services.scorer.domain.account_updates import handle_account, handle_contacts
from services.scorer.domain.lead_matching import handle_matched
from services.scorer.domain.leads import handle_decay_timer, handle_enriched
from services.scorer.domain.polls import PollStep, handle_poll
from services.scorer.domain.rematch import REMATCH, handle_rematch_timer
from services.scorer.domain.rescore import RESCORE, handle_rescore_timer
from services.scorer.domain.signals import ReceivedSignal, handle_signal
from services.scorer.domain.update_score import ScoringContext
from shared.lead.events.account_enriched import AccountEnrichedV1
from shared.lead.events.account_received import AccountReceivedV1
from shared.lead.events.envelope import Event
from shared.lead.events.lead_enriched import LeadEnrichedV1
from shared.lead.events.lead_matched import LeadMatchedV1
from shared.lead.events.signal_received import SignalReceivedV1
from shared.storage.change_set import ChangeSet
from shared.worker.decision import Outcome
from shared.worker.rows import TimerRow


def decide(changes: ChangeSet, context: ScoringContext, event: Event[Any]) -> Outcome:
    """Record in `changes` what follows from an event; return what became of it.

    Outcomes of leads are ignored: no part of a score depends on them. Raises `DataError` for an event that is
    about nobody.
    """
    outcome = Outcome.UNCHANGED
    match event.data:
        case LeadEnrichedV1() as lead:
            outcome = handle_enriched(changes, context, lead, event.causation_id or event.id)
        case SignalReceivedV1() as signal:
            received = ReceivedSignal(signal, event.id, min(event.time, context.at))
            outcome = handle_signal(changes, context, received)
        case AccountReceivedV1() as account:
            received_at = min(event.time, context.at)
            outcome = handle_account(changes, context, account, event.id, received_at)
        case LeadMatchedV1() as matched:
            outcome = handle_matched(changes, context, matched, event.id)
        case AccountEnrichedV1() as contacts:
            outcome = handle_contacts(changes, context, contacts, event.id)
        case PollStep() as step:
            outcome = handle_poll(changes, context.at, step)
        case TimerRow(kind=kind) as timer if kind in (RESCORE, REMATCH):
            # A lead may be concerned by two accounts whose timers are due at the same instant.
            context = replace(context, cause=f"{event.cause}:{timer.subject}")
            handle = handle_rescore_timer if kind == RESCORE else handle_rematch_timer
            outcome = handle(changes, context, timer)
        case TimerRow() as timer:
            outcome = handle_decay_timer(changes, context, timer, event.id)
    return outcome
