"""Why a lead is where it is: what was recorded, joined into one explanation that reconciles. Pure.

`explain` says what is on record, and beside it what the policy of that decision makes of the same facts:
which comparison decided each rule, and which single change would have led elsewhere.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any, Literal

from msgspec import Struct

from services.router.domain.explain import Counterfactual, RouteExplanation, explain_route
from services.router.domain.policy import plan_of
from services.scorer.domain.explain import ScoreExplanation, explain_scored
from services.scorer.domain.from_policy import scoring_policy
from shared.lead.events.lead_enriched import Enrichment, LeadEnrichedV1
from shared.lead.events.lead_routed import LeadRoutedV1
from shared.lead.events.lead_scored import LeadScoredV1
from shared.lead.events.lead_suppressed import LeadSuppressedV1
from shared.lead.events.ownership_change import OwnershipChange
from shared.lead.events.parts import Company, Person, Trigger
from shared.lead.events.routing import Change, Decision, Motion, Skipped
from shared.lead.events.scoring import AccountView, ScoreLine, Signals
from shared.lead.facts import ActiveOwner
from shared.policy.compiled import CompiledPolicy
from shared.rules.explained import ExplainedComparison
from shared.rules.syntax import canonical


class Told(Struct, frozen=True):
    """A change of owner after the routing, and how it was announced."""

    event_id: str
    type: str
    data: OwnershipChange


class Record(Struct, frozen=True):
    """What is on record of a lead's latest decision: what it followed from, and what happened since."""

    lead_id: str
    enriched: LeadEnrichedV1 | None = None
    scored: LeadScoredV1 | None = None
    routed: LeadRoutedV1 | LeadSuppressedV1 | None = None
    routed_id: str | None = None
    changes: Sequence[Told] = ()


class ScoreExplained(Struct, frozen=True):
    """The score and its lines. `reconciles`: the fit lines sum to `fit`, the others to `intent`, exactly."""

    total: int
    fit: int
    intent: int
    grade: str
    band: str
    segment: str | None
    lines: list[ScoreLine]
    reconciles: bool


class RuleExplained(Struct, frozen=True):
    """One rule of the table, in its order. `when` is its condition, where the policy is stored.

    `result`: `taken`, or why it was not. `because` are the comparisons that suffice for that; one on a
    field that is not known has `holds` null.
    """

    rule: str
    result: Literal["taken"] | Skipped
    queue: str | None = None
    when: Any = None
    because: list[ExplainedComparison] = []


class RepExplained(Struct, frozen=True):
    """One rep who was looked at. `result`: `taken`, or why somebody else has the lead."""

    rep: str
    result: Literal["taken"] | Skipped


class DecisionExplained(Struct, frozen=True):
    """The latest routing. `suppressed` is the reason why nobody gets the lead; else there is a queue."""

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


class OwnerChanged(Struct, frozen=True):
    """What happened to the lead's owner after the routing."""

    event_id: str
    type: str
    at: datetime
    change: Change
    queue: str
    owner: str | None
    previous_owner: str | None
    reason: str


class FieldExplained(Struct, frozen=True):
    """One field: its value, who gave it, how sure they were (0 to 1), what it cost (cents)."""

    field: str
    value: Any
    source: str | None
    confidence: float | None
    cost: int | None
    at: datetime | None


class FactsExplained(Struct, frozen=True):
    """What was known when it was decided, beyond the fields."""

    trigger: Trigger
    account: str
    account_view: AccountView
    signals: Signals


class PolicyExplained(Struct, frozen=True):
    """The versions that were used. `stored`: the routing one is there to be looked at."""

    scored: str | None
    routed: str | None
    stored: bool


class Explanation(Struct, frozen=True):
    """Why a lead is where it is. What has not happened yet is null or empty.

    `scoring` is what the rules came to behind `score`, where the policy that it was scored by is stored.
    """

    lead_id: str
    summary: str
    score: ScoreExplained | None
    scoring: ScoreExplanation | None
    facts: FactsExplained | None
    decision: DecisionExplained | None
    since: list[OwnerChanged]
    fields: list[FieldExplained]
    enrichment: Enrichment | None
    policy: PolicyExplained
    counterfactuals: list[Counterfactual]


def explain(
    view: Record, policy: CompiledPolicy | None, scored_by: CompiledPolicy | None = None
) -> Explanation:
    """Return the explanation of a lead's latest decision.

    `policy` is the one it was routed by, `scored_by` the one it was scored by, as far as they are stored.
    """
    routed, scored = view.routed, view.scored
    known = scored or view.enriched
    decided = _decided_again(view, policy)
    since = [_owner_changed(told) for told in view.changes]
    return Explanation(
        lead_id=view.lead_id,
        summary=_summary(view, since),
        score=_score(view),
        scoring=explain_scored(scored, scoring_policy(scored_by)) if scored and scored_by else None,
        facts=FactsExplained(scored.trigger, scored.account, scored.account_view, scored.signals)
        if scored
        else None,
        decision=_decision(view, policy, decided) if routed else None,
        since=since,
        fields=[*_fields(known)] if known else [],
        enrichment=known.enrichment if known else None,
        policy=PolicyExplained(
            scored=scored.policy_version if scored else None,
            routed=routed.policy_versions.routed if routed else None,
            stored=policy is not None,
        ),
        counterfactuals=decided.counterfactuals if decided else [],
    )


def _score(view: Record) -> ScoreExplained | None:
    decided = view.scored or view.routed
    if decided is None:
        return None
    score = decided.score
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


def _decided_again(view: Record, policy: CompiledPolicy | None) -> RouteExplanation | None:
    """Return what the policy makes of the scored lead, as long as that is what was decided.

    Who owned the lead is on record by the rule alone that kept it there, so a decision that rested on an
    owner whom it then left cannot be repeated here.
    """
    scored, routed = view.scored, view.routed
    if scored is None or routed is None or policy is None:
        return None
    decision = routed.decision
    rule = decision.rule if isinstance(decision, Decision) else decision.reason
    keeps = {each.name for each in policy.policy.routing.rules if each.keeps}
    owner = (
        ActiveOwner(decision.queue, accepted=False)
        if isinstance(decision, Decision) and rule in keeps
        else None
    )
    again = explain_route(scored, owner, plan_of(policy), routed.occurred_at)
    return again if again.rule == rule else None


def _decision(
    view: Record, policy: CompiledPolicy | None, decided: RouteExplanation | None
) -> DecisionExplained:
    because = {each.rule: each.because for each in (*decided.suppressions, *decided.rules)} if decided else {}
    routed = view.routed
    if isinstance(routed, LeadRoutedV1):
        decision = routed.decision
        return DecisionExplained(
            event_id=view.routed_id,
            at=routed.occurred_at,
            change=decision.change,
            suppressed=None,
            queue=decision.queue,
            motion=decision.motion,
            owner=decision.owner,
            rule=decision.rule,
            reasons=decision.reasons,
            rules=[*_rules(decision, policy, because)],
            reps=[*_reps(decision)],
        )
    if routed is None:
        raise ValueError("nothing was decided yet")
    return DecisionExplained(
        event_id=view.routed_id,
        at=routed.occurred_at,
        change=None,
        suppressed=routed.decision.reason,
        queue=None,
        motion=None,
        owner=None,
        rule=routed.decision.reason,
        reasons=[routed.decision.reason],
        rules=[*_suppressions(routed.decision.reason, policy, because)],
        reps=[],
    )


def _rules(
    decision: Decision, policy: CompiledPolicy | None, because: Mapping[str, list[ExplainedComparison]]
) -> Iterator[RuleExplained]:
    """Give the rules in their order: that of the policy, else as they were recorded, the taken one last."""
    skipped: dict[str, Skipped] = {
        each.rule: each.skipped for each in decision.considered if isinstance(each.rule, str)
    }
    if policy is None:
        yield from (RuleExplained(rule, why) for rule, why in skipped.items() if why != "earlier_match")
        yield RuleExplained(decision.rule, "taken", decision.queue)
        yield from (RuleExplained(rule, why) for rule, why in skipped.items() if why == "earlier_match")
        return
    for rule in policy.policy.routing.rules:
        result = "taken" if rule.name == decision.rule else skipped.get(rule.name)
        if result is not None:
            when = None if rule.when is None else canonical(rule.when)
            yield RuleExplained(rule.name, result, rule.queue, when, because.get(rule.name, []))


def _suppressions(
    reason: str, policy: CompiledPolicy | None, because: Mapping[str, list[ExplainedComparison]]
) -> Iterator[RuleExplained]:
    if policy is None:
        yield RuleExplained(reason, "taken")
        return
    for each in policy.policy.routing.suppress:
        if each.reason == reason:
            yield RuleExplained(reason, "taken", when=canonical(each.when), because=because.get(reason, []))


def _reps(decision: Decision) -> Iterator[RepExplained]:
    if decision.owner is not None:
        yield RepExplained(decision.owner, "taken")
    for each in decision.considered:
        if isinstance(each.rep, str):
            yield RepExplained(each.rep, each.skipped)


def _owner_changed(told: Told) -> OwnerChanged:
    data = told.data
    return OwnerChanged(
        event_id=told.event_id,
        type=told.type,
        at=data.occurred_at,
        change=data.decision.change,
        queue=data.decision.queue,
        owner=data.decision.owner,
        previous_owner=data.previous_owner,
        reason=data.reason,
    )


def _fields(known: LeadEnrichedV1) -> Iterator[FieldExplained]:
    for name, value in (*_known("person", known.person), *_known("company", known.company)):
        given = known.provenance.get(name)
        yield FieldExplained(
            field=name,
            value=value,
            source=given.source if given else None,
            confidence=given.confidence if given else None,
            cost=given.cost if given else None,
            at=given.at if given else None,
        )


def _known(part: str, values: Person | Company) -> Iterator[tuple[str, Any]]:
    for name in values.__struct_fields__:
        value = getattr(values, name)
        if value is not None and value != []:
            yield f"{part}.{name}", value


def _summary(view: Record, since: Sequence[OwnerChanged]) -> str:
    """Return the explanation in a sentence."""
    routed = view.routed
    if routed is None:
        return "Scored, not routed yet" if view.scored else "Enriched, not scored yet"
    if isinstance(routed, LeadSuppressedV1):
        return f"Suppressed: {routed.decision.reason}"
    decision = routed.decision
    owner = decision.owner or "nobody yet"
    text = f"Rule {decision.rule} sends it to {decision.queue}, {owner}"
    text += f" (grade {routed.score.grade}, {decision.change})"
    return f"{text}; since then {since[-1].reason}: {since[-1].owner or 'nobody'}" if since else text
