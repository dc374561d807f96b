"""Which event asks for what of the scorer: the whole of its decisions, for the handler and for replays."""

from __future__ import annotations

from typing import Any

from services.scorer.domain.knowledge import take_account
from services.scorer.domain.leads import take_due, take_enriched
from services.scorer.domain.rescore import RESCORE, take_chunk
from services.scorer.domain.score import Moment
from services.scorer.domain.signals import take_signal
from shared.lead.events.account_received import AccountReceivedV1
from shared.lead.events.envelope import Event
from shared.lead.events.lead_enriched import LeadEnrichedV1
from shared.lead.events.signal_received import SignalReceivedV1
from shared.storage.change_set import ChangeSet
from shared.worker.decision import Outcome
from shared.worker.rows import TimerRow


def decide(draft: ChangeSet, moment: Moment, event: Event[Any]) -> Outcome:
    """Draft what follows from an event. Outcomes say nothing that a score is made of: they are left.

    Raises `DataError` for what is about nobody.
    """
    data, outcome = event.data, Outcome.UNCHANGED
    if isinstance(data, LeadEnrichedV1):
        outcome = take_enriched(draft, moment, data, event.causation_id or event.id)
    elif isinstance(data, SignalReceivedV1):
        outcome = take_signal(draft, moment, data, event.id)
    elif isinstance(data, AccountReceivedV1):
        outcome = take_account(draft, moment, data, event.id)
    elif isinstance(data, TimerRow) and data.kind == RESCORE:
        outcome = take_chunk(draft, moment, data)
    elif isinstance(data, TimerRow):
        outcome = take_due(draft, moment, data, event.id)
    return outcome
