"""What Baton would decide on a made-up lead, from what is known of its account and of the team now. Pure."""

from __future__ import annotations

from datetime import datetime

from services.gateway.domain.explain import DecisionRecord
from services.router.domain.dispatch import dispatch
from services.router.policy import routing_policy_of
from services.scorer.domain.decide import decide
from services.scorer.domain.update_score import ScoringContext
from services.scorer.policy import scoring_policy
from shared.lead.events.envelope import Event, emitted
from shared.lead.events.lead_enriched import LeadEnrichedV1
from shared.lead.events.lead_routed import LeadRoutedV1
from shared.lead.events.lead_scored import LeadScoredV1
from shared.lead.events.lead_suppressed import LeadSuppressedV1
from shared.lead.events.registry import BY_MODEL
from shared.policy.compiled import CompiledPolicy
from shared.storage.change_set import ChangeSet
from shared.storage.rows import IdentityMap

_MADE_UP = "made-up"


def decide_made_up(
    enriched: LeadEnrichedV1, rows: IdentityMap, policy: CompiledPolicy, at: datetime
) -> DecisionRecord:
    """Return the events that a policy would make of the lead; they are not published.

    `rows` are the present ones of its account and of the team; they are not changed.
    """
    event = Event(
        id=_MADE_UP,
        source="/baton/enricher",
        type=BY_MODEL[LeadEnrichedV1].name,
        subject=enriched.lead_id,
        time=at,
        data=enriched,
        key=enriched.account,
    )
    changes = ChangeSet(rows)
    decide(changes, ScoringContext(scoring_policy(policy), at), event)
    scored = next(
        emitted(emit, by="scorer", cause=event, ordinal=ordinal, at=at)
        for ordinal, emit in enumerate(changes.emits)
        if isinstance(emit.data, LeadScoredV1)
    )
    step = dispatch(rows, routing_policy_of(policy), scored, at)
    for ordinal, emit in enumerate(step.emits):
        if isinstance(emit.data, LeadRoutedV1 | LeadSuppressedV1):
            routed = emitted(emit, by="router", cause=scored, ordinal=ordinal, at=at)
            return DecisionRecord(
                enriched.lead_id,
                enriched=enriched,
                scored=scored.data,
                routed=routed.data,
                routed_id=routed.id,
                routed_type=routed.type,
            )
    return DecisionRecord(enriched.lead_id, enriched=enriched, scored=scored.data)
