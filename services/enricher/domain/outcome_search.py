"""Searches the values that unknown fields may have, until two outcomes are found or one is certain. Pure.

The bounds of an outcome treat some comparisons as independent that are not, so several possible outcomes need
not mean that the outcome is open. The search settles the unknown fields one by one, each to every value that
the rules tell apart, and bounds the outcome again. It is bounded itself: after `evaluations_max` bounds the
answer is "not certain", and the field is bought.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from itertools import product
from math import prod
from typing import Final, NamedTuple

from services.enricher.domain.possible_outcomes import ContextOutcomes, OutcomeBounds, RoutingOutcome
from shared.lead.fields import field_named
from shared.rules.bounds import FieldKnowledge, KnowledgeIndex, KnowledgeState
from shared.rules.comparison import compare_fact
from shared.rules.equivalence_classes import ARBITRARY_TIME, dimension_of, representatives
from shared.rules.syntax import Compare

EVALUATIONS_MAX: Final = 400
"""After so many bounds the outcome counts as uncertain, and the field is bought."""
CHANCE_EVALUATIONS_MAX: Final = 8
"""The same limit for a chance, which need not be exact."""

_SAMPLES: Final = 6
_COMPLETIONS_MAX: Final = 64
"""With more combinations of values than this, a chance is estimated from a sample of this size."""
_GOLDEN_SECTION: Final = 0.618


class UnknownField(NamedTuple):
    """What a field may turn out to be.

    `classes` has the knowledge for every value that the rules tell apart, that it stays missing last; it is
    None where no finite number of values stands for all. `position` is the field's in the index.
    """

    position: int
    missing: FieldKnowledge
    classes: Sequence[FieldKnowledge] | None


def unknown_field(name: str, compares: Iterable[Compare], index: KnowledgeIndex) -> UnknownField:
    """Return the classes of values of a field among which these comparisons tell."""
    field, own = field_named(name), [compare for compare in compares if compare.field == name]
    missing = index.known(name, None, ARBITRARY_TIME)
    if field is None or any(dimension_of(compare) == compare for compare in own):
        return UnknownField(index.positions[name], missing, None)
    by_truths = {
        tuple(compare_fact(compare, value, ARBITRARY_TIME) for compare in own): value
        for value in representatives(field, own)
    }
    classes = [index.known(name, value, ARBITRARY_TIME) for value in by_truths.values()]
    return UnknownField(index.positions[name], missing, [*classes, missing])


def is_certain(
    bounds: OutcomeBounds,
    context: ContextOutcomes,
    state: KnowledgeState,
    unknown: Sequence[UnknownField],
    evaluations_max: int = EVALUATIONS_MAX,
) -> bool:
    """Return whether the outcome is the same whatever the unknown fields turn out to be.

    False also when that takes too long to find out. Nothing is bought for a lead that is certainly
    suppressed, so its outcome counts as certain.
    """
    if bounds.is_suppressed(state):
        return True
    search = _OutcomeSearch(context, evaluations_max)
    with_classes = [field for field in unknown if field.classes is not None]
    return not search.samples_differ(state, unknown) and search.all_agree(state, with_classes)


def chance_of(
    bounds: OutcomeBounds,
    contexts: Sequence[ContextOutcomes],
    state: KnowledgeState,
    unknown: Mapping[str, UnknownField],
    names: Sequence[str],
) -> float:
    """Return in which share of the combinations of values of `names` every context has a certain outcome."""
    rest = [field for name, field in unknown.items() if name not in names]
    positions = [unknown[name].position for name in names]
    certain = 0
    completions = value_combinations([(unknown[name].classes or ())[:-1] for name in names])
    for values in completions:
        completed = state.copy()
        for position, knowledge in zip(positions, values, strict=True):
            completed[position] = knowledge
        certain += all(
            is_certain(bounds, context, completed, rest, CHANCE_EVALUATIONS_MAX) for context in contexts
        )
    return certain / len(completions)


class _OutcomeSearch:
    """Bounds outcomes for one value of an unknown field after the other."""

    def __init__(self, context: ContextOutcomes, evaluations_max: int) -> None:
        self._context = context
        self._evaluations_left = evaluations_max
        self._found: set[RoutingOutcome] = set()

    def samples_differ(self, state: KnowledgeState, unknown: Sequence[UnknownField]) -> bool:
        """Return whether a few completions, far apart, have several outcomes; most open leads end here."""
        for number in range(_SAMPLES):
            sample = state.copy()
            for position, missing, classes in unknown:
                sample[position] = classes[number * len(classes) // _SAMPLES] if classes else missing
            self._found |= self._context.possible(sample)
            if len(self._found) > 1:
                return True
        return False

    def all_agree(self, state: KnowledgeState, unknown: Sequence[UnknownField]) -> bool:
        """Return whether all completions have the same outcome; false also when that takes too long."""
        self._evaluations_left -= 1
        outcomes = self._context.possible(state)
        if len(outcomes) == 1:
            self._found |= outcomes
            return len(self._found) == 1
        if not unknown or self._evaluations_left <= 0:
            return False
        field, *rest = unknown
        for knowledge in field.classes or (field.missing,):
            completed = state.copy()
            completed[field.position] = knowledge
            if not self.all_agree(completed, rest):
                return False
        return True


def value_combinations(axes: Sequence[Sequence[FieldKnowledge]]) -> list[tuple[FieldKnowledge, ...]]:
    """Return the combinations of one value of each axis; of very many, some that are spread evenly."""
    count = prod(map(len, axes))
    if count <= _COMPLETIONS_MAX:
        return list(product(*axes))
    # Multiples of the golden section spread a few numbers evenly over many, on every axis.
    step = int(count * _GOLDEN_SECTION) | 1
    return [numbered_combination(axes, number * step % count) for number in range(_COMPLETIONS_MAX)]


def numbered_combination(axes: Sequence[Sequence[FieldKnowledge]], number: int) -> tuple[FieldKnowledge, ...]:
    """Return the combination with that number, the first axis varying fastest."""
    values: list[FieldKnowledge] = []
    for axis in axes:
        number, index = divmod(number, len(axis))
        values.append(axis[index])
    return tuple(values)
