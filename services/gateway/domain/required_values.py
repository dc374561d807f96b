"""What a filter requires of one field, by which those who may want an event are looked up. Pure."""

from __future__ import annotations

from collections.abc import Collection, Hashable
from itertools import chain
from typing import Any, Final, NamedTuple

from services.gateway.domain.event_filters import path_of, value_at
from shared.rules.coercion import Coercion, coerce
from shared.rules.comparison import coercion_of, comparand, truth_when_missing
from shared.rules.operators import Op
from shared.rules.syntax import AllOf, AnyOf, Compare, Condition

_LOOKED_UP: Final = frozenset({Coercion.OPEN_SET, Coercion.OPEN_INTEGER, Coercion.OPEN_BOOLEAN})
"""The coercions of equality whose results can be the keys of a dictionary."""


class CoercedField(NamedTuple):
    """A field of an event, by its path, and how its value is coerced before it is compared."""

    path: str
    coercion: Coercion

    def values_in(self, data: Any) -> Collection[Hashable]:
        """Return the values that the data of an event have there: none, one, or those of a list."""
        value = coerce(self.coercion, value_at(data, self.path))
        if value is None:
            return ()
        return value if isinstance(value, frozenset) else (value,)


class RequiredValues(NamedTuple):
    """A condition holds only where the field has one of the values; if they suffice, it then does."""

    field: CoercedField
    values: frozenset[Hashable]
    suffice: bool


def required_values(condition: Condition) -> list[RequiredValues]:
    """Return each field that must have one of some values for the condition to hold, empty for none."""
    match condition:
        case Compare(field, Op.EQ | Op.IN):
            coercion, value = coercion_of(condition), comparand(condition)
            if coercion not in _LOOKED_UP or truth_when_missing(condition) is True:
                return []
            values = frozenset(value if isinstance(value, frozenset | tuple) else (value,))
            return [RequiredValues(CoercedField(path_of(field), coercion), values, suffice=True)]
        case AllOf(parts):
            found = [required_values(part) for part in parts]
            return found[0] if len(parts) == 1 else [one._replace(suffice=False) for one in chain(*found)]
        case AnyOf(parts) if parts:
            found = [required_values(part) for part in parts]
            fields = {one.field for of_part in found for one in of_part}
            if len(fields) != 1 or not all(len(of_part) == 1 for of_part in found):
                return []
            every = [of_part[0] for of_part in found]
            values = frozenset(chain.from_iterable(one.values for one in every))
            return [RequiredValues(every[0].field, values, all(one.suffice for one in every))]
    return []
