"""The router's decisions: which event asks for what. Everything that follows is in `domain`."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any, Final

from msgspec.structs import replace

from services.router.domain.decide import Scored, route_scored
from services.router.domain.lead_ref import named_lead, surviving_lead
from services.router.domain.lifecycle import Moment, drain, erase, escalate, take_action, take_outcome
from services.router.domain.ownership import ROLE, SLA
from services.router.domain.policy import RoutingPolicies, RoutingPolicy
from services.router.domain.state import RoutedLeadRow
from shared.lead.events.action_received import ActionReceivedV1
from shared.lead.events.envelope import Event
from shared.lead.events.lead_scored import LeadScoredV1
from shared.lead.events.outcome_received import OutcomeReceivedV1
from shared.lead.events.person_erased import PersonErasedV1
from shared.storage.change_set import ChangeSet
from shared.storage.rows import IdentityMap
from shared.worker.decision import Outcome, Step
from shared.worker.erasure import KeyedHash, Redaction
from shared.worker.handler import Handler
from shared.worker.rows import TimerRow

DRAIN: Final = "drain"
DRAIN_EVERY: Final = timedelta(seconds=2)


def drain_timer(due_at: datetime) -> TimerRow:
    """Return the timer that looks after the leads that wait. There is always one, so none is missed."""
    return TimerRow(subject="", role=ROLE, kind=DRAIN, due_at=due_at)


class RouterHandler(Handler):
    """Decides queue and owner by one plan."""

    role = ROLE
    claimed = frozenset({"baton.action.received.v1", "baton.outcome.received.v1"})

    def __init__(self, plan: RoutingPolicy) -> None:
        self._plan = plan

    async def prepare(self, event: Event[Any]) -> Event[Any]:
        return event

    def decide(self, world: IdentityMap, event: Event[Any], at: datetime) -> Step:
        draft = ChangeSet(world)
        moment = Moment(self._plan, at, event.cause)
        data = event.data
        if isinstance(data, LeadScoredV1):
            return self._scored(draft, event, at)
        if isinstance(data, ActionReceivedV1):
            action = replace(data, lead_id=surviving_lead(draft, data.lead_id))
            return _step(draft, applied=take_action(draft, moment, action))
        if isinstance(data, OutcomeReceivedV1):
            lead_id = surviving_lead(draft, named_lead(data.lead_id, data.email) or "")
            return _step(draft, applied=take_outcome(draft, moment, lead_id, data))
        if isinstance(data, TimerRow):
            return _fired(draft, world, moment, data)
        return Step(Outcome.UNCHANGED)

    def _scored(self, draft: ChangeSet, event: Event[LeadScoredV1], at: datetime) -> Step:
        data = event.data
        known = draft.get(RoutedLeadRow, data.lead_id)
        if known is not None and data.sequence <= known.scored_sequence:
            again = data.sequence == known.scored_sequence
            return Step(Outcome.UNCHANGED if again else Outcome.SUPERSEDED)
        return _step(draft, applied=route_scored(draft, self._plan, Scored(data, event.raw, event.cause, at)))

    def redact(
        self, rows: IdentityMap, erased: Event[PersonErasedV1], at: datetime, keyed_hash: KeyedHash
    ) -> Redaction:
        draft = ChangeSet(rows)
        for lead_id in erased.data.lead_ids:
            erase(draft, Moment(self._plan, at, erased.cause), lead_id, keyed_hash(lead_id))
        return Redaction(draft.changes, draft.emits)


class LiveRouterHandler(RouterHandler):
    """Decides each unit of work by the plan that is current as the unit begins."""

    def __init__(self, plans: RoutingPolicies) -> None:
        super().__init__(plans.current)
        self._plans = plans

    def for_unit(self) -> RouterHandler:
        return RouterHandler(self._plans.current)


def _fired(draft: ChangeSet, world: IdentityMap, moment: Moment, timer: TimerRow) -> Step:
    if timer.kind == SLA:
        draft.remove(TimerRow, *timer.key)
        return _step(draft, applied=escalate(draft, moment, timer.subject))
    draft.put(drain_timer(moment.at + DRAIN_EVERY))
    waiting = [lead for lead in world.all(RoutedLeadRow) if lead.waiting_since is not None]
    waiting.sort(key=lambda lead: (lead.waiting_since, lead.lead_id))
    drained = [drain(draft, moment, lead.lead_id) for lead in waiting]
    return _step(draft, applied=any(drained))


def _step(draft: ChangeSet, *, applied: bool) -> Step:
    return Step(Outcome.APPLIED if applied else Outcome.UNCHANGED, draft.changes, draft.emits)
