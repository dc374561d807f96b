"""The conditions of a policy as a frozen tree, and the rules that are made of them.

A tree is a condition of a policy that was read and checked (`parse`). It is compiled (`compile`), evaluated
with an explanation (`evaluate`), bounded (`bounds`) and linted (`lint`); all agree on the meaning given here.

Three-valued (Kleene): a comparison on a missing field is unknown, `None`; `AllOf` is false when a part is,
else unknown when a part is; `AnyOf` is true when a part is, else unknown when a part is; `Not` of unknown
is unknown. A rule matches when its condition is true. `exists` and `missing` are never unknown.
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
"""What is known, by dotted field name; what is absent or `None` is missing. Text keeps its own case.

Integers, booleans and texts are themselves, a set is any collection of texts, a time is an aware datetime.
"""

Value = str | int | bool | datetime | Duration | tuple[str, ...] | tuple[int, ...] | tuple[datetime, ...]


class Condition:
    """Any node of the tree."""

    __slots__ = ()


@dataclass(frozen=True, slots=True)
class Compare(Condition):
    """One field against one value. The value is as the policy has it; text is compared without case.

    `true` is not `1`: an undeclared field is read by the type of what it is compared with.
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
    """A condition that the file names, and what it means."""

    name: str
    meaning: Condition


ALWAYS = AllOf(())
"""The condition of a rule that has none."""


@dataclass(frozen=True, slots=True)
class Rule(Generic[T_co]):
    """A condition and what follows from it."""

    name: str
    when: Condition
    outcome: T_co


def comparisons(condition: Condition) -> Iterator[Compare]:
    """Yield every comparison of a tree, in the order in which it is written."""
    match condition:
        case Compare():
            yield condition
        case AllOf(parts) | AnyOf(parts):
            for part in parts:
                yield from comparisons(part)
        case Not(part) | Use(_, part):
            yield from comparisons(part)


def canonical(condition: Condition) -> Any:
    """Return a condition as plain data in which only its meaning is left, the same for every spelling."""
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
    return [type(each) for each in value] if isinstance(value, tuple) else [type(value)]


def _plain(value: Value) -> Any:
    if isinstance(value, tuple):
        return [_plain(each) for each in value]
    if isinstance(value, datetime):
        return value.isoformat()
    if isinstance(value, Duration):
        return {"seconds": value.seconds, "business": value.business}
    return value
