"""Where a candidate would send leads by their recorded facts alone, rule by rule with the interpreter.

It shares nothing with the backtest but the events: no rows, no rotation, no compiled conditions.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from typing import Any

from msgspec import Struct

from services.router.domain.route import doubted_fields
from services.router.policy import routing_policy_of
from shared.lead.events.envelope import Event
from shared.lead.events.lead_scored import LeadScoredV1
from shared.lead.events.lead_suppressed import LeadSuppressedV1
from shared.lead.events.routing import OwnerFacts
from shared.lead.facts import ActiveOwner, facts_of
from shared.policy.compiled import CompiledPolicy
from shared.rules.evaluate import evaluate, holds_despite


class JudgedDecision(Struct, frozen=True):
    """A recorded decision: the queue that was recorded and the one of the candidate, None for nobody's."""

    lead_id: str
    at: datetime
    recorded: str | None
    candidate: str | None
    before: OwnerFacts

    @property
    def moves(self) -> bool:
        return self.recorded != self.candidate


def judge(events: Iterable[Event[Any]], candidate: CompiledPolicy) -> list[JudgedDecision]:
    """Return what the candidate says to every recorded decision on a score, in the order of time."""
    events = list(events)
    readers = routing_policy_of(candidate).readers
    scored = {
        (one.data.lead_id, one.data.sequence): one.data
        for one in events
        if isinstance(one.data, LeadScoredV1)
    }
    judged: list[JudgedDecision] = []
    for event in events:
        decision = getattr(event.data, "decision", None)
        if decision is None or decision.scored_sequence is None or "lead.reassigned" in event.type:
            continue
        lead: LeadScoredV1 = scored[event.data.lead_id, decision.scored_sequence]
        before = decision.owner_before
        owner = ActiveOwner(before.queue or "", before.accepted) if before.active else None
        facts = facts_of(lead, lead.account_view, readers, owner)
        is_suppressed = isinstance(event.data, LeadSuppressedV1)
        doubted = doubted_fields(lead) if decision.protected else None
        recorded = None if is_suppressed else decision.queue
        rule, queue = _judge(candidate, facts, event.time, before, doubted)
        if not is_suppressed and rule == decision.rule:
            queue = recorded  # whoever was free there then, they or those of its fallback are now
        judged.append(JudgedDecision(event.data.lead_id, event.time, recorded, queue, before))
    return judged


def _judge(
    candidate: CompiledPolicy, facts: Any, at: datetime, before: OwnerFacts, doubted: Any
) -> tuple[str, str | None]:
    for rule in candidate.suppress.rules:
        if doubted is not None:
            holds = holds_despite(rule.when, facts, at, doubted) is True
        else:
            holds = evaluate(rule.when, facts, at).truth is True
        if holds:
            return rule.name, None
    for routing in candidate.rules.rules:
        if evaluate(routing.when, facts, at).truth is True:
            keeps = routing.outcome.keeps and before.active
            return routing.name, before.queue if keeps else routing.outcome.queue
    raise AssertionError("the last rule always matches")
