"""The syntax tree of conditions, and the rules that are made of them.

`parse` makes a tree of a policy file. It is compiled (`compile`), evaluated with an explanation (`evaluate`),
bounded (`bounds`) and linted (`lint`), all with this meaning:

Three-valued logic (Kleene): a comparison on a missing field is unknown, `None`. `AllOf` is false when a
part is false, else unknown when a part is unknown. `AnyOf` is true when a part is true, else unknown when a
part is unknown. `Not` of unknown is unknown. A rule matches when its condition is true. `exists` and
`missing` are never unknown.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Generic, TypeVar

from shared.rules.operators import Op
from shared.rules.times import Duration

T_co = TypeVar("T_co", covariant=True)

Facts = Mapping[str, Any]
"""The known values by dotted field name; a field that is absent or `None` is missing. Text keeps its case.

Integers, booleans and texts are of these types, a set is any collection of texts, a time an aware datetime.
"""

Value = str | int | bool | datetime | Duration | tuple[str, ...] | tuple[int, ...] | tuple[datetime, ...]


class Condition:
    """Any node of the tree."""

    __slots__ = ()


@dataclass(frozen=True, slots=True)
class Compare(Condition):
    """Compares one field with one value, which is as in the policy file; text is compared without case.

    `true` does not equal `1`, because a field without a type is coerced to the type of the value.
    """

    field: str
    op: Op
    value: Value

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Compare):
            return NotImplemented
        same = (self.field, self.op, self.value) == (other.field, other.op, other.value)
        return same and _types(self.value) == _types(other.value)

    def __hash__(self) -> int:
        return hash((self.field, self.op, self.value))


@dataclass(frozen=True, slots=True)
class AllOf(Condition):
    parts: tuple[Condition, ...]


@dataclass(frozen=True, slots=True)
class AnyOf(Condition):
    parts: tuple[Condition, ...]


@dataclass(frozen=True, slots=True)
class Not(Condition):
    part: Condition


@dataclass(frozen=True, slots=True)
class Use(Condition):
    """A reference to a named condition of the file, with that condition."""

    name: str
    meaning: Condition


ALWAYS = AllOf(())
"""The condition of a rule without one: always true."""


@dataclass(frozen=True, slots=True)
class Rule(Generic[T_co]):
    """A condition, and the outcome when it is true."""

    name: str
    when: Condition
    outcome: T_co


def comparisons(condition: Condition) -> Iterator[Compare]:
    """Yield every comparison of a tree, in the order of the file."""
    match condition:
        case Compare():
            yield condition
        case AllOf(parts) | AnyOf(parts):
            for part in parts:
                yield from comparisons(part)
        case Not(part) | Use(_, part):
            yield from comparisons(part)


def canonical(condition: Condition) -> Any:
    """Return a condition as plain data, for hashes and diffs: the same for every spelling in a file."""
    match condition:
        case Compare(field, op, value):
            return {"field": field, op.value: _plain(value)}
        case AllOf(parts):
            return {"all": [canonical(part) for part in parts]}
        case AnyOf(parts):
            return {"any": [canonical(part) for part in parts]}
        case Not(part):
            return {"not": canonical(part)}
        case Use(name):
            return {"use": name}
    raise TypeError(f"not a condition: {condition!r}")


def _types(value: Value) -> list[type]:
    return [type(item) for item in value] if isinstance(value, tuple) else [type(value)]


def _plain(value: Value) -> Any:
    if isinstance(value, tuple):
        return [_plain(item) for item in value]
    if isinstance(value, datetime):
        return value.isoformat()
    if isinstance(value, Duration):
        return {"seconds": value.seconds, "business": value.business}
    return value
