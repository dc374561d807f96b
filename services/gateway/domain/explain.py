"""The explanation of a lead's latest decision, built from its recorded events. Pure.

`explain` reports what the events say. Where the policy version of the decision is stored, it also evaluates
that policy on the recorded facts, which adds what no event has: the comparisons that decided each rule, and
counterfactuals, the smallest single changes that would have led to another queue.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Any, Literal

from msgspec import Struct

from services.router.domain.explain import Counterfactual, RouteExplanation, explain_route
from services.router.policy import routing_policy_of
from services.scorer.domain.explain import ScoreExplanation, explain_scored
from services.scorer.policy import scoring_policy
from shared.lead.events.lead_enriched import Enrichment, LeadEnrichedV1
from shared.lead.events.lead_routed import LeadRoutedV1
from shared.lead.events.lead_scored import LeadScoredV1
from shared.lead.events.lead_suppressed import LeadSuppressedV1
from shared.lead.events.ownership_change import OwnershipChange
from shared.lead.events.parts import Company, Person, Trigger
from shared.lead.events.routing import Change, Decision, Motion, Skipped
from shared.lead.events.scoring import AccountView, ScoreLine, Signals
from shared.lead.facts import ActiveOwner
from shared.rules.explained import ExplainedComparison
from shared.rules.syntax import canonical

if TYPE_CHECKING:
    from shared.policy.compiled import CompiledPolicy


class RecordedChange(Struct, frozen=True):
    """An event after the routing that changed the owner of the lead."""

    event_id: str
    type: str
    data: OwnershipChange


class DecisionRecord(Struct, frozen=True):
    """The events behind a lead's latest decision; None for a stage that the lead has not reached.

    `scored` is the event that `routed` followed from, `changes` are the changes of owner since then.
    """

    lead_id: str
    enriched: LeadEnrichedV1 | None = None
    scored: LeadScoredV1 | None = None
    routed: LeadRoutedV1 | LeadSuppressedV1 | None = None
    routed_id: str | None = None
    changes: Sequence[RecordedChange] = ()


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


class RuleExplained(Struct, frozen=True):
    """One rule of the routing table. `result` is `taken`, or why the rule was passed over.

    `when` is the condition of the rule and `because` the comparisons that suffice for its result, both only
    where the policy version is stored. A comparison of an unknown field has `holds` null.
    """

    rule: str
    result: Literal["taken"] | Skipped
    queue: str | None = None
    when: Any = None
    because: list[ExplainedComparison] = []


class RepExplained(Struct, frozen=True):
    """One rep who was considered. `result` is `taken`, or why the rep was passed over."""

    rep: str
    result: Literal["taken"] | Skipped


class DecisionExplained(Struct, frozen=True):
    """The latest routing. `suppressed` is the reason of a suppression; then there is no queue or owner."""

    event_id: str | None
    at: datetime
    change: Change | None
    suppressed: str | None
    queue: str | None
    motion: Motion | None
    owner: str | None
    rule: str | None
    reasons: list[str]
    rules: list[RuleExplained]
    reps: list[RepExplained]


class OwnerChange(Struct, frozen=True):
    """A change of owner after the routing, with the reason that its event gives."""

    event_id: str
    type: str
    at: datetime
    change: Change
    queue: str
    owner: str | None
    previous_owner: str | None
    reason: str


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

    `scoring` explains `score` rule by rule, where the policy version that scored the lead is stored.
    """

    lead_id: str
    summary: str
    score: ScoreExplained | None
    scoring: ScoreExplanation | None
    facts: FactsExplained | None
    decision: DecisionExplained | None
    since: list[OwnerChange]
    fields: list[FieldExplained]
    enrichment: Enrichment | None
    policy: PolicyExplained
    counterfactuals: list[Counterfactual]


def explain(
    record: DecisionRecord, routed_by: CompiledPolicy | None, scored_by: CompiledPolicy | None = None
) -> Explanation:
    """Return the explanation of a lead's latest decision.

    `routed_by` and `scored_by` are the policies that routed and scored the lead, None where not stored.
    """
    routed, scored = record.routed, record.scored
    lead = scored or record.enriched
    replayed = _replay_routing(record, routed_by)
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
        )
        for change in record.changes
    ]
    return Explanation(
        lead_id=record.lead_id,
        summary=_summary(record, owner_changes),
        score=_explain_score(record),
        scoring=explain_scored(scored, scoring_policy(scored_by)) if scored and scored_by else None,
        facts=FactsExplained(scored.trigger, scored.account, scored.account_view, scored.signals)
        if scored
        else None,
        decision=_explain_decision(record, routed_by, replayed),
        since=owner_changes,
        fields=_explain_fields(lead) if lead else [],
        enrichment=lead.enrichment if lead else None,
        policy=PolicyExplained(
            scored=scored.policy_version if scored else None,
            routed=routed.policy_versions.routed if routed else None,
            stored=routed_by is not None,
        ),
        counterfactuals=replayed.counterfactuals if replayed else [],
    )


def _explain_score(record: DecisionRecord) -> ScoreExplained | None:
    event = record.scored or record.routed
    if event is None:
        return None
    score = event.score
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


def _replay_routing(record: DecisionRecord, policy: CompiledPolicy | None) -> RouteExplanation | None:
    """Return what the policy makes of the scored lead; None when that is not what was decided.

    A routing rule may depend on who owned the lead before. The events say so only where the rule that
    matched keeps the owner: a decision that took the lead from its owner cannot be replayed.
    """
    scored, routed = record.scored, record.routed
    if scored is None or routed is None or policy is None:
        return None
    decision, owner = routed.decision, None
    if isinstance(decision, Decision):
        matched = decision.rule
        if any(rule.name == matched and rule.keeps for rule in policy.policy.routing.rules):
            owner = ActiveOwner(decision.queue, accepted=False)
    else:
        matched = decision.reason
    # Whether the lead was accepted is in no event; a suppression that matches and was not taken says so.
    for is_protected in (scored.account_view.open_opportunity is True, True):
        at, by = routed.occurred_at, routing_policy_of(policy)
        replayed = explain_route(scored, owner, by, at, is_protected=is_protected)
        if replayed.rule == matched:
            return replayed
    return None


def _explain_decision(
    record: DecisionRecord, policy: CompiledPolicy | None, replayed: RouteExplanation | None
) -> DecisionExplained | None:
    """Return the routing or the suppression; None when the lead has neither."""
    routed = record.routed
    if routed is None:
        return None
    explanations = (*replayed.suppressions, *replayed.rules) if replayed else ()
    because = {explanation.rule: explanation.because for explanation in explanations}
    if isinstance(routed, LeadRoutedV1):
        decision = routed.decision
        return DecisionExplained(
            event_id=record.routed_id,
            at=routed.occurred_at,
            change=decision.change,
            suppressed=None,
            queue=decision.queue,
            motion=decision.motion,
            owner=decision.owner,
            rule=decision.rule,
            reasons=decision.reasons,
            rules=_explain_rules(decision, policy, because),
            reps=[
                *([RepExplained(decision.owner, "taken")] if decision.owner is not None else []),
                *(
                    RepExplained(considered.rep, considered.skipped)
                    for considered in decision.considered
                    if isinstance(considered.rep, str)
                ),
            ],
        )
    reason = routed.decision.reason
    rules = [RuleExplained(reason, "taken")]
    if policy is not None:
        rules = [
            RuleExplained(reason, "taken", when=canonical(rule.when), because=because.get(reason, []))
            for rule in policy.policy.routing.suppress
            if rule.reason == reason
        ]
    return DecisionExplained(
        event_id=record.routed_id,
        at=routed.occurred_at,
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


def _explain_rules(
    decision: Decision, policy: CompiledPolicy | None, because: Mapping[str, list[ExplainedComparison]]
) -> list[RuleExplained]:
    """Return the rules in the order of the policy.

    Without the policy, the event still says that order: it lists the rules before the matched one and the
    rules after it, which are all marked `earlier_match`.
    """
    skipped: dict[str, Skipped] = {
        considered.rule: considered.skipped
        for considered in decision.considered
        if isinstance(considered.rule, str)
    }
    if policy is not None:
        results: dict[str, Literal["taken"] | Skipped] = {**skipped, decision.rule: "taken"}
        return [
            RuleExplained(
                rule.name,
                results[rule.name],
                rule.queue,
                when=None if rule.when is None else canonical(rule.when),
                because=because.get(rule.name, []),
            )
            for rule in policy.policy.routing.rules
            if rule.name in results
        ]
    before = [RuleExplained(rule, why) for rule, why in skipped.items() if why != "earlier_match"]
    after = [RuleExplained(rule, why) for rule, why in skipped.items() if why == "earlier_match"]
    return [*before, RuleExplained(decision.rule, "taken", decision.queue), *after]


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


def _summary(record: DecisionRecord, owner_changes: Sequence[OwnerChange]) -> str:
    """Return the explanation in one sentence."""
    routed = record.routed
    if routed is None:
        return "Scored, not routed yet" if record.scored else "Enriched, not scored yet"
    if isinstance(routed, LeadSuppressedV1):
        return f"Suppressed: {routed.decision.reason}"
    decision = routed.decision
    summary = (
        f"Rule {decision.rule} sends it to {decision.queue}, {decision.owner or 'nobody yet'}"
        f" (grade {routed.score.grade}, {decision.change})"
    )
    if owner_changes:
        last = owner_changes[-1]
        summary += f"; since then {last.reason}: {last.owner or 'nobody'}"
    return summary
