"""What may still become of a lead: whether a field left to buy can change queue, motion or band. Pure.

Of several owners that there may be, each is looked at by itself. What was found out about one lead holds for
every other that the rules cannot tell from it, and is remembered for a while.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from datetime import datetime
from typing import Any, Final, TypeVar

from services.enricher.domain.account_context import AccountContext
from services.enricher.domain.outcome_search import chance_of, is_certain, values_of
from services.enricher.domain.possible_outcomes import Case, Ending, endings
from services.enricher.domain.record import LeadRow
from services.scorer.domain.bounds import FOLLOWS, Ground, interest_bounds
from services.scorer.domain.from_policy import scoring_conditions, scoring_policy
from shared.lead.facts import fact_readers, facts_of
from shared.lead.fields import FactKeys, Known, field_named
from shared.policy.compiled import CompiledPolicy
from shared.rules.bounds import ANY_VALUE
from shared.rules.compile import concluding
from shared.rules.evaluate import Truth
from shared.rules.syntax import Compare, Condition, comparisons

_REMEMBERED_MAX: Final = 20_000

T = TypeVar("T")


class Outlook:
    """The endings that one version of the policy leaves open."""

    def __init__(self, policy: CompiledPolicy) -> None:
        self.policy = scoring_policy(policy)
        compares = _compared_in(_deciding(policy))
        seen = dict.fromkeys((*compares, *_compared_in(rule.when for rule in policy.suppress.rules)))
        self._asked = frozenset(each.field for each in compares)
        self._readers = fact_readers((each.field for each in seen), Known.LEAD)
        self._truths = concluding([each for each in seen if _is_of_lead(each)], tuple)
        self.values = values_of(self._asked, compares)
        self.settled: dict[Any, bool] = {}
        self.chances: dict[Any, float] = {}

    def matters(self, name: str) -> bool:
        """Tell whether any rule asks for a field, or for what follows from it."""
        return name in self._asked or not self._asked.isdisjoint(FOLLOWS.get(name, ()))

    def view(self, lead: LeadRow, context: AccountContext, buyable: Iterable[str], at: datetime) -> View:
        """Return what may become of a lead while the buyable fields, known or not, may be anything."""
        facts = facts_of(lead, context, self._readers)
        facts[FactKeys.REVISION] = lead.revision + 1
        opened = [*buyable]
        # What somebody said themselves does not follow from a title.
        opened += [each for name in opened for each in FOLLOWS.get(name, ()) if each not in lead.provenance]
        for name in opened:
            facts.pop(name, None)
        unsettled = {name: ANY_VALUE for name in opened if name in self._asked}
        ground = Ground(facts, unsettled, at, self.policy)
        return View(self, ground, _cases(lead, context, ground), self._truths(facts, at))


class View:
    """What may become of one lead. `truths` is how comparisons come out: a decision sees facts only so."""

    def __init__(
        self, outlook: Outlook, ground: Ground, cases: tuple[Case, ...], truths: tuple[Truth, ...]
    ) -> None:
        self._outlook = outlook
        self._ground = ground
        self._cases = cases
        self._seen = (truths, frozenset(ground.unsettled))

    def is_settled(self) -> bool:
        """Tell whether queue, motion and band are the same whatever the open fields turn out to be."""
        return all(map(self._is_certain, self._cases))

    def _is_certain(self, case: Case) -> bool:
        return _remembered(
            self._outlook.settled,
            (self._seen, case),
            lambda: is_certain(case, self._ground, self._outlook.values),
        )

    def chance(self, learnt: Iterable[str]) -> float:
        """Return how likely a lead is settled once `learnt`, some of the open fields, are known.

        From 0 to 1; every value that a rule tells from others is held to be equally likely.
        """
        values, unsettled = self._outlook.values, self._ground.unsettled
        following = (each for name in learnt for each in (name, *FOLLOWS.get(name, ())))
        names = tuple(each for each in following if each in unsettled and values[each] is not None)
        return _remembered(
            self._outlook.chances,
            (self._seen, self._cases, names),
            lambda: chance_of(self._cases, self._ground, values, names),
        )

    def endings(self) -> frozenset[Ending]:
        """Return every ending that is still possible, and perhaps more; being suppressed aside."""
        return frozenset().union(*(endings(case, self._ground) for case in self._cases))


def _cases(lead: LeadRow, context: AccountContext, ground: Ground) -> tuple[Case, ...]:
    """Return a case for each owner that there may be."""
    interest = interest_bounds((*lead.activities, *context.activities), context.signals, ground)
    before = context.grades_before
    fit_grade, intent_grade = (before[0], before[1:]) if before else (None, None)
    return tuple([Case(owner, interest, fit_grade, intent_grade) for owner in context.owners])


def _compared_in(conditions: Iterable[Condition]) -> list[Compare]:
    return list(dict.fromkeys(each for when in conditions for each in comparisons(when)))


def _deciding(policy: CompiledPolicy) -> Iterator[Condition]:
    """Yield every condition of the policy that decides about queue, motion or band."""
    yield from (when for when in scoring_conditions(policy.policy) if when is not None)
    yield from (rule.when for rule in policy.rules.rules)


def _is_of_lead(compare: Compare) -> bool:
    """Tell whether what is compared is among the facts of a lead, not what follows from them."""
    field = field_named(compare.field)
    return field is not None and (field.known == Known.LEAD or field.name == FactKeys.REVISION)


def _remembered(memory: dict[Any, T], key: Any, found_out: Callable[[], T]) -> T:
    known = memory.get(key)
    if known is None:
        if len(memory) >= _REMEMBERED_MAX:
            memory.clear()
        known = memory[key] = found_out()
    return known
