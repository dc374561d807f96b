"""Binds a document's nodes to the models: checks the form, and remembers the position of every value.

The models say what is expected (`msgspec.inspect`), so that a key that is unknown, a value of another type
and a number out of range are all found here, in one walk that goes on after each of them.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any, Final, TypeVar

import msgspec
from msgspec import inspect

from shared.lead.fields import Known
from shared.policy.hours import Hours, parse_hours
from shared.rules.document import Entries, Items, Node, Scalar
from shared.rules.findings import FindingReport, Path, SourcePosition, did_you_mean, quoted
from shared.rules.parse import Named, read_condition, read_named
from shared.rules.syntax import Condition
from shared.rules.times import Duration, parse_duration
from shared.rules.values import InvalidValue

M = TypeVar("M", bound=msgspec.Struct)

SourcePositions = Mapping[Path, SourcePosition]
"""Where each value of a file begins."""

_NAMED: Final = "conditions"
_KEYS: Final = ("id", "name")
"""Fields by which the members of a list are told apart; none may be there twice."""


class _Invalid:
    """Stands for a value that is wrong; the report says why."""


_INVALID: Final = _Invalid()


@dataclass(frozen=True, slots=True)
class _Form:
    """What is expected of a value: its type without wrappers, and what the model adds to it."""

    type: inspect.Type
    optional: bool = False
    scope: Known | None = None
    one_or_more: bool = False
    business: bool = False


def bind(node: Node, model: type[M], report: FindingReport) -> tuple[M | None, SourcePositions]:
    """Return the model (`None` when anything is wrong) and the positions of its values."""
    before = report.errors
    named: Named = {}
    if isinstance(node, Entries) and _NAMED in _fields(model):
        _, conditions = node.entries.get(_NAMED, (None, None))
        named = read_named(conditions, (_NAMED,), report)
    binder = _Binder(report, named)
    value = binder.bind(node, _Form(inspect.type_info(model)), ())
    return (value if report.errors == before else None), binder.positions


@cache
def _fields(model: type[msgspec.Struct]) -> Mapping[str, inspect.Field]:
    info = inspect.type_info(model)
    return {field.encode_name: field for field in info.fields}  # type: ignore[attr-defined]


def _form(expected: inspect.Type) -> _Form:
    extra: dict[str, Any] = {}
    optional = False
    while isinstance(expected, inspect.Metadata | inspect.UnionType):
        if isinstance(expected, inspect.Metadata):
            extra |= expected.extra or {}
            expected = expected.type
        else:
            optional = True
            expected = next(each for each in expected.types if not isinstance(each, inspect.NoneType))
    return _Form(expected, optional, **extra)


class _Binder:
    def __init__(self, report: FindingReport, named: Named) -> None:
        self._report = report
        self._named = named
        self.positions: dict[Path, SourcePosition] = {}

    def bind(self, node: Node, form: _Form, path: Path) -> Any:  # noqa: PLR0911 - one for each form
        self.positions[path] = node.position
        if form.optional and isinstance(node, Scalar) and node.value is None:
            return None
        match form.type:
            case inspect.StructType():
                return self._struct(node, form.type, path)
            case inspect.VarTupleType():
                return self._tuple(node, form, path)
            case inspect.DictType():
                return self._mapping(node, form.type, path)
            case inspect.CustomType(cls) if cls is Condition:
                return self._condition(node, form.scope, path)
        try:
            return _scalar(node, form)
        except (InvalidValue, ValueError) as wrong:
            return self._wrong(node.position, path, str(wrong))

    def _wrong(self, position: SourcePosition, path: Path, message: str) -> Any:
        self._report.error(position, path, message)
        return _INVALID

    def _condition(self, node: Node, scope: Known | None, path: Path) -> Any:
        self._mark(node, path)
        if scope is None:  # one of the file's named conditions, read already
            return self._named.get(str(path[-1])) or _INVALID
        condition = read_condition(node, path, self._report, scope=scope, named=self._named)
        return condition or _INVALID

    def _mark(self, node: Node, path: Path) -> None:
        """Remember the positions of all that a condition is made of."""
        self.positions[path] = node.position
        if isinstance(node, Items):
            for at, item in enumerate(node.items):
                self._mark(item, (*path, at))
        elif isinstance(node, Entries):
            for key, (_, value) in node.entries.items():
                self._mark(value, (*path, key))

    def _struct(self, node: Node, expected: inspect.StructType, path: Path) -> Any:
        if not isinstance(node, Entries):
            return self._wrong(node.position, path, f"should be a mapping with {_listed(expected)}")
        fields = _fields(expected.cls)
        for key, (position, _) in node.entries.items():
            if key not in fields:
                meant = did_you_mean(key, fields) or f"; there are {', '.join(fields)}"
                self._report.error(position, (*path, key), f"unknown key {quoted(key)}{meant}")
        values: dict[str, Any] = {}
        complete = True
        for key, field in fields.items():
            if key in node.entries:
                values[field.name] = self.bind(node.entries[key][1], _form(field.type), (*path, key))
            elif field.required:
                self._report.error(node.position, path, f"{key} is missing")
                complete = False
        if not complete or any(value is _INVALID for value in values.values()):
            return _INVALID
        return expected.cls(**values)

    def _tuple(self, node: Node, form: _Form, path: Path) -> Any:
        expected = form.type
        if not isinstance(expected, inspect.VarTupleType):
            raise TypeError(f"not a list: {expected}")
        if form.one_or_more and isinstance(node, Scalar):
            node = Items((node,), node.position)
        if not isinstance(node, Items):
            return self._wrong(node.position, path, "should be a list")
        if not self._right_size(node, path, len(node.items), expected):
            return _INVALID
        inner = _form(expected.item_type)
        values = [self.bind(item, inner, (*path, at)) for at, item in enumerate(node.items)]
        self._check_once(node, values, path)
        return _INVALID if any(value is _INVALID for value in values) else tuple(values)

    def _check_once(self, node: Items, values: list[Any], path: Path) -> None:
        seen: dict[object, int] = {}
        for at, value in enumerate(values):
            key = next((key for key in _KEYS if hasattr(value, key)), None)
            word = getattr(value, key) if key else value
            if not isinstance(word, str):
                continue
            if word in seen:
                where = (*path, at, key) if key else (*path, at)
                line = node.items[seen[word]].position.line
                self._report.error(
                    self.positions[where], where, f"{quoted(word)} is there already, in line {line}"
                )
            seen[word] = at

    def _mapping(self, node: Node, expected: inspect.DictType, path: Path) -> Any:
        if not isinstance(node, Entries):
            return self._wrong(node.position, path, "should be a mapping of names")
        if not self._right_size(node, path, len(node.entries), expected):
            return _INVALID
        keys, inner = _form(expected.key_type), _form(expected.value_type)
        values: dict[str, Any] = {}
        for key, (position, value) in node.entries.items():
            self.bind(Scalar(key, key, position), keys, (*path, key))
            values[key] = self.bind(value, inner, (*path, key))
        return _INVALID if any(value is _INVALID for value in values.values()) else values

    def _right_size(
        self, node: Node, path: Path, size: int, expected: inspect.VarTupleType | inspect.DictType
    ) -> bool:
        least, most = expected.min_length or 0, expected.max_length
        if size < least:
            self._wrong(node.position, path, "should not be empty")
        elif most is not None and size > most:
            self._wrong(node.position, path, f"has {size:,} entries; {most:,} is the most")
        return size >= least and (most is None or size <= most)


def _scalar(node: Node, form: _Form) -> Any:
    """Return the value of a scalar; raises `InvalidValue` when it is not what is expected."""
    if not isinstance(node, Scalar):
        what = "a list" if isinstance(node, Items) else "a mapping"
        raise InvalidValue(f"should be one value, not {what}")
    match form.type:
        case inspect.BoolType():
            return _boolean(node)
        case inspect.IntType():
            return _integer(node, form.type)
        case inspect.StrType():
            return _string(node, form.type)
        case inspect.LiteralType(values):
            return _one_of(node, values)
        case inspect.DataclassType(cls) if cls in _PARSED:
            return _parsed(node, form, _PARSED[cls])
    raise TypeError(f"no value is read as {form.type}")


def _boolean(node: Scalar) -> bool:
    if not isinstance(node.value, bool):
        raise InvalidValue(f"should be true or false, not {quoted(node.text)}")
    return node.value


def _integer(node: Scalar, expected: inspect.IntType) -> int:
    if isinstance(node.value, bool) or not isinstance(node.value, int):
        raise InvalidValue(f"should be a whole number, not {quoted(node.text)}")
    low, high = expected.ge, expected.le
    if (low is not None and node.value < low) or (high is not None and node.value > high):
        raise InvalidValue(f"should be a whole number from {low:,} to {high:,}, not {node.text}")
    return node.value


def _string(node: Scalar, expected: inspect.StrType) -> str:
    if not isinstance(node.value, str):
        hint = f"; write '{node.text}' in quotes" if node.text else ""
        raise InvalidValue(f"should be text{hint}")
    text = node.value
    if len(text) < (expected.min_length or 0):
        raise InvalidValue("should not be empty")
    if expected.max_length is not None and len(text) > expected.max_length:
        raise InvalidValue(f"should have {expected.max_length:,} characters at most")
    if expected.pattern is not None and not re.search(expected.pattern, text):
        what = "upper case" if "A-Z_" in expected.pattern else "letters"
        raise InvalidValue(f"{quoted(text)} should be made of {what}, digits and few marks, without spaces")
    return text


def _one_of(node: Scalar, values: tuple[str | int | bool | None, ...]) -> Any:
    for value in values:
        if node.value == value and isinstance(node.value, type(value)):
            return value
    words = [str(value) for value in values]
    meant = did_you_mean(node.text, words) or f"; it is {' or '.join(words)}"
    raise InvalidValue(f"{quoted(node.text)} is not known here{meant}")


def _parsed(node: Scalar, form: _Form, parse: Callable[[str], Any]) -> Any:
    value = parse(node.text)
    if isinstance(value, Duration) and value.business and not form.business:
        raise InvalidValue("business time is for accept_within only; leave out business")
    return value


_PARSED: Final[Mapping[type, Callable[[str], Any]]] = {Duration: parse_duration, Hours: parse_hours}


def _listed(expected: inspect.StructType) -> str:
    return ", ".join(field.encode_name for field in expected.fields if field.required) or "known keys"
