"""Whether a subscription's filter can ever match: its paths and values against the types of the events. Pure.

A subscription whose filter matches nothing hears nothing, and nobody would tell. So at least one of its
events has to be able to match the whole filter; the others are left out.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import cache
from typing import Any, Final

import msgspec
from msgspec.inspect import (
    AnyType,
    BoolType,
    DictType,
    FloatType,
    IntType,
    LiteralType,
    NoneType,
    StrType,
    StructType,
    Type,
    UnionType,
)

from services.gateway.domain.subscriptions import SENT_EVENTS
from shared.errors import FieldProblem
from shared.rules.findings import did_you_mean
from shared.webhooks import EVERYTHING

_DEPTH_MAX: Final = 6


def filter_problems(events: Iterable[str], filter_: Mapping[str, Any]) -> list[FieldProblem]:
    """Return why a filter can match none of the events, with the pointer of each entry; empty if it can.

    They are the problems with the event that comes closest.
    """
    named = {*events}
    names = [
        name
        for name in sorted(SENT_EVENTS)
        if not named.isdisjoint((name, f"{name.partition('.')[0]}.*", EVERYTHING))
    ]
    problems = ([*_problems_with(name, filter_)] for name in names)
    return min(problems, key=len, default=[])


def _problems_with(event: str, filter_: Mapping[str, Any]) -> Iterator[FieldProblem]:
    paths = _paths_of(event)
    for path, value in filter_.items():
        pointer = f"/filter/{path.replace('~', '~0').replace('/', '~1')}"
        types = _types_at(SENT_EVENTS[event], path)
        if not types:
            yield FieldProblem(pointer, f"{event} has no {path[:100]}{did_you_mean(path, paths)}")
            continue
        for one in value if isinstance(value, list) else [value]:
            if not any(can_equal(type_, one) for type_ in types):
                yield FieldProblem(
                    pointer, f"{event} never has this value at {path}: {expected_values(types, one)}"
                )
                break


@cache
def _paths_of(event: str) -> tuple[str, ...]:
    """Return the paths of an event that a filter can compare."""

    def paths(types: Sequence[Type], prefix: str, depth: int) -> Iterator[str]:
        for type_ in types:
            if isinstance(type_, StructType) and depth < _DEPTH_MAX:
                for field in type_.fields:
                    yield from paths(_alternatives(field.type), f"{prefix}.{field.name}", depth + 1)
            elif isinstance(type_, StrType | BoolType | IntType | FloatType | LiteralType):
                yield prefix.removeprefix(".")

    return tuple(dict.fromkeys(paths([msgspec.inspect.type_info(SENT_EVENTS[event])], "", 0)))


def _types_at(model: type[msgspec.Struct], path: str) -> Sequence[Type]:
    """Return the types that the value at a path may have, none when there is no such path."""
    types: Sequence[Type] = [msgspec.inspect.type_info(model)]
    for name in path.split("."):
        inner: list[Type] = []
        for type_ in types:
            if isinstance(type_, StructType):
                inner += [
                    one for field in type_.fields if field.name == name for one in _alternatives(field.type)
                ]
            elif isinstance(type_, DictType):
                inner += [*_alternatives(type_.value_type), NoneType()]
        types = inner
    return types


def _alternatives(type_: Type) -> Sequence[Type]:
    return (
        [inner for one in type_.types for inner in _alternatives(one)]
        if isinstance(type_, UnionType)
        else [type_]
    )


def can_equal(type_: Type, value: Any) -> bool:
    """Tell whether a value of this type may equal the value of a filter."""
    if isinstance(type_, LiteralType):
        return value in type_.values
    if isinstance(type_, IntType | FloatType):
        is_number = isinstance(value, int | float) and not isinstance(value, bool)
        low, high = type_.ge, type_.le
        return is_number and (low is None or value >= low) and (high is None or value <= high)
    if isinstance(type_, NoneType):
        return value is None
    is_text = isinstance(type_, StrType) and isinstance(value, str)
    return is_text or (isinstance(type_, BoolType) and isinstance(value, bool)) or isinstance(type_, AnyType)


def expected_values(types: Sequence[Type], value: Any) -> str:
    """Return in words which values are there."""
    words = {str(one) for type_ in types if isinstance(type_, LiteralType) for one in type_.values}
    if words:
        return f"it is one of {', '.join(sorted(words))}{did_you_mean(str(value), words)}"
    kinds: Mapping[str, Sequence[type]] = {
        "a text": (StrType,),
        "true or false": (BoolType,),
        "a number in its bounds": (IntType, FloatType),
    }
    found = [name for name, kind in kinds.items() if not {*kind}.isdisjoint(map(type, types))]
    return f"it is {' or '.join(found)}" if found else "it is no single value that a filter compares"
