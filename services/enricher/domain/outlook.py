"""What may still become of a lead: whether a field left to buy can change queue, motion or band. Pure.

It bounds the scorer's and the router's decisions over what is not known, from the same policy, and never
finds too few endings: if it is one, it is certain. Whatever else decides (knowledge of the account, its
owner, its signals) is taken as it stands; of several owners that there may be, each is looked at by itself.
Suppression is not bought for: only what suppresses a lead for certain counts.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import product
from math import prod
from typing import Any, Final, NamedTuple

from msgspec import Struct

from services.enricher.domain.form import stated
from services.enricher.domain.interest import Bounds, Interest
from services.enricher.domain.record import LeadRow
from shared.events.parts import Activity
from shared.events.signal_received import SignalReceivedV1
from shared.facts import spam_score
from shared.policy.compiled import CompiledPolicy
from shared.policy.models import FitGrades, IntentGrades, RoutingRule
from shared.rules.bounds import ANYTHING, Open, Possible
from shared.rules.cells import NO_MATTER, axis_of, representatives
from shared.rules.fields import FactKeys, Known, field_named
from shared.rules.interpret import compared
from shared.rules.syntax import Compare, Condition, Facts, Rule, comparisons

LOOKS_MAX: Final = 400
"""Cases that are looked at before the answer is: cannot say, so buy."""

_SAMPLES: Final = 6
_COMPLETIONS_MAX: Final = 64
"""Ways that an answer may turn out, of which a chance is made; of more, so many are looked at."""
_GOLDEN_SECTION: Final = 0.618
_CHANCE_LOOKS_MAX: Final = 8
"""A chance need not be certain: what takes longer to find out counts as open."""
_REMEMBERED_MAX: Final = 20_000

_FOLLOWS: Final = {FactKeys.TITLE: (FactKeys.SENIORITY, FactKeys.DEPARTMENT)}
_ACCOUNT_OPEN: Final[Open] = dict.fromkeys(
    (
        FactKeys.PEOPLE,
        FactKeys.HIGH_INTENT_PEOPLE,
        FactKeys.MEDIUM_INTENT_PEOPLE,
        FactKeys.ROLES,
        FactKeys.SPIKE,
        FactKeys.BEST_FIT_GRADE,
        FactKeys.QUALIFIED,
        FactKeys.TRIGGER_KIND,
        FactKeys.TRIGGER_TYPE,
    ),
    ANYTHING,
)


class Owner(Struct, frozen=True):
    """An active owner: of the lead itself (then it may be accepted) or of its account."""

    queue: str
    accepted: bool = False


class Standing(Struct, frozen=True):
    """What others know about the lead and its account. Each of `owners` may turn out to be the active one.

    `grades_before` are the grades that the lead was last given; for a new lead, none.
    """

    relation: str = "none"
    open_opportunity: bool | None = None
    owners: tuple[Owner | None, ...] = (None,)
    signals: tuple[SignalReceivedV1, ...] = ()
    activities: tuple[Activity, ...] = ()
    grades_before: str | None = None


class Ending(Struct, frozen=True):
    """Where a lead may end up."""

    queue: str
    motion: str
    band: str


class _Case(NamedTuple):
    """What is the same in every completion of the facts about a lead."""

    owner: Owner | None
    intent: Bounds
    strong: tuple[bool, ...]
    has_signals: bool
    grades_before: str | None


class Outlook:
    """The endings that one version of the policy leaves open. Remembers what it found out lately."""

    def __init__(self, policy: CompiledPolicy) -> None:
        self._policy = policy
        conditions = tuple(_conditions(policy))
        compares = list(dict.fromkeys(each for when in conditions for each in comparisons(when)))
        self._asked = frozenset(each.field for each in compares)
        suppressing = (each for rule in policy.suppress.rules for each in comparisons(rule.when))
        seen = dict.fromkeys((*compares, *suppressing))
        self._of_lead = tuple(each for each in seen if _known_of_lead(each))
        self._cases = {name: _cases_of(name, compares) for name in self._asked}
        self._settled: dict[Any, bool] = {}
        self._chances: dict[Any, float] = {}

    def matters(self, name: str) -> bool:
        """Tell whether any rule asks for a field, or for what follows from it."""
        return not self._asked.isdisjoint((name, *_FOLLOWS.get(name, ())))

    def is_settled(self, lead: LeadRow, standing: Standing, buyable: Iterable[str], at: datetime) -> bool:
        """Tell whether queue, motion and band are the same whatever the buyable fields turn out to be."""
        facts, unsettled = self._split(lead, standing, buyable)
        truths = self._truths(facts, at)
        for case in self._cases_for(lead, standing, facts, unsettled, at):
            key = (truths, case, frozenset(unsettled))
            settled = self._settled.get(key)
            if settled is None:
                settled = self._look(case, facts, unsettled, at)
                _remember(self._settled, key, settled)
            if not settled:
                return False
        return True

    def chance(
        self,
        lead: LeadRow,
        standing: Standing,
        buyable: Iterable[str],
        learnt: Iterable[str],
        at: datetime,
    ) -> float:
        """Return how likely a lead is settled once `learnt`, some of the buyable fields, are known.

        From 0 to 1; every value that a rule tells from others is held to be equally likely.
        """
        facts, unsettled = self._split(lead, standing, buyable)
        names = tuple(
            each
            for name in learnt
            for each in (name, *_FOLLOWS.get(name, ()))
            if each in unsettled and self._cases[each] is not None
        )
        cases = tuple(self._cases_for(lead, standing, facts, unsettled, at))
        key = (self._truths(facts, at), cases, frozenset(unsettled), names)
        chance = self._chances.get(key)
        if chance is None:
            rest = {name: each for name, each in unsettled.items() if name not in names}
            ends = [
                all(self._look(case, {**facts, **known}, rest, at, _CHANCE_LOOKS_MAX) for case in cases)
                for known in self._completions(names)
            ]
            chance = sum(ends) / len(ends)
            _remember(self._chances, key, chance)
        return chance

    def endings(
        self, lead: LeadRow, standing: Standing, buyable: Iterable[str], at: datetime
    ) -> frozenset[Ending]:
        """Return every ending that is still possible, and perhaps more; being suppressed aside."""
        facts, unsettled = self._split(lead, standing, buyable)
        return frozenset(
            ending
            for case in self._cases_for(lead, standing, facts, unsettled, at)
            for ending in _Decision(self._policy, case, at).endings(facts, unsettled)
        )

    def _completions(self, names: Sequence[str]) -> list[dict[str, Any]]:
        """Return the ways that fields may turn out, when each has a value."""
        axes = [[value for value in self._cases[name] or () if value is not None] for name in names]
        combinations = prod(map(len, axes))
        if combinations <= _COMPLETIONS_MAX:
            return [dict(zip(names, values, strict=True)) for values in product(*axes)]
        # Steps of the golden section spread a few places evenly over many, on every axis.
        step = int(combinations * _GOLDEN_SECTION) | 1
        places = (number * step % combinations for number in range(_COMPLETIONS_MAX))
        return [dict(zip(names, _combination(axes, place), strict=True)) for place in places]

    def _truths(self, facts: Facts, at: datetime) -> tuple[bool | None, ...]:
        """Return how the comparisons come out: a decision sees facts only through them.

        Where these agree, so does what may become of a lead.
        """
        return tuple(compared(each, facts.get(each.field), at) for each in self._of_lead)

    def _look(
        self, case: _Case, facts: Facts, unsettled: Open, at: datetime, looks_max: int = LOOKS_MAX
    ) -> bool:
        if None not in self._policy.suppress.possible(facts, unsettled, at):
            return True
        looks = _Looks(_Decision(self._policy, case, at), self._cases, looks_max)
        names = [name for name in unsettled if self._cases[name] is not None]
        return not looks.differ(facts, names) and looks.agree(facts, unsettled, names)

    def _split(
        self, lead: LeadRow, standing: Standing, buyable: Iterable[str]
    ) -> tuple[dict[str, Any], dict[str, Possible]]:
        """Return what is known for good, and what is open; a value that may be bought better is open too."""
        bought = list(buyable)
        follow = [each for name in bought for each in _FOLLOWS.get(name, ()) if each not in lead.provenance]
        facts = lead_facts(lead, standing)
        for name in (*bought, *follow):
            facts.pop(name, None)
        return facts, {name: ANYTHING for name in dict.fromkeys((*bought, *follow)) if name in self._asked}

    def _cases_for(
        self, lead: LeadRow, standing: Standing, facts: Facts, unsettled: Open, at: datetime
    ) -> Iterator[_Case]:
        """Yield a case for each owner that there may be."""
        interest = Interest(self._policy, facts, unsettled, at)
        intent = interest.intent((*lead.activities, *standing.activities), standing.signals)
        strong = interest.strong(standing.signals)
        for owner in standing.owners:
            yield _Case(owner, intent, strong, bool(standing.signals), standing.grades_before)


class _Looks:
    """Looks at case after case, field by field, until two endings are found or one is certain."""

    def __init__(
        self, decision: _Decision, cases: Mapping[str, Sequence[Any] | None], looks_max: int
    ) -> None:
        self._decision = decision
        self._cases = cases
        self._left = looks_max
        self._found: set[Ending] = set()

    def differ(self, facts: Facts, names: Sequence[str]) -> bool:
        """Tell whether a few completions, far apart, end differently already: most that are open do."""
        for turn in range(_SAMPLES):
            picked = {
                name: cases[turn * len(cases) // _SAMPLES] for name in names if (cases := self._cases[name])
            }
            known = {name: value for name, value in picked.items() if value is not None}
            self._found |= self._decision.endings({**facts, **known}, {})
            if len(self._found) > 1:
                return True
        return False

    def agree(self, facts: Facts, unsettled: Open, names: Sequence[str]) -> bool:
        """Tell whether all completions end the same; false also when that takes too long to find out."""
        self._left -= 1
        endings = self._decision.endings(facts, unsettled)
        if len(endings) == 1:
            self._found |= endings
            return len(self._found) == 1
        if not names or self._left <= 0:
            return False
        name, *rest = names
        others = {other: each for other, each in unsettled.items() if other != name}
        cases = self._cases[name] or (None,)
        return all(
            self.agree(facts if value is None else {**facts, name: value}, others, rest) for value in cases
        )


@dataclass(frozen=True, slots=True)
class _Decision:
    """The decisions of the scorer and the router about one case, over facts and what is open."""

    policy: CompiledPolicy
    case: _Case
    at: datetime

    def endings(self, facts: Facts, unsettled: Open) -> frozenset[Ending]:
        facts, unsettled = _with({**facts, **_owner_facts(self.case.owner)}, unsettled, {})
        facts, unsettled = _with(facts, unsettled, self._market(facts, unsettled))
        facts, unsettled = _with(facts, unsettled, self._scores(self._fit(facts, unsettled)))
        bands = [band.band for band in self.policy.bands.possible(facts, unsettled, self.at) if band]
        named = {**_ACCOUNT_OPEN, FactKeys.BAND: Possible(tuple(dict.fromkeys(bands)), missing=False)}
        facts, unsettled = _with(facts, unsettled, named)
        rules = [rule for rule in self.policy.rules.possible(facts, unsettled, self.at) if rule]
        return frozenset(self._ending(rule, band) for rule in rules for band in bands)

    def _market(self, facts: Facts, unsettled: Open) -> dict[str, Possible]:
        markets = self.policy.markets.possible(facts, unsettled, self.at)
        named, missing = [market for market in markets if market is not None], None in markets
        if not named:
            return {}
        validated = tuple(dict.fromkeys(market.validated for market in named))
        return {
            FactKeys.MARKET: Possible(tuple(market.name for market in named), missing=missing),
            FactKeys.MARKET_VALIDATED: Possible(validated, missing=missing),
        }

    def _fit(self, facts: Facts, unsettled: Open) -> Bounds:
        fits = [segment.fit_bounds(facts, unsettled, self.at) for segment in self.policy.segments]
        return Bounds(max(low for low, _ in fits), max(high for _, high in fits))

    def _scores(self, fit: Bounds) -> dict[str, Possible]:
        grades = self.policy.policy.scoring.grades
        before, intent = self.case.grades_before, self.case.intent
        fit_grades = _grades(grades.fit, fit, before and before[0], grades.hysteresis)
        intent_grades = _grades(grades.intent, intent, before and before[1:], grades.hysteresis)
        total = Bounds(*(self._total(one, other) for one, other in zip(fit, intent, strict=True)))
        segments = tuple(segment.segment.name for segment in self.policy.segments)
        return {
            FactKeys.FIT: fit.possible,
            FactKeys.INTENT: intent.possible,
            FactKeys.TOTAL: total.possible,
            FactKeys.FIT_GRADE: Possible(fit_grades, missing=False),
            FactKeys.INTENT_GRADE: Possible(tuple(map(int, intent_grades)), missing=False),
            FactKeys.GRADE: Possible(tuple(map("".join, product(fit_grades, intent_grades))), missing=False),
            FactKeys.SEGMENT: Possible(segments),
            FactKeys.SIGNALS_STRONG: Possible(self.case.strong, missing=False),
            FactKeys.SIGNALS_TYPES: ANYTHING if self.case.has_signals else Possible(((),), missing=False),
        }

    def _total(self, fit: int, intent: int) -> int:
        shares = self.policy.policy.scoring.total
        return (fit * shares.fit + intent * shares.intent + 50) // 100

    def _ending(self, rule: RoutingRule, band: str) -> Ending:
        if rule.keeps:
            return Ending(self.case.owner.queue if self.case.owner else "", "kept", band)
        return Ending(rule.queue, rule.motion, band)


def lead_facts(lead: LeadRow, standing: Standing) -> dict[str, Any]:
    """Return what is known of a lead and its account, by the names of the policy's fields."""
    person, company = stated(lead.person), stated(lead.company)
    facts: dict[str, Any] = {f"person.{name}": value for name, value in person.items()}
    facts |= {f"company.{name}": value for name, value in company.items()}
    if lead.person.email:
        facts[FactKeys.EMAIL_DOMAIN] = lead.person.email.rpartition("@")[2]
    spam = spam_score(lead.message, lead.person.first_name, lead.person.last_name).score
    facts |= {
        FactKeys.CHANNEL: lead.source.channel,
        FactKeys.SOURCE_NAME: lead.source.name,
        FactKeys.CAMPAIGN: lead.source.campaign,
        **{f"{FactKeys.UTM}{name}": text for name, text in lead.source.utm.items()},
        FactKeys.MESSAGE: lead.message,
        **{f"{FactKeys.ANSWERS}{name}": answer for name, answer in lead.answers.items()},
        FactKeys.MARKETING: lead.consent.marketing,
        FactKeys.OPTED_OUT: lead.consent.opted_out,
        FactKeys.SPAM_SCORE: spam,
        FactKeys.RELATION: standing.relation,
        FactKeys.OPEN_OPPORTUNITY: standing.open_opportunity,
        FactKeys.REVISION: lead.revision + 1,
    }
    return {name: value for name, value in facts.items() if value is not None}


def _remember(memory: dict[Any, Any], key: Any, found: object) -> None:
    if len(memory) >= _REMEMBERED_MAX:
        memory.clear()
    memory[key] = found


def _with(facts: Facts, unsettled: Open, more: Open) -> tuple[Facts, Open]:
    """Add what follows from what is known: as a fact if it can be one thing only, else as open."""
    values = {name: each.values for name, each in more.items() if not each.missing}
    certain = {name: only[0] for name, only in values.items() if only is not None and len(only) == 1}
    left = {name: each for name, each in more.items() if name not in certain}
    return {**facts, **certain}, {**unsettled, **left}


def _owner_facts(owner: Owner | None) -> dict[str, Any]:
    if owner is None:
        return {FactKeys.OWNER_ACTIVE: False, FactKeys.OWNER_ACCEPTED: False}
    return {
        FactKeys.OWNER_ACTIVE: True,
        FactKeys.OWNER_QUEUE: owner.queue,
        FactKeys.OWNER_ACCEPTED: owner.accepted,
    }


def _grades(
    floors: FitGrades | IntentGrades, points: Bounds, before: str | None, hysteresis: int
) -> tuple[str, ...]:
    """Return the grades that points within the bounds may get; one held before is left later."""
    names = [name for name, _floor in floors.floors]
    first = names.index(_grade(floors, points.high, before, hysteresis))
    last = names.index(_grade(floors, points.low, before, hysteresis))
    return tuple(names[first : last + 1])


def _grade(floors: FitGrades | IntentGrades, points: int, before: str | None, hysteresis: int) -> str:
    held = False
    for name, floor in floors.floors:
        held = held or name == before
        if points >= floor - (hysteresis if held else 0):
            return name
    return floors.floors[-1][0]


def _known_of_lead(compare: Compare) -> bool:
    field = field_named(compare.field)
    return field is not None and field.known == Known.LEAD


def _cases_of(name: str, compares: Iterable[Compare]) -> Sequence[Any] | None:
    """Return values that stand for all that a field may be (None: stays unknown), if finitely many do."""
    field, on_field = field_named(name), [each for each in compares if each.field == name]
    if field is None or any(isinstance(axis_of(each), Compare) for each in on_field):
        return None
    cells = {
        tuple(compared(compare, value, NO_MATTER) for compare in on_field): value
        for value in representatives(field, on_field)
    }
    return (*cells.values(), None)


def _conditions(policy: CompiledPolicy) -> Iterator[Condition]:
    """Yield every condition of the policy that decides about queue, motion or band."""
    tables: list[Sequence[Rule[Any]]] = [policy.markets.rules, policy.bands.rules, policy.rules.rules]
    for segment in policy.segments:
        tables.append(segment.disqualify.rules)
        tables += [criterion.rules for criterion in segment.criteria]
    tables += [table.rules for table in policy.intent.values()]
    tables += [table.rules for table in policy.signals.values()]
    for table in tables:
        yield from (rule.when for rule in table)


def _combination(axes: Sequence[Sequence[Any]], place: int) -> list[Any]:
    """Return the combination at a place in the order of `product(*axes)`, counted from its other end."""
    values: list[Any] = []
    for axis in axes:
        place, index = divmod(place, len(axis))
        values.append(axis[index])
    return values
