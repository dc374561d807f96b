"""The outcomes that a lead may have: queue, motion and band, by the bounds of scoring and of routing.

Never too few: when there is one, it is certain. What the enricher does not know about (the account's people,
what triggers the routing) may be anything; the lead's activities, signals and owner are taken as given.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Final

from msgspec import Struct

from services.scorer.domain.bounds import HeldGrades, ScoringBounds
from services.scorer.domain.intent_bounds import IntentBounds
from services.scorer.policy import scoring_conditions, scoring_policy
from shared.lead.facts import ActiveOwner, owner_facts
from shared.lead.fields import FactKeys, Known, field_named
from shared.rules.bounds import ANY_VALUE, KnowledgeIndex, KnowledgeState, TableBounds, UnknownFields
from shared.rules.comparison import Truth
from shared.rules.compile import concluding
from shared.rules.equivalence_classes import ARBITRARY_TIME
from shared.rules.memo import Memo
from shared.rules.syntax import Facts

if TYPE_CHECKING:
    from shared.policy.compiled import CompiledPolicy
    from shared.policy.models import RoutingRule

CONTEXTS_MAX: Final = 256
"""How many contexts keep their bounds in memory."""


class RoutingOutcome(Struct, frozen=True):
    """Where a lead ends up. For a kept lead the queue is its owner's, and the motion is `kept`."""

    queue: str
    motion: str
    band: str


class LeadContext(Struct, frozen=True):
    """What does not depend on a lead's unknown fields: its owner, its intent, the grades it holds."""

    owner: ActiveOwner | None
    intent: IntentBounds
    held: HeldGrades = HeldGrades()


class OutcomeBounds:
    """Bounds the outcomes of leads under one version of the policy."""

    def __init__(self, policy: CompiledPolicy) -> None:
        self.deciding = [when for when in scoring_conditions(policy.policy) if when is not None]
        self.deciding += [rule.when for rule in policy.rules.rules]
        suppress = [rule.when for rule in policy.suppress.rules]
        self.index = KnowledgeIndex([*self.deciding, *suppress])
        self.scoring = ScoringBounds(scoring_policy(policy), self.index)
        self.routing_rules = tuple(rule.outcome for rule in policy.rules.rules)
        # By number: a model of the policy takes long to hash.
        self.possible_rules: TableBounds[frozenset[int]] = TableBounds(
            [rule.when for rule in policy.rules.rules],
            self.index,
            lambda reached: frozenset(number for number in reached if number is not None),
        )
        self._suppressed = TableBounds(suppress, self.index, lambda reached: None not in reached)
        self._lead_fields = [name for name in self.index.positions if _is_of_lead(name)]
        compares = [compare for name in self._lead_fields for compare in self.index.comparisons[name]]
        self._settled = concluding(compares, self._settled_state)
        self._contexts = Memo[LeadContext, ContextOutcomes](
            lambda context: ContextOutcomes(self, context), size=CONTEXTS_MAX
        )

    def state(self, facts: Facts, unknown: UnknownFields, at: datetime) -> KnowledgeState:
        """Return what is known of a lead. What is decided after enrichment may be anything."""
        state = list(self._settled(facts, at))
        for name, possible in unknown.items():
            if facts.get(name) is None:
                state[self.index.positions[name]] = self.index.unknown(name, possible, at)
        return state

    def in_context(self, context: LeadContext) -> ContextOutcomes:
        return self._contexts[context]

    def is_suppressed(self, state: KnowledgeState) -> bool:
        """Return whether a lead is certainly suppressed."""
        return self._suppressed(state)

    def _settled_state(self, truths: Sequence[Truth]) -> KnowledgeState:
        """Return the state of a lead without unknown fields, given what its comparisons come to."""
        state = [self.index.unknown(name, ANY_VALUE, ARBITRARY_TIME) for name in self.index.positions]
        start = 0
        for name in self._lead_fields:
            end = start + len(self.index.comparisons[name])
            state[self.index.positions[name]] = self.index.known_by_truths(name, truths[start:end])
            start = end
        return state


class ContextOutcomes:
    """Bounds the outcomes of leads that have the same context, whatever is known of their fields."""

    def __init__(self, bounds: OutcomeBounds, context: LeadContext) -> None:
        self._scores = bounds.scoring.lead_bounds(context.intent, context.held)
        self._possible_rules = bounds.possible_rules
        rules = bounds.routing_rules
        self._outcomes = Memo[tuple[frozenset[int], tuple[str, ...]], frozenset[RoutingOutcome]](
            lambda key: frozenset(
                routing_outcome(rules[number], band, context.owner) for number in key[0] for band in key[1]
            )
        )
        index, facts = bounds.index, owner_facts(context.owner)
        self._owner = [
            (index.positions[name], index.known(name, facts.get(name), ARBITRARY_TIME))
            for name in (FactKeys.OWNER_ACTIVE, FactKeys.OWNER_QUEUE, FactKeys.OWNER_ACCEPTED)
            if name in index.positions
        ]

    def possible(self, state: KnowledgeState) -> frozenset[RoutingOutcome]:
        """Return every outcome that is possible, and perhaps more; suppression aside."""
        state = state.copy()
        bands = self._scores.apply(state)
        for position, knowledge in self._owner:
            state[position] = knowledge
        return self._outcomes[self._possible_rules(state), bands]


def routing_outcome(rule: RoutingRule, band: str, owner: ActiveOwner | None) -> RoutingOutcome:
    """Return where a rule sends a lead of this band and owner."""
    if rule.keeps:
        return RoutingOutcome(owner.queue if owner else "", "kept", band)
    return RoutingOutcome(rule.queue, rule.motion, band)


def _is_of_lead(name: str) -> bool:
    """Return whether a field is among the facts of a lead before it is scored."""
    field = field_named(name)
    return field is not None and (bool(field.known & Known.LEAD) or name == FactKeys.REVISION)
