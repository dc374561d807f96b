"""Why a lead has its score: the verdict of every rule, on which fact, and the points left of each fact."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from msgspec import Struct
from msgspec.structs import replace

from services.scorer.domain.account import account_facts
from services.scorer.domain.intent import MatchedFacts, anchor_of, describe_fact
from services.scorer.domain.score import ScoreResult, ScoringSubject, lead_facts
from services.scorer.policy import CompiledIntentRule, CompiledSignalRule, GradeFloors, ScoringPolicy
from shared.lead.events.account_received import AccountReceivedV1
from shared.lead.events.lead_scored import LeadScoredV1
from shared.lead.events.scoring import AccountView, ScoreLine
from shared.lead.facts import activity_facts, signal_facts
from shared.lead.fields import FactKeys
from shared.rules.evaluate import RuleVerdict
from shared.rules.explained import ExplainedComparison, RuleExplanation, Verdict, explained
from shared.rules.syntax import Facts

if TYPE_CHECKING:
    from shared.policy.compiled import FirstMatch, SegmentTables
    from shared.policy.models import Level


class LevelExplanation(Struct, frozen=True):
    """One level of a criterion, and the comparisons that suffice for its verdict."""

    points: int
    verdict: Verdict
    because: list[ExplainedComparison]


class CriterionExplanation(Struct, frozen=True):
    """One criterion: the points of its first level that matches, and the most that it gives."""

    criterion: str
    points: int
    most: int
    levels: list[LevelExplanation]


class SegmentExplanation(Struct, frozen=True):
    """How the lead fits one segment. `taken`: no other fits better. Disqualified, it has no points."""

    segment: str
    fit: int
    taken: bool
    disqualified: str | None
    disqualify: list[RuleExplanation]
    criteria: list[CriterionExplanation]


class FactExplanation(Struct, frozen=True):
    """One activity or signal under one rule on its type.

    `full` is what it gives when fresh, `points` what is left of it (0 when the rule does not match), which
    halves every `half_life_s` or rises for `rises_s` and ends `ends_s` after. `age_s` is negative for what
    lies ahead, None for a signal that names no day to rise to. `live` says whether a signal still is live.
    """

    rule: str
    fact: str
    verdict: Verdict
    because: list[ExplainedComparison]
    full: int
    points: int
    age_s: float | None
    half_life_s: float | None
    rises_s: float | None = None
    ends_s: float | None = None
    strong: bool = False
    live: bool | None = None


class GradeExplanation(Struct, frozen=True):
    """How points became a grade. `held`: they are below its floor, but not by more than the hysteresis."""

    points: int
    grade: str
    held: bool
    hysteresis: int
    floors: dict[str, int]


class ScoreExplanation(Struct, frozen=True):
    """A score under one version of the policy.

    The points of `facts` and of `lines` sum to the intent. `lines` are the caps; where the signals of the
    account are not at hand, also what these gave. `uncounted` are types that no rule is on. `qualified` is
    what decided on the account as a whole.
    """

    policy_version: str
    at: datetime
    markets: list[RuleExplanation]
    segments: list[SegmentExplanation]
    facts: list[FactExplanation]
    lines: list[ScoreLine]
    uncounted: list[str]
    fit_grade: GradeExplanation
    intent_grade: GradeExplanation
    bands: list[RuleExplanation]
    qualified: RuleExplanation | None


def explain_scored(data: LeadScoredV1, policy: ScoringPolicy) -> ScoreExplanation:
    """Return why a scored lead has its score, as far as its event says what it was computed from.

    The event has the types of the live signals but not the signals themselves, nor the grades held before. So
    the score is taken as recorded, and the bands are evaluated on that one.
    """
    view, score = data.account_view, data.score
    subject = ScoringSubject(data, data.activities, account=account_of_scored(data))
    facts = {
        **lead_facts(data, subject.account, data.occurred_at, policy),
        FactKeys.FIT: score.fit,
        FactKeys.INTENT: score.intent,
        FactKeys.TOTAL: score.total,
        FactKeys.FIT_GRADE: score.grade[:1],
        FactKeys.INTENT_GRADE: int(score.grade[1:]),
        FactKeys.GRADE: score.grade,
        FactKeys.SEGMENT: score.segment,
        FactKeys.SIGNALS_STRONG: data.signals.strong,
        FactKeys.SIGNALS_TYPES: data.signals.types,
    }
    recorded = ScoreResult(score, data.signals, score.grade[:1], score.grade[1:], facts, MatchedFacts())
    lines = [line for line in score.lines if line.points < 0 or line.part == "signal"]
    return explain_result(subject, recorded, data.occurred_at, policy, lines=lines, view=view)


def account_of_scored(data: LeadScoredV1) -> AccountReceivedV1 | None:
    """Return what the scorer knew of the account of a scored lead, None when nothing."""
    view = data.account_view
    # The view says False of an account about which data was received, and None of one that is unknown.
    if view.open_opportunity is None:
        return None
    return AccountReceivedV1(data.account, None, view.relation, view.owner, view.open_opportunity)


def explain_result(
    subject: ScoringSubject,
    result: ScoreResult,
    at: datetime,
    policy: ScoringPolicy,
    *,
    lines: list[ScoreLine],
    view: AccountView | None,
) -> ScoreExplanation:
    """Return the explanation of a result; `lines` are those that stand for no single fact."""
    facts, score, source = result.facts, result.score, policy.compiled
    types: set[str] = {activity.type for activity in subject.activities}
    types.update(signal.type for signal in subject.signals)
    qualified = None
    if source.qualified is not None and view is not None:
        verdict = source.qualified.explain({**facts, **account_facts(view)}, at)
        qualified = explained(RuleVerdict("qualified_when", verdict))
    return ScoreExplanation(
        policy_version=policy.version,
        at=at,
        markets=_rules(source.markets.explain(facts, at)),
        segments=[explain_segment(segment, facts, at, score.segment) for segment in source.segments],
        facts=[*explain_activities(subject, facts, at, policy), *explain_signals(subject, facts, at, policy)],
        lines=lines,
        uncounted=sorted(types - policy.intent_on.keys() - policy.signals_on.keys()),
        fit_grade=_grade(score.fit, result.fit_grade, policy.fit_floors, policy.hysteresis),
        intent_grade=_grade(score.intent, result.intent_grade, policy.intent_floors, policy.hysteresis),
        bands=_rules(source.bands.explain(facts, at)),
        qualified=qualified,
    )


def _rules(verdicts: Iterable[RuleVerdict]) -> list[RuleExplanation]:
    return [explained(verdict) for verdict in verdicts]


def explain_segment(
    segment: SegmentTables, facts: Facts, at: datetime, taken: str | None
) -> SegmentExplanation:
    """Return how the lead fits a segment; `taken` is the name of the segment that fits best."""
    disqualifier = segment.disqualify.first(facts, at)
    criteria = [
        explain_criterion(criterion.name, criterion.points_max, table, facts, at)
        for criterion, table in zip(segment.segment.criteria, segment.criteria, strict=True)
    ]
    return SegmentExplanation(
        segment=segment.segment.name,
        fit=0 if disqualifier else sum(criterion.points for criterion in criteria),
        taken=segment.segment.name == taken,
        disqualified=disqualifier.name if disqualifier else None,
        disqualify=_rules(segment.disqualify.explain(facts, at)),
        criteria=criteria,
    )


def explain_criterion(
    name: str, most: int, levels: FirstMatch[Level], facts: Facts, at: datetime
) -> CriterionExplanation:
    """Return the verdict of every level of a criterion; `most` is the most that the criterion gives."""
    reached = levels.first(facts, at)
    verdicts = zip(levels.rules, _rules(levels.explain(facts, at)), strict=True)
    return CriterionExplanation(
        criterion=name,
        points=reached.points if reached else 0,
        most=most,
        levels=[
            LevelExplanation(rule.outcome.points, verdict.verdict, verdict.because)
            for rule, verdict in verdicts
        ],
    )


def explain_activities(
    subject: ScoringSubject, facts: Facts, at: datetime, policy: ScoringPolicy
) -> Iterator[FactExplanation]:
    """Yield each activity under each rule on its type."""
    for activity in subject.activities:
        rules_on = policy.intent_on.get(activity.type)
        if rules_on is not None:
            verdicts = policy.compiled.intent[activity.type].explain(activity_facts(facts, activity), at)
            age = at - activity.at
            for rule, verdict in zip(rules_on.rules, verdicts, strict=True):
                yield _fact(rule, describe_fact(activity.type, activity.at), explained(verdict), age)


def explain_signals(
    subject: ScoringSubject, facts: Facts, at: datetime, policy: ScoringPolicy
) -> Iterator[FactExplanation]:
    """Yield each signal under each rule on its type."""
    for signal in subject.signals:
        rules_on = policy.signals_on.get(signal.type)
        if rules_on is not None:
            verdicts = policy.compiled.signals[signal.type].explain(signal_facts(facts, signal), at)
            for rule, verdict in zip(rules_on.rules, verdicts, strict=True):
                anchor = anchor_of(rule.rises, signal)
                age = None if anchor is None else at - anchor
                fact = _fact(rule, describe_fact(signal.type, signal.occurred_at), explained(verdict), age)
                expired = signal.expires_at is not None and at >= signal.expires_at
                yield replace(fact, strong=rule.strong, live=fact.points >= 1 and not expired)


def _fact(
    rule: CompiledIntentRule | CompiledSignalRule, fact: str, verdict: RuleExplanation, age: timedelta | None
) -> FactExplanation:
    counts = verdict.verdict == "matched" and age is not None
    rises = rule if isinstance(rule, CompiledSignalRule) and rule.rises is not None else None
    return FactExplanation(
        rule=rule.name,
        fact=fact,
        verdict=verdict.verdict,
        because=verdict.because,
        full=rule.points,
        points=rule.curve.points_at(age) if counts and age is not None else 0,
        age_s=_seconds(age),
        half_life_s=_seconds(rule.half_life),
        rises_s=_seconds(rises.rises) if rises else None,
        ends_s=_seconds(rises.ends) if rises else None,
    )


def _seconds(span: timedelta | None) -> float | None:
    return None if span is None else span.total_seconds()


def _grade(points: int, grade: str, floors: GradeFloors, hysteresis: int) -> GradeExplanation:
    by_name = dict(floors.grades)
    return GradeExplanation(points, grade, points < by_name[grade], hysteresis, by_name)
