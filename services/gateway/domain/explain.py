"""The explanation of a decision on a lead, built from the recorded events. Pure.

`explain` reports what the events say. Where the policy version of the decision is stored, it also evaluates
that policy on the recorded facts, which adds what no event has: the comparisons that decided each rule, and
counterfactuals, the smallest single changes that would have led to another queue.
"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from datetime import datetime
from typing import TYPE_CHECKING, Any

from msgspec import Struct

from services.gateway.domain.explain_decision import (
    Decided,
    DecisionExplained,
    RuleExplained,
    explain_reps,
    explain_rules,
)
from services.gateway.domain.explain_matching import MatchingExplained, explain_matching
from services.router.domain.counterfactuals import Counterfactual
from services.router.domain.explain import RouteExplanation, explain_route
from services.router.domain.placement import active_owner, choose_again, evaluate_again, route_by_facts
from services.router.policy import routing_policy_of
from services.scorer.domain.explain import ScoreExplanation, explain_scored
from services.scorer.domain.what_if import WhatIf
from services.scorer.policy import scoring_policy
from shared.lead.events.lead_enriched import Enrichment, LeadEnrichedV1
from shared.lead.events.lead_handed_off import JoiningRep, LeadHandedOffV1
from shared.lead.events.lead_reassigned import LeadReassignedV1
from shared.lead.events.lead_scored import LeadScoredV1
from shared.lead.events.lead_suppressed import LeadSuppressedV1
from shared.lead.events.ownership_change import OwnershipChange
from shared.lead.events.parts import Actor, Company, Person, Trigger
from shared.lead.events.routing import BriefRejection, Change, Decision, Suppression
from shared.lead.events.scoring import AccountView, ScoreLine, Signals
from shared.lead.facts import ActiveOwner
from shared.rules.syntax import canonical

if TYPE_CHECKING:
    from shared.policy.compiled import CompiledPolicy


class RecordedChange(Struct, frozen=True):
    """An event after the routing that changed the owner of the lead."""

    event_id: str
    type: str
    data: OwnershipChange


class GivenBy(Struct, frozen=True):
    """The decision that gave a lead to the owner who keeps it: it says why to this rep and not to another."""

    event_id: str
    sequence: int
    at: datetime
    owner: str | None


class DecisionRecord(Struct, frozen=True):
    """The events behind a decision on a lead; None for a stage that the lead has not reached.

    `scored` is the event that the decision in `routed` followed from, `changes` are the changes of owner
    after it, up to the next routing. `given` is the decision before that gave the lead to the owner who keeps
    it.
    """

    lead_id: str
    enriched: LeadEnrichedV1 | None = None
    scored: LeadScoredV1 | None = None
    routed: Decided | None = None
    routed_id: str | None = None
    routed_type: str | None = None
    changes: Sequence[RecordedChange] = ()
    given: GivenBy | None = None

    @property
    def routed_version(self) -> str | None:
        """The policy version that decided, None where nothing was evaluated."""
        versions = self.routed.policy_versions if self.routed else None
        return versions.routed if versions else None

    @property
    def is_by_rules(self) -> bool:
        """Whether rules decided on a score, and not a person or a timer."""
        routed = self.routed
        return not isinstance(routed, OwnershipChange) or routed.decision.scored_sequence is not None


class ScoreExplained(Struct, frozen=True):
    """The score and its lines. `reconciles`: the fit lines sum to `fit` and the others to `intent`."""

    total: int
    fit: int
    intent: int
    grade: str
    band: str
    segment: str | None
    lines: list[ScoreLine]
    reconciles: bool


class OwnerChange(Struct, frozen=True):
    """A change of owner after the routing, with the reason that its event gives, and who acted.

    With `joined` the owner stays, and that rep joined the owner.
    """

    event_id: str
    type: str
    at: datetime
    change: Change
    queue: str
    owner: str | None
    previous_owner: str | None
    reason: str
    actor: Actor | None = None
    joined: JoiningRep | None = None


class FieldExplained(Struct, frozen=True):
    """One field: its value, the source that gave it, the source's confidence (0 to 1), its cost (cents)."""

    field: str
    value: Any
    source: str | None
    confidence: float | None
    cost: int | None
    at: datetime | None


class FactsExplained(Struct, frozen=True):
    """What the decision rested on besides the fields of the lead."""

    trigger: Trigger
    account: str
    account_view: AccountView
    signals: Signals


class PolicyExplained(Struct, frozen=True):
    """The policy versions of score and routing. `stored`: the routing version can be read here."""

    scored: str | None
    routed: str | None
    stored: bool


class Explanation(Struct, frozen=True):
    """Why a lead is where it is. What has not happened yet is null or empty.

    `scoring` explains `score` rule by rule, where the policy version that scored the lead is stored. `given`
    names the decision to ask for where this one only left the lead with its owner. `rejections` are those of
    owners before the decision, the newest first.
    """

    lead_id: str
    summary: str
    score: ScoreExplained | None
    scoring: ScoreExplanation | None
    facts: FactsExplained | None
    matching: MatchingExplained | None
    decision: DecisionExplained | None
    rejections: list[BriefRejection]
    given: GivenBy | None
    since: list[OwnerChange]
    fields: list[FieldExplained]
    enrichment: Enrichment | None
    policy: PolicyExplained
    counterfactuals: list[Counterfactual]


def explain(
    record: DecisionRecord, routed_by: CompiledPolicy | None, scored_by: CompiledPolicy | None = None
) -> Explanation:
    """Return the explanation of the decision in `record`.

    `routed_by` and `scored_by` are the policies that routed and scored the lead, None where not stored.
    """
    scored = record.scored
    lead = scored or record.enriched
    replayed = _replay_routing(record, routed_by, scored_by)
    decision = _explain_decision(record, routed_by, replayed)
    explained_owner = decision.owner if decision else None
    brief = None if isinstance(record.routed, LeadSuppressedV1 | None) else record.routed.brief
    owner_changes = [
        OwnerChange(
            event_id=change.event_id,
            type=change.type,
            at=change.data.occurred_at,
            change=change.data.decision.change,
            queue=change.data.decision.queue,
            owner=change.data.decision.owner,
            previous_owner=change.data.previous_owner,
            reason=change.data.reason,
            actor=change.data.actor,
            joined=change.data.joined if isinstance(change.data, LeadHandedOffV1) else None,
        )
        for change in record.changes
        # The event of a move tells the decision once more: it is not something since, unless somebody acted.
        if record.routed is None
        or change.data.actor is not None
        or not isinstance(change.data, LeadReassignedV1)
        or (change.data.occurred_at, change.data.decision.owner)
        != (record.routed.occurred_at, explained_owner)
    ]
    return Explanation(
        lead_id=record.lead_id,
        summary=_summary(record, decision, owner_changes),
        score=_explain_score(record),
        scoring=explain_scored(scored, scoring_policy(scored_by)) if scored and scored_by else None,
        facts=FactsExplained(scored.trigger, scored.account, scored.account_view, scored.signals)
        if scored
        else None,
        matching=explain_matching(scored, record.enriched) if scored else None,
        decision=decision,
        rejections=brief.hand_off.rejections if brief is not None and brief.hand_off is not None else [],
        given=record.given,
        since=owner_changes,
        fields=_explain_fields(lead) if lead else [],
        enrichment=lead.enrichment if lead else None,
        policy=PolicyExplained(
            scored=scored.policy_version if scored else None,
            routed=record.routed_version,
            stored=routed_by is not None,
        ),
        counterfactuals=replayed.counterfactuals if replayed else [],
    )


def _explain_score(record: DecisionRecord) -> ScoreExplained | None:
    event = record.scored or record.routed
    score = event.score if event is not None else None
    if score is None:
        return None
    fit = sum(line.points for line in score.lines if line.part == "fit")
    intent = sum(line.points for line in score.lines if line.part != "fit")
    return ScoreExplained(
        total=score.total,
        fit=score.fit,
        intent=score.intent,
        grade=score.grade,
        band=score.band,
        segment=score.segment,
        lines=score.lines,
        reconciles=(fit, intent) == (score.fit, score.intent),
    )


def _replay_routing(
    record: DecisionRecord, policy: CompiledPolicy | None, scored_by: CompiledPolicy | None
) -> RouteExplanation | None:
    """Return what the policy makes of the scored lead; None when that is not what was decided.

    A decision says who owned the lead before. Events of earlier releases say so only where the rule that
    matched keeps the owner: what took the lead from its owner cannot be evaluated again.
    """
    scored, routed = record.scored, record.routed
    if scored is None or routed is None or policy is None or not record.is_by_rules:
        return None
    decision, owner, what_if = routed.decision, None, None
    matched = decision.reason if isinstance(decision, Suppression) else decision.rule
    protections = [decision.protected]
    if decision.scored_sequence is not None:
        owner = active_owner(decision.owner_before)
    else:
        keeps = any(rule.name == matched and rule.keeps for rule in policy.policy.routing.rules)
        owner = ActiveOwner(decision.queue) if keeps and isinstance(decision, Decision) else None
        # Whether the lead was accepted was not recorded; a suppression that was not taken says so.
        protections = [scored.account_view.open_opportunity is True, True]
    if scored_by is not None:
        with suppress(ValueError):
            what_if = WhatIf(scored, scoring_policy(scored_by))
    by, at = routing_policy_of(policy), routed.occurred_at
    for is_protected in protections:
        replayed = explain_route(scored, owner, by, at, is_protected=is_protected, what_if=what_if)
        if replayed.rule == matched:
            return replayed
    return None


def _explain_decision(
    record: DecisionRecord, policy: CompiledPolicy | None, replayed: RouteExplanation | None
) -> DecisionExplained | None:
    """Return the routing, the change of owner or the suppression; None when the lead has none of them."""
    routed = record.routed
    if routed is None:
        return None
    explanations = (*replayed.suppressions, *replayed.rules) if replayed else ()
    because = {explanation.rule: explanation.because for explanation in explanations}
    decision = routed.decision
    is_recorded = decision.scored_sequence is not None
    facts: dict[str, Any] = {
        "event_id": record.routed_id,
        "type": record.routed_type or "",
        "at": routed.occurred_at,
        "owner_before": decision.owner_before if is_recorded else None,
        "protected": decision.protected if is_recorded else None,
        "reproduced": _is_reproduced(record, policy),
    }
    if isinstance(decision, Decision):
        return DecisionExplained(
            **facts,
            change=decision.change,
            suppressed=None,
            queue=decision.queue,
            motion=decision.motion,
            owner=decision.owner,
            rule=decision.rule,
            reasons=decision.reasons,
            # A person or a timer evaluates no rule.
            rules=explain_rules(decision, policy, because) if record.is_by_rules else [],
            reps=list(explain_reps(decision)),
            territory=decision.territory,
        )
    reason = decision.reason
    rules = [RuleExplained(reason, "taken")]
    if policy is not None:
        rules = [
            RuleExplained(reason, "taken", when=canonical(rule.when), because=because.get(reason, []))
            for rule in policy.policy.routing.suppress
            if rule.reason == reason
        ]
    return DecisionExplained(
        **facts,
        change=None,
        suppressed=reason,
        queue=None,
        motion=None,
        owner=None,
        rule=reason,
        reasons=[reason],
        rules=rules,
        reps=[],
    )


def _is_reproduced(record: DecisionRecord, policy: CompiledPolicy | None) -> bool | None:
    """Tell whether the decision follows again from its record; None where that cannot be told.

    Of an action or a timer it is whose turn it was; who was named by a person follows from nothing.
    """
    scored, routed = record.scored, record.routed
    if (
        routed is not None
        and isinstance(routed.decision, Decision)
        and routed.decision.scored_sequence is None
    ):
        turn = routed.decision.turn
        return None if turn is None else choose_again(routed.decision, turn).rep == routed.decision.owner
    if scored is None or routed is None or policy is None or routed.decision.scored_sequence is None:
        return None
    decision, by, at = routed.decision, routing_policy_of(policy), routed.occurred_at
    if isinstance(decision, Decision):
        return evaluate_again(decision, scored, by, at) == decision
    route = route_by_facts(decision.owner_before, scored, by, at, is_protected=decision.protected)
    return route.suppressed == decision.reason


def _explain_fields(lead: LeadEnrichedV1) -> list[FieldExplained]:
    """Return the fields of person and company that have a value."""
    explained: list[FieldExplained] = []
    parts: tuple[tuple[str, Person | Company], ...] = (("person", lead.person), ("company", lead.company))
    for part, values in parts:
        for name in values.__struct_fields__:
            value, provenance = getattr(values, name), lead.provenance.get(f"{part}.{name}")
            if value is None or value == []:
                continue
            explained.append(
                FieldExplained(
                    field=f"{part}.{name}",
                    value=value,
                    source=provenance.source if provenance else None,
                    confidence=provenance.confidence if provenance else None,
                    cost=provenance.cost if provenance else None,
                    at=provenance.at if provenance else None,
                )
            )
    return explained


def _summary(
    record: DecisionRecord, explained: DecisionExplained | None, owner_changes: Sequence[OwnerChange]
) -> str:
    """Return the explanation in one sentence."""
    routed = record.routed
    if routed is None or explained is None:
        return "Scored, not routed yet" if record.scored else "Enriched, not scored yet"
    if isinstance(routed, LeadSuppressedV1):
        why = ", ".join(leaf.says for rule in explained.rules for leaf in rule.because)
        return f"Suppressed: {explained.suppressed}" + (f" ({why})" if why else "")
    decision, where = routed.decision, routed.decision.queue
    who, before = decision.owner or "nobody", decision.owner_before
    previous, was_in = (before.rep, before.queue) if before.of == "lead" else (before.left, before.left_queue)
    text = {
        "assigned": f"{who} gets it in {where}",
        "moved": f"{who} gets it in {where}" + (f" from {previous} in {was_in}" if previous else ""),
        "kept": f"{who} keeps it in {where}",
        "waiting": f"It waits in {where} for somebody who may have it",
        "listed": f"It is listed in {where} and belongs to nobody",
        "closed": "It is closed",
    }[decision.change]
    if isinstance(routed, OwnershipChange) and not record.is_by_rules:
        summary = f"{text}: {routed.reason}"
    else:
        summary = f"{text}, by rule {decision.rule}"
    summary += f" (grade {routed.score.grade})" if routed.score else ""
    if owner_changes:
        last = owner_changes[-1]
        summary += f"; since then {last.reason.replace('_', ' ')}: {last.owner or 'nobody'}"
    return summary
