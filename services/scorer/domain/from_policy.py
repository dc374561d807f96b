"""The scoring policy of a version of the policy: its conditions as functions, the accounts of its files."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import timedelta
from typing import Final, TypeVar

from services.scorer.domain.policy import (
    Band,
    Condition,
    Criterion,
    Disqualifier,
    Floors,
    IntentRule,
    Level,
    Market,
    R,
    RulesOn,
    ScoringPolicy,
    Segment,
    SignalRule,
)
from shared.lead.events.account_received import AccountReceivedV1, Relation
from shared.lead.events.parts import Activity
from shared.lead.facts import activity_facts, fact_readers
from shared.lead.fields import FactKeys, Known, field_named
from shared.lead.identity import account_key
from shared.policy import models
from shared.policy.compiled import CompiledPolicy, ages_asked, fields_asked
from shared.rules.compile import all_matches, check
from shared.rules.equivalence_classes import ARBITRARY_TIME
from shared.rules.memo import Memo
from shared.rules.syntax import ALWAYS, Rule
from shared.rules.syntax import Condition as Tree
from shared.rules.times import Duration

M = TypeVar("M", models.IntentRule, models.SignalRule)

_RELATIONS: Final[tuple[Relation, ...]] = ("target", "customer", "competitor", "partner")
_NO_TIME: Final = timedelta()
_PAGE: Final = frozenset({FactKeys.ACTIVITY_TYPE, FactKeys.ACTIVITY_PATH, FactKeys.ACTIVITY_URL})


class ScoringPolicies:
    """The scoring policy that is active now; each is made once."""

    def __init__(self, active: Callable[[], CompiledPolicy]) -> None:
        self._active = active
        self._made_of = active()
        self._made = scoring_policy(self._made_of)

    @property
    def current(self) -> ScoringPolicy:
        active = self._active()
        if active is not self._made_of:  # by identity: other accounts do not make another version
            self._made_of, self._made = active, scoring_policy(active)
        return self._made


def scoring_policy(compiled: CompiledPolicy) -> ScoringPolicy:
    """Return how a version of the policy scores."""
    icp, scoring = compiled.policy.icp, compiled.policy.scoring
    asked = tuple(scoring_conditions(compiled.policy))
    return ScoringPolicy(
        version=compiled.version,
        source=compiled,
        markets=tuple(Market(each.name, each.validated, check(each.when)) for each in icp.markets),
        segments=tuple(map(_segment, icp.segments)),
        intent_on=_by_type(scoring.intent.rules, _intent_rule, Known.ACTIVITY),
        signals_on=_by_type(scoring.intent.signals, _signal_rule, Known.SIGNAL),
        intent_cap=scoring.intent.cap,
        group_caps=scoring.intent.groups,
        fit_floors=Floors(scoring.grades.fit.floors),
        intent_floors=Floors(scoring.grades.intent.floors),
        hysteresis=scoring.grades.hysteresis,
        fit_share=scoring.total.fit,
        spike_people=scoring.accounts.spike.people,
        spike_within=scoring.accounts.spike.within.timedelta,
        qualified_when=compiled.qualified.holds if compiled.qualified else None,
        bands=tuple(Band(each.band, _unless_always(each.when)) for each in scoring.bands),
        bands_read=frozenset(fields_asked(*(each.when for each in scoring.bands))),
        ages=ages_asked(*asked),
        fact_readers=fact_readers(fields_asked(*asked, scoring.accounts.qualified_when), Known.LEAD),
        seeds=seeds_of(compiled.policy.accounts),
    )


def seeds_of(accounts: models.Accounts) -> Mapping[str, AccountReceivedV1]:
    """Return what the files say of accounts, by account key; for those of which nobody said anything else."""
    return {
        key: AccountReceivedV1(domain, relation=relation)
        for relation in _RELATIONS
        for domain in getattr(accounts, relation)
        if (key := account_key(domain, None, ""))
    }


def scoring_conditions(policy: models.Policy) -> Iterator[Tree | None]:
    """Yield every condition on which a lead's score, band or live signals depend."""
    yield from (market.when for market in policy.icp.markets)
    for segment in policy.icp.segments:
        yield from (each.when for each in segment.disqualify)
        yield from (level.when for criterion in segment.criteria for level in criterion.levels)
    yield from (rule.when for rule in policy.scoring.intent.rules)
    yield from (rule.when for rule in policy.scoring.intent.signals)
    yield from (band.when for band in policy.scoring.bands)


def _segment(segment: models.Segment) -> Segment:
    return Segment(
        name=segment.name,
        criteria=tuple(map(_criterion, segment.criteria)),
        disqualify=tuple(
            Disqualifier(each.name, check(each.when), fields_asked(each.when)) for each in segment.disqualify
        ),
    )


def _criterion(criterion: models.Criterion) -> Criterion:
    levels = criterion.levels
    return Criterion(
        name=criterion.name,
        levels=tuple(Level(each.points, check(each.when or ALWAYS)) for each in levels),
        fields=fields_asked(*(each.when for each in levels)),
    )


def _by_type(rules: Sequence[M], made: Callable[[M], R], own: Known) -> dict[str, RulesOn[R]]:
    """Return the rules by each type that they are on. `own`: what is known of an activity or signal only."""
    all_made = [(rule, made(rule)) for rule in rules]
    types = dict.fromkeys(type_ for rule in rules for type_ in rule.on)
    return {
        type_: _rules_on(type_, [(rule.when, mine) for rule, mine in all_made if type_ in rule.on], own)
        for type_ in types
    }


def _rules_on(type_: str, rules: Sequence[tuple[Tree | None, R]], own: Known) -> RulesOn[R]:
    all_rules = tuple(rule for _when, rule in rules)
    asked = fields_asked(*(when for when, _rule in rules))
    if not asked:
        return RulesOn(all_rules)
    matching = all_matches([Rule(rule.name, when or ALWAYS, rule) for when, rule in rules])

    def on_page(url: str | None) -> tuple[R, ...]:
        return matching(activity_facts({}, Activity(type_, ARBITRARY_TIME, url)), ARBITRARY_TIME)

    return RulesOn(
        rules=all_rules,
        matching=matching,
        of_lead=any(not _is_known(field, own) for field in asked),
        of_page=Memo(on_page) if _PAGE.issuperset(asked) else None,
    )


def _is_known(name: str, own: Known) -> bool:
    field = field_named(name)
    return field is not None and field.known == own


def _intent_rule(rule: models.IntentRule) -> IntentRule:
    return IntentRule(
        name=rule.name,
        points=rule.points,
        half_life=rule.half_life.timedelta,
        max=rule.max,
        group=rule.group,
    )


def _signal_rule(rule: models.SignalRule) -> SignalRule:
    return SignalRule(
        name=rule.name,
        points=rule.points,
        half_life=_span(rule.half_life),
        rises=_span(rule.rises),
        ends=_span(rule.ends) or _NO_TIME,
        strong=rule.strong,
    )


def _span(duration: Duration | None) -> timedelta | None:
    return None if duration is None else duration.timedelta


def _unless_always(condition: Tree | None) -> Condition | None:
    return None if condition is None else check(condition)
