"""The scorer's handler: the decisions of its domain, under the policy and the seeds it was given."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any

from services.scorer.domain.decide import decide
from services.scorer.domain.policy import ScoringPolicy
from services.scorer.domain.scoring import ROLE, Moment
from shared.events.account_received import AccountReceivedV1
from shared.events.envelope import Event
from shared.events.person_erased import PersonErasedV1
from shared.runtime.draft import Draft
from shared.runtime.handler import Handler, Step
from shared.runtime.rows import Rows, TombstoneRow


class ScorerHandler(Handler):
    """Decides scores."""

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
        outcome = decide(draft, Moment(self._policy, self._seeds, at), event)
        if isinstance(event.data, PersonErasedV1):
            for lead_id in event.data.lead_ids:
                draft.put(TombstoneRow(self._tombstone_of(lead_id), ROLE, event.data.at))
        return Step(outcome, draft.changes, draft.emits)
