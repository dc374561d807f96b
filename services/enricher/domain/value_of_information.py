"""The value of information: whether a field that could be bought can change queue, motion or band. Pure.

A lead that may have one of several owners is judged with each of them. A result is cached by what the rules
see of a lead, so that leads which the rules cannot tell apart share it.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from functools import partial
from typing import TYPE_CHECKING, Final

from services.enricher.domain.account_context import AccountContext
from services.enricher.domain.outcome_search import chance_of, is_certain, unknown_field
from services.enricher.domain.possible_outcomes import LeadContext, OutcomeBounds, RoutingOutcome
from services.enricher.domain.record import LeadRow
from services.scorer.domain.bounds import DERIVED_FIELDS, HeldGrades
from shared.lead.facts import fact_readers, facts_of
from shared.lead.fields import FactKeys, Known
from shared.resilience.lru import LruCache
from shared.rules.bounds import ANY_VALUE, FieldKnowledge, KnowledgeState
from shared.rules.syntax import comparisons

if TYPE_CHECKING:
    from shared.policy.compiled import CompiledPolicy

RESULTS_MAX: Final = 20_000
"""How many results each cache holds."""


_Key = tuple[tuple[FieldKnowledge, ...], tuple[str, ...]]
_CertainKey = tuple[_Key, LeadContext]
_ChanceKey = tuple[_Key, tuple[LeadContext, ...], tuple[str, ...]]


class OutcomeModel:
    """The outcomes that one version of the policy leaves possible. Made once for each version."""

    def __init__(self, policy: CompiledPolicy) -> None:
        self.bounds = OutcomeBounds(policy)
        self.policy = self.bounds.scoring.policy
        deciding = list(
            dict.fromkeys(compare for when in self.bounds.deciding for compare in comparisons(when))
        )
        fields = dict.fromkeys(compare.field for compare in deciding)
        self.unknown_fields = {name: unknown_field(name, deciding, self.bounds.index) for name in fields}
        self._readers = fact_readers(self.bounds.index.positions, Known.LEAD)
        self.certain = LruCache[_CertainKey, bool](RESULTS_MAX)
        self.chances = LruCache[_ChanceKey, float](RESULTS_MAX)

    def is_relevant(self, name: str) -> bool:
        """Return whether any rule that decides reads a field, or one that is derived from it."""
        return name in self.unknown_fields or any(
            derived in self.unknown_fields for derived in DERIVED_FIELDS.get(name, ())
        )

    def lead_outcomes(
        self, lead: LeadRow, account: AccountContext, buyable: Iterable[str], at: datetime
    ) -> LeadOutcomes:
        """Return what a lead may become while the buyable fields, known or not, may have any value."""
        facts = facts_of(lead, account, self._readers)
        facts[FactKeys.REVISION] = lead.revision + 1
        opened = [*buyable]
        # A seniority that somebody stated is not derived from a title.
        opened += [
            derived
            for name in opened
            for derived in DERIVED_FIELDS.get(name, ())
            if derived not in lead.provenance
        ]
        for name in opened:
            facts.pop(name, None)
        unknown = tuple(dict.fromkeys(name for name in opened if name in self.unknown_fields))
        by_name = dict.fromkeys(unknown, ANY_VALUE)
        intent = self.bounds.scoring.intent_bounds(
            (*lead.activities, *account.activities), account.signals, facts, by_name, at
        )
        held = account.grades_before
        grades = HeldGrades(held[0], held[1:]) if held else HeldGrades()
        contexts = tuple([LeadContext(owner, intent, grades) for owner in account.owners])
        return LeadOutcomes(self, self.bounds.state(facts, by_name, at), unknown, contexts)


class LeadOutcomes:
    """What one lead may become. `state` is what the rules see of its facts; `unknown` may have any value."""

    def __init__(
        self,
        model: OutcomeModel,
        state: KnowledgeState,
        unknown: tuple[str, ...],
        contexts: tuple[LeadContext, ...],
    ) -> None:
        self._model = model
        self._state = state
        self._unknown = {name: model.unknown_fields[name] for name in unknown}
        self._contexts = contexts
        self._key = (tuple(state), unknown)

    def is_settled(self) -> bool:
        """Return whether queue, motion and band are the same whatever the unknown fields turn out to be."""
        bounds, unknown = self._model.bounds, tuple(self._unknown.values())
        return all(
            self._model.certain.get_or_compute(
                (self._key, context),
                partial(is_certain, bounds, bounds.in_context(context), self._state, unknown),
            )
            for context in self._contexts
        )

    def chance(self, bought: Iterable[str]) -> float:
        """Return how likely the lead is settled once `bought`, some of the unknown fields, are known.

        From 0 to 1; all values of a field that the rules tell apart count as equally likely.
        """
        bounds = self._model.bounds
        with_derived = (field for name in bought for field in (name, *DERIVED_FIELDS.get(name, ())))
        names = tuple(
            name
            for name in with_derived
            if (field := self._unknown.get(name)) is not None and field.classes is not None
        )
        return self._model.chances.get_or_compute(
            (self._key, self._contexts, names),
            lambda: chance_of(
                bounds, list(map(bounds.in_context, self._contexts)), self._state, self._unknown, names
            ),
        )

    def possible(self) -> frozenset[RoutingOutcome]:
        """Return every outcome that is possible, and perhaps more; suppression aside."""
        bounds = self._model.bounds
        return frozenset().union(
            *(bounds.in_context(context).possible(self._state) for context in self._contexts)
        )
