"""The values of a policy's comparisons: their forms, and how they are parsed and prepared.

A `ValueForm` is one value, a list, a range, a pattern, an age or a flag. Single values are parsed by the
type of the field: a country is a country code, a word is one of the field's words.

    InvalidValue        the value of a comparison is wrong
    └── InvalidItem     one item of a list is wrong
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from operator import attrgetter
from typing import Any, Final

from shared.lead.fields import Field, Kind
from shared.rules.coercion import matcher
from shared.rules.document import Items, Node, Scalar
from shared.rules.findings import SourcePosition, did_you_mean, quoted
from shared.rules.times import DURATION_PATTERN, Duration, parse_duration

VALUES_MAX: Final = 2_000


class InvalidValue(Exception):
    """A value that the comparison does not take; the message says what it should be."""


class InvalidItem(InvalidValue):
    """An item of a list that the comparison does not take, with its position and index."""

    def __init__(self, position: SourcePosition, index: int, message: str) -> None:
        super().__init__(message)
        self.position = position
        self.index = index


@dataclass(frozen=True, slots=True)
class ValueTarget:
    """What a value is compared with: the operator's name and the field.

    `kind_of` returns the type as which a value is parsed: the field's, or if that is open the value's own.
    """

    operator: str
    field: Field
    kind_of: Callable[[Scalar], Kind]


@dataclass(frozen=True, slots=True)
class ValueForm:
    """The form of the value that an operator takes.

    schema: its JSON Schema, for editors.
    parse: returns the value of a node; raises `InvalidValue`.
    prepare: converts the (case-folded) value to what the operator compares with, such as a frozen set.
    """

    schema: Mapping[str, Any]
    parse: Callable[[Node, ValueTarget], Any]
    prepare: Callable[[Any], Any] = lambda value: value


def parse_one(node: Node, target: ValueTarget) -> Any:
    return parse_scalar(_scalar(node, target), target)


def parse_several(node: Node, target: ValueTarget) -> tuple[Any, ...]:
    return _list(node, target, f"{target.operator} takes a list of at least one value")


def parse_range(node: Node, target: ValueTarget) -> tuple[Any, ...]:
    takes = f"{target.operator} takes two values, [least, most]"
    ends = _list(node, target, takes)
    if len(ends) != 2:
        raise InvalidValue(takes)
    if ends[0] > ends[1]:
        raise InvalidValue(f"no value is between {ends[0]} and {ends[1]}; the lower one comes first")
    return ends


def parse_pattern(node: Node, target: ValueTarget) -> str:
    pattern = parse_text(target.field, _scalar(node, target))
    try:
        matcher(pattern)
    except ValueError as error:
        raise InvalidValue(str(error)) from None
    return pattern


def parse_age(node: Node, target: ValueTarget) -> Duration:
    try:
        duration = parse_duration(_scalar(node, target).text)
    except ValueError as error:
        raise InvalidValue(str(error)) from None
    if duration.business:
        raise InvalidValue("an age is not counted in business time")
    return duration


def parse_flag(node: Node, target: ValueTarget) -> bool:
    if not isinstance(node, Scalar) or not isinstance(node.value, bool):
        raise InvalidValue(f"{target.operator} takes true or false")
    if target.field.default is not None:
        raise InvalidValue(f"{target.field.name} is never missing")
    return node.value


def _scalar(node: Node, target: ValueTarget) -> Scalar:
    if not isinstance(node, Scalar):
        what = "a list" if isinstance(node, Items) else "a mapping"
        raise InvalidValue(f"{target.operator} takes one value, not {what}")
    return node


def _list(node: Node, target: ValueTarget, takes: str) -> tuple[Any, ...]:
    if not isinstance(node, Items) or not node.items:
        raise InvalidValue(takes)
    if len(node.items) > VALUES_MAX:
        raise InvalidValue(f"a list has {VALUES_MAX:,} values at most")
    values = []
    for index, item in enumerate(node.items):
        if not isinstance(item, Scalar):
            raise InvalidItem(item.position, index, "should be one value")
        try:
            values.append(parse_scalar(item, target))
        except InvalidValue as error:
            raise InvalidItem(item.position, index, str(error)) from None
    if len({type(value) for value in values}) > 1:
        raise InvalidValue("the values should be all text or all whole numbers")
    return tuple(values)


def parse_scalar(node: Scalar, target: ValueTarget) -> Any:
    """Return a single value of the type that the comparison needs; raises `InvalidValue`."""
    parse = _BY_KIND.get(target.kind_of(node), parse_text)
    return parse(target.field, node)


def parse_boolean(_field: Field, node: Scalar) -> bool:
    if not isinstance(node.value, bool):
        raise InvalidValue(f"should be true or false, not {quoted(node.text)}")
    return node.value


def parse_integer(field: Field, node: Scalar) -> int:
    """Return an integer within the bounds of the field."""
    if isinstance(node.value, bool) or not isinstance(node.value, int):
        raise InvalidValue(f"should be a whole number, not {quoted(node.text)}")
    if (field.low is not None and node.value < field.low) or (
        field.high is not None and node.value > field.high
    ):
        most = "" if field.high is None else f" to {field.high}"
        raise InvalidValue(f"{node.value} is out of range: {field.name} is {field.low}{most or ' or more'}")
    return node.value


def parse_text(_field: Field, node: Scalar) -> str:
    if not isinstance(node.value, str):
        raise InvalidValue(
            f"should be text; write '{node.text}' in quotes" if node.text else "should be text"
        )
    if not node.value.strip():
        raise InvalidValue("should not be empty")
    return node.value


def parse_word(field: Field, node: Scalar) -> str:
    """Return the word of the field that this is, ignoring case, in the spelling of the field."""
    text = parse_text(field, node)
    for word in field.words:
        if word.casefold() == text.casefold():
            return word
    suggestion = did_you_mean(text, field.words) or f"; it is one of {', '.join(field.words)}"
    raise InvalidValue(f"{field.name} is never {quoted(text)}{suggestion}")


def parse_country(field: Field, node: Scalar) -> str:
    """Return an ISO 3166 alpha-2 code in upper case; XK, which is not assigned, means Kosovo."""
    import pycountry  # imported here because it takes 70 ms, and few policies name countries

    text = parse_text(field, node)
    code = text.upper()
    if code != "XK" and pycountry.countries.get(alpha_2=code) is None:
        raise InvalidValue(f"{quoted(text)} is no country code (ISO 3166 alpha-2, such as US)")
    return code


def parse_time(_field: Field, node: Scalar) -> datetime:
    """Return an ISO 8601 date or time; without an offset it is in UTC."""
    try:
        moment = datetime.fromisoformat(node.text.strip())
    except ValueError:
        raise InvalidValue(f"should be a date or a time (2025-03-31), not {quoted(node.text)}") from None
    return moment if moment.utcoffset() is not None else moment.replace(tzinfo=UTC)


_BY_KIND: Final[Mapping[Kind, Callable[[Field, Scalar], Any]]] = {
    Kind.BOOLEAN: parse_boolean,
    Kind.INTEGER: parse_integer,
    Kind.TIME: parse_time,
    Kind.WORD: parse_word,
    Kind.COUNTRY: parse_country,
}
"""The parser of a single value by the type of its field; every other type is text."""

ONE_VALUE: Final = ValueForm({"type": ["string", "integer", "boolean"]}, parse_one)
SEVERAL_VALUES: Final = ValueForm(
    {"type": "array", "minItems": 1, "items": {"type": ["string", "integer"]}}, parse_several, frozenset
)
VALUE_RANGE: Final = ValueForm(
    {**SEVERAL_VALUES.schema, "minItems": 2, "maxItems": 2, "description": "both ends in"}, parse_range
)
PATTERN: Final = ValueForm(
    {"type": "string", "description": "an RE2 pattern, without case, anywhere in the text"},
    parse_pattern,
    matcher,
)
AGE: Final = ValueForm(
    {"type": "string", "pattern": DURATION_PATTERN, "description": "age of a time, such as 180d"},
    parse_age,
    attrgetter("timedelta"),
)
FLAG: Final = ValueForm({"type": "boolean"}, parse_flag)
"""True or false: whether the comparison is the operator itself, or its negation."""
