"""Looks at how what is open may turn out, until two endings are found or one is certain. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from itertools import product
from math import prod
from typing import Any, Final

from services.enricher.domain.possible_outcomes import Case, Ending, endings, is_suppressed
from services.scorer.domain.bounds import Ground
from shared.lead.fields import field_named
from shared.rules.bounds import UnknownFields
from shared.rules.equivalence_classes import ARBITRARY_TIME, dimension_of, representatives
from shared.rules.evaluate import compared
from shared.rules.syntax import Compare, Facts

LOOKS_MAX: Final = 400
"""Cases that are looked at before the answer is: cannot say, so buy."""
CHANCE_LOOKS_MAX: Final = 8
"""A chance need not be certain: what takes longer to find out counts as open."""

_SAMPLES: Final = 6
_COMPLETIONS_MAX: Final = 64
"""Ways that an answer may turn out, of which a chance is made; of more, so many are looked at."""
_GOLDEN_SECTION: Final = 0.618

Values = Mapping[str, Sequence[Any] | None]
"""By field, values that stand for all that it may be (None: stays unknown), if finitely many do."""


def values_of(fields: Iterable[str], compares: Sequence[Compare]) -> Values:
    """Return the values of fields among which these comparisons tell apart."""
    return {name: _values(name, [each for each in compares if each.field == name]) for name in fields}


def _values(name: str, on_field: Sequence[Compare]) -> Sequence[Any] | None:
    field = field_named(name)
    if field is None or any(isinstance(dimension_of(each), Compare) for each in on_field):
        return None
    cells = {
        tuple(compared(compare, value, ARBITRARY_TIME) for compare in on_field): value
        for value in representatives(field, on_field)
    }
    return (*cells.values(), None)


def is_certain(case: Case, ground: Ground, values: Values, looks_max: int = LOOKS_MAX) -> bool:
    """Tell whether a lead ends the same however what is open turns out; false also when it takes too long.

    Suppression is not bought for: whom it meets for certain has one ending.
    """
    if is_suppressed(ground):
        return True
    looks = _Looks(case, ground, values, looks_max)
    names = [name for name in ground.unsettled if values[name] is not None]
    return not looks.differ(names) and looks.agree(ground.facts, ground.unsettled, names)


def chance_of(cases: Sequence[Case], ground: Ground, values: Values, names: Sequence[str]) -> float:
    """Return in which share of the ways that these fields may turn out the ending of all cases is certain."""
    rest = {name: each for name, each in ground.unsettled.items() if name not in names}
    ways = [Ground({**ground.facts, **way}, rest, ground.at, ground.policy) for way in _ways(names, values)]
    certain = [all(is_certain(case, way, values, CHANCE_LOOKS_MAX) for case in cases) for way in ways]
    return sum(certain) / len(certain)


class _Looks:
    """Looks at case after case, field by field."""

    def __init__(self, case: Case, ground: Ground, values: Values, looks_max: int) -> None:
        self._case = case
        self._ground = ground
        self._values = values
        self._left = looks_max
        self._found: set[Ending] = set()

    def differ(self, names: Sequence[str]) -> bool:
        """Tell whether a few completions, far apart, end differently already: most that are open do."""
        for turn in range(_SAMPLES):
            picked = {
                name: values[turn * len(values) // _SAMPLES]
                for name in names
                if (values := self._values[name])
            }
            known = {name: value for name, value in picked.items() if value is not None}
            self._found |= self._endings({**self._ground.facts, **known}, {})
            if len(self._found) > 1:
                return True
        return False

    def agree(self, facts: Facts, unsettled: UnknownFields, names: Sequence[str]) -> bool:
        """Tell whether all completions end the same; false also when that takes too long to find out."""
        self._left -= 1
        found = self._endings(facts, unsettled)
        if len(found) == 1:
            self._found |= found
            return len(self._found) == 1
        if not names or self._left <= 0:
            return False
        name, *rest = names
        others = {other: each for other, each in unsettled.items() if other != name}
        values = self._values[name] or (None,)
        return all(
            self.agree(facts if value is None else {**facts, name: value}, others, rest) for value in values
        )

    def _endings(self, facts: Facts, unsettled: UnknownFields) -> frozenset[Ending]:
        return endings(self._case, Ground(facts, unsettled, self._ground.at, self._ground.policy))


def _ways(names: Sequence[str], values: Values) -> list[dict[str, Any]]:
    """Return the ways that fields may turn out, when each has a value."""
    axes = [[value for value in values[name] or () if value is not None] for name in names]
    combinations = prod(map(len, axes))
    if combinations <= _COMPLETIONS_MAX:
        return [dict(zip(names, way, strict=True)) for way in product(*axes)]
    # Steps of the golden section spread a few places evenly over many, on every axis.
    step = int(combinations * _GOLDEN_SECTION) | 1
    places = (number * step % combinations for number in range(_COMPLETIONS_MAX))
    return [dict(zip(names, _combination(axes, place), strict=True)) for place in places]


def _combination(axes: Sequence[Sequence[Any]], place: int) -> list[Any]:
    """Return the combination at a place in the order of `product(*axes)`, counted from its other end."""
    values: list[Any] = []
    for axis in axes:
        place, index = divmod(place, len(axis))
        values.append(axis[index])
    return values
