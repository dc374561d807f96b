"""The scorer's handler: the decisions of its domain, by the policy that is active when a unit begins."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from datetime import datetime
from typing import Any

from msgspec.structs import replace

from services.scorer.domain.decide import decide
from services.scorer.domain.erasure import forget_lead, strike_out
from services.scorer.domain.polls import POLL, PollStep
from services.scorer.domain.update_score import ROLE, ScoringContext
from services.scorer.policy import ScoringPolicy
from shared.lead.events.envelope import Event
from shared.policy.per_version import PerVersion
from shared.storage.change_set import ChangeSet
from shared.storage.rows import IdentityMap
from shared.worker.decision import Step
from shared.worker.erasure import Erasure, Redaction
from shared.worker.handler import Handler
from shared.worker.rows import TimerRow
from shared.worker.timers import fired_timer


class ScorerHandler(Handler):
    """Decides scores by one policy."""

    role = ROLE
    claimed = frozenset({"baton.signal.received.v1", "baton.account.received.v1"})

    def __init__(self, policy: ScoringPolicy) -> None:
        self._policy = policy

    async def prepare(self, event: Event[Any]) -> Event[Any]:
        return event

    def decide(self, world: IdentityMap, event: Event[Any], at: datetime) -> Step:
        change_set = ChangeSet(world)
        outcome = decide(change_set, ScoringContext(self._policy, at), event)
        return Step(outcome, change_set.changes, change_set.emits)

    def redact(self, rows: IdentityMap, erasure: Erasure, at: datetime) -> Redaction:
        change_set = ChangeSet(rows)
        for lead_id in erasure.lead_ids:
            forget_lead(change_set, ScoringContext(self._policy, at), lead_id, erasure.spared)
        strike_out(change_set, erasure.event.data.accounts, erasure.mentions)
        return Redaction(change_set.changes)


class LiveScorerHandler(ScorerHandler):
    """Decides each unit of work by the policy that is active as the unit begins.

    A new policy version does not score leads again by itself: it applies to what is scored from then on, for
    whatever reason (an activity, a signal, the passing of time).
    """

    def __init__(
        self,
        policies: PerVersion[ScoringPolicy],
        poll: Callable[[TimerRow], Awaitable[PollStep]] | None = None,
    ) -> None:
        """`poll` asks a vendor when the timer of its source fires."""
        super().__init__(policies.current)
        self._policies = policies
        self._poll = poll

    async def prepare(self, event: Event[Any]) -> Event[Any]:
        """Ask the vendor whose turn it is."""
        timer = fired_timer(event)
        if timer is None or timer.kind != POLL or self._poll is None:
            return event
        return replace(event, data=await self._poll(timer))

    def for_unit(self) -> ScorerHandler:
        return ScorerHandler(self._policies.current)
