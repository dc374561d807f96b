"""The fields of an event, so that a condition can be parsed over them: derived from the types of its data."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Final

import msgspec
from msgspec.inspect import (
    AnyType,
    BoolType,
    DateTimeType,
    DictType,
    IntType,
    ListType,
    LiteralType,
    NoneType,
    StrType,
    StructType,
    Type,
    UnionType,
)

from shared.lead.fields import Field, Kind

_DEPTH_MAX: Final = 6
_KINDS: Final[Mapping[type[Type], Kind]] = {
    StrType: Kind.TEXT,
    LiteralType: Kind.WORD,
    IntType: Kind.INTEGER,
    BoolType: Kind.BOOLEAN,
    DateTimeType: Kind.TIME,
    AnyType: Kind.OPEN,
}
_NEVER_MISSING: Final = ""
"""The default of a field that every event has; only that there is one matters, no event is without it."""


class EventFields:
    """The fields that some events have, by dotted path; a mapping (`notes.*`) has one of every name."""

    def __init__(self, models: Iterable[type[msgspec.Struct]]) -> None:
        by_event = [_fields_of(model) for model in models]
        self._fields = {
            name: _joined([fields[name] for fields in by_event if name in fields], len(by_event))
            for name in dict.fromkeys(name for fields in by_event for name in fields)
        }

    def named(self, path: str) -> Field | None:
        """Return the field at a path, `None` when no event has it, or more than a single value there."""
        if (found := self._fields.get(path)) is not None:
            return None if found.family else found
        family, _, name = path.rpartition(".")
        found = self._fields.get(f"{family}.*") if name else None
        return None if found is None else replace(found, name=path)

    @property
    def paths(self) -> Sequence[str]:
        """The paths of all fields, that of a mapping as `notes.*`."""
        return [*self._fields]


def _fields_of(model: type[msgspec.Struct]) -> dict[str, Field]:
    by_name: dict[str, list[Field]] = {}
    for field in _fields([msgspec.inspect.type_info(model)], "", always=True, depth=0):
        by_name.setdefault(field.name, []).append(field)
    return {name: _joined(fields, len(fields)) for name, fields in by_name.items() if ".*." not in name}


def _fields(types: Sequence[Type], path: str, *, always: bool, depth: int) -> Iterator[Field]:
    """Yield the fields at and below a path; `always` says that every event has a value there."""
    for type_ in types:
        if isinstance(type_, StructType) and depth < _DEPTH_MAX:
            for inner in type_.fields:
                below = _alternatives(inner.type)
                there = always and inner.required and not any(isinstance(one, NoneType) for one in below)
                name = f"{path}.{inner.name}" if path else inner.name
                yield from _fields(below, name, always=there, depth=depth + 1)
        elif isinstance(type_, DictType):
            below = _alternatives(type_.value_type)
            yield from _fields(below, f"{path}.*", always=False, depth=depth + 1)
        elif isinstance(type_, ListType):
            if all(isinstance(item, StrType | LiteralType) for item in _alternatives(type_.item_type)):
                yield Field(path, Kind.SET)
        elif (kind := _KINDS.get(type(type_))) is not None:
            words = tuple(map(str, type_.values)) if isinstance(type_, LiteralType) else ()
            low, high = (type_.ge, type_.le) if isinstance(type_, IntType) else (None, None)
            default = _NEVER_MISSING if always else None
            yield Field(path, kind, words=words, low=low, high=high, default=default)


def _joined(fields: Sequence[Field], events: int) -> Field:
    """Return the field that takes what any of these takes, which are of one path in several events."""
    kinds = {field.kind for field in fields}
    if kinds == {Kind.WORD, Kind.TEXT}:
        kinds = {Kind.TEXT}
    lows, highs = [field.low for field in fields], [field.high for field in fields]
    is_always = len(fields) == events and all(field.default is not None for field in fields)
    return Field(
        fields[0].name,
        kinds.pop() if len(kinds) == 1 else Kind.OPEN,
        words=tuple(dict.fromkeys(word for field in fields for word in field.words)),
        low=None if None in lows else min(low for low in lows if low is not None),
        high=None if None in highs else max(high for high in highs if high is not None),
        default=_NEVER_MISSING if is_always else None,
    )


def _alternatives(type_: Type) -> Sequence[Type]:
    return (
        [inner for one in type_.types for inner in _alternatives(one)]
        if isinstance(type_, UnionType)
        else [type_]
    )
