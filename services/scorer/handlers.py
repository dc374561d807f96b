"""The scorer's decisions: which event asks for what. Everything that follows is in `domain`."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any

from services.router.domain.draft import Draft
from services.scorer.domain.erasure import forget_lead
from services.scorer.domain.knowledge import take_account
from services.scorer.domain.leads import take_due, take_enriched
from services.scorer.domain.policy import ScoringPolicy
from services.scorer.domain.rescoring import RESCORE, take_chunk
from services.scorer.domain.scoring import ROLE, Moment
from services.scorer.domain.signals import take_signal
from shared.events.account_received import AccountReceivedV1
from shared.events.envelope import Event
from shared.events.lead_enriched import LeadEnrichedV1
from shared.events.person_erased import PersonErasedV1
from shared.events.signal_received import SignalReceivedV1
from shared.runtime.handler import Outcome, Step
from shared.runtime.rows import Rows, TimerRow, TombstoneRow


class ScorerHandler:
    """Decides scores. Outcomes say nothing that a score is made of: they are read and left."""

    role = ROLE
    claimed = frozenset({"baton.signal.received.v1", "baton.account.received.v1"})

    def __init__(
        self,
        policy: ScoringPolicy,
        seeds: Mapping[str, AccountReceivedV1],
        tombstone_of: Callable[[str], str],
    ) -> None:
        self._policy = policy
        self._seeds = seeds
        self._tombstone_of = tombstone_of

    async def prepare(self, event: Event[Any]) -> Event[Any]:
        return event

    def decide(self, world: Rows, event: Event[Any], at: datetime) -> Step:
        draft = Draft(world)
        outcome = self._decide(draft, event, Moment(self._policy, self._seeds, at))
        return Step(outcome, draft.changes, draft.emits)

    def _decide(self, draft: Draft, event: Event[Any], moment: Moment) -> Outcome:
        data = event.data
        if isinstance(data, LeadEnrichedV1):
            return take_enriched(draft, moment, data, event.causation_id or event.id)
        if isinstance(data, SignalReceivedV1):
            return take_signal(draft, moment, data, event.id)
        if isinstance(data, AccountReceivedV1):
            return take_account(draft, moment, data, event.id)
        if isinstance(data, PersonErasedV1):
            return self._erase(draft, data)
        if isinstance(data, TimerRow):
            return _take_fired(draft, moment, data, event.id)
        return Outcome.UNCHANGED

    def _erase(self, draft: Draft, data: PersonErasedV1) -> Outcome:
        for lead_id in data.lead_ids:
            forget_lead(draft, lead_id)
            draft.put(TombstoneRow(hash=self._tombstone_of(lead_id), role=ROLE, at=data.at))
        return Outcome.APPLIED


def _take_fired(draft: Draft, moment: Moment, timer: TimerRow, event_id: str) -> Outcome:
    if timer.kind == RESCORE:
        return take_chunk(draft, moment, timer)
    return take_due(draft, moment, timer, event_id)
