"""Which operators a field of each type takes, and what may stand on the policy's side of a comparison."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any, Final

from shared.lead.fields import Field, Kind
from shared.rules.coercion import matcher
from shared.rules.document import Items, Node, Scalar
from shared.rules.findings import SourcePosition, did_you_mean, quoted
from shared.rules.syntax import EQUALITY, MEMBERSHIP, ORDER, PRESENCE, Compare, Op
from shared.rules.times import parse_duration

VALUES_MAX: Final = 2_000

_TEXTUAL: Final = MEMBERSHIP | {Op.STARTS_WITH, Op.ENDS_WITH, Op.MATCHES}
_LISTS: Final = {Op.IN, Op.NOT_IN, Op.CONTAINS_ANY, Op.CONTAINS_ALL, Op.BETWEEN}

OPERATORS: Final[Mapping[Kind, frozenset[Op]]] = {
    Kind.TEXT: EQUALITY | _TEXTUAL | PRESENCE,
    Kind.WORD: EQUALITY | PRESENCE,
    Kind.COUNTRY: EQUALITY | PRESENCE,
    Kind.INTEGER: EQUALITY | ORDER | PRESENCE,
    Kind.BOOLEAN: PRESENCE | {Op.EQ, Op.NE},
    Kind.SET: MEMBERSHIP | PRESENCE,
    Kind.TIME: ORDER | PRESENCE | {Op.WITHIN},
    Kind.OPEN: frozenset(Op),
}
"""Which operators a field of each kind takes."""


class InvalidValue(Exception):
    """A value is not what it should be; the message says what."""


class InvalidItem(InvalidValue):
    """One value of a list is wrong."""

    def __init__(self, position: SourcePosition, index: int, message: str) -> None:
        super().__init__(message)
        self.position = position
        self.index = index


def comparison(field: Field, op: Op, node: Node) -> Compare:
    """Return the comparison; raises `InvalidValue` when the value is not one for that field and operator."""
    if op in PRESENCE:
        return _presence(field, op, node)
    if op in _LISTS:
        values = _list(field, op, node)
        if op is Op.BETWEEN:
            _check_ends(values)
        return Compare(field.name, op, values)
    if not isinstance(node, Scalar):
        raise InvalidValue(
            f"{op.value} takes one value, not {'a list' if isinstance(node, Items) else 'a mapping'}"
        )
    return Compare(field.name, op, _value(field, op, node))


def _presence(field: Field, op: Op, node: Node) -> Compare:
    """`exists: false` is `missing: true`."""
    if not isinstance(node, Scalar) or not isinstance(node.value, bool):
        raise InvalidValue(f"{op.value} takes true or false")
    if field.default is not None:
        raise InvalidValue(f"{field.name} is never missing")
    return Compare(field.name, Op.EXISTS if (op is Op.EXISTS) is node.value else Op.MISSING, value=True)


def _list(field: Field, op: Op, node: Node) -> tuple[Any, ...]:
    if not isinstance(node, Items) or not node.items:
        hint = "two values, [least, most]" if op is Op.BETWEEN else "a list of at least one value"
        raise InvalidValue(f"{op.value} takes {hint}")
    if len(node.items) > VALUES_MAX:
        raise InvalidValue(f"a list has {VALUES_MAX:,} values at most")
    values = []
    for at, item in enumerate(node.items):
        if not isinstance(item, Scalar):
            raise InvalidItem(item.position, at, "should be one value")
        try:
            values.append(_value(field, op, item))
        except InvalidValue as wrong:
            raise InvalidItem(item.position, at, str(wrong)) from None
    if len({type(value) for value in values}) > 1:
        raise InvalidValue("the values should be all text or all whole numbers")
    return tuple(values)


def _check_ends(values: tuple[Any, ...]) -> None:
    if len(values) != 2:
        raise InvalidValue("between takes two values, [least, most]")
    if values[0] > values[1]:
        raise InvalidValue(f"nothing lies between {values[0]} and {values[1]}; the lesser goes first")


def _value(field: Field, op: Op, node: Scalar) -> Any:
    kind = field.kind
    if kind is Kind.OPEN:
        kind = _kind_compared(op, node)
    if op is Op.WITHIN:
        return _age(node)
    match kind:
        case Kind.BOOLEAN:
            return _boolean(node)
        case Kind.INTEGER:
            return _integer(field, node)
        case Kind.TIME:
            return _time(node)
    text = _text(node)
    if op is Op.MATCHES:
        try:
            matcher(text)
        except ValueError as error:
            raise InvalidValue(str(error)) from None
    if kind is Kind.WORD:
        return _word(field, text)
    return _country(text) if kind is Kind.COUNTRY else text


def _kind_compared(op: Op, node: Scalar) -> Kind:
    """Return what a field without a type is taken for."""
    if op in _TEXTUAL:
        return Kind.TEXT
    if op in ORDER:
        return Kind.INTEGER if isinstance(node.value, int) else Kind.TIME
    if isinstance(node.value, bool):
        return Kind.BOOLEAN
    return Kind.INTEGER if isinstance(node.value, int) else Kind.TEXT


def _boolean(node: Scalar) -> bool:
    if not isinstance(node.value, bool):
        raise InvalidValue(f"should be true or false, not {quoted(node.text)}")
    return node.value


def _integer(field: Field, node: Scalar) -> int:
    if isinstance(node.value, bool) or not isinstance(node.value, int):
        raise InvalidValue(f"should be a whole number, not {quoted(node.text)}")
    if (field.low is not None and node.value < field.low) or (
        field.high is not None and node.value > field.high
    ):
        most = "" if field.high is None else f" to {field.high}"
        raise InvalidValue(f"{node.value} is out of range: {field.name} is {field.low}{most or ' or more'}")
    return node.value


def _text(node: Scalar) -> str:
    if not isinstance(node.value, str):
        raise InvalidValue(
            f"should be text; write '{node.text}' in quotes" if node.text else "should be text"
        )
    if not node.value.strip():
        raise InvalidValue("should not be empty")
    return node.value


def _word(field: Field, text: str) -> str:
    for word in field.words:
        if word.casefold() == text.casefold():
            return word
    suggestion = did_you_mean(text, field.words) or f"; it is one of {', '.join(field.words)}"
    raise InvalidValue(f"{field.name} is never {quoted(text)}{suggestion}")


def _country(text: str) -> str:
    import pycountry  # 70 ms, only where a policy names countries

    code = text.upper()
    if code != "XK" and pycountry.countries.get(alpha_2=code) is None:
        raise InvalidValue(f"{quoted(text)} is no country code (ISO 3166 alpha-2, such as US)")
    return code


def _age(node: Scalar) -> Any:
    try:
        duration = parse_duration(node.text)
    except ValueError as error:
        raise InvalidValue(str(error)) from None
    if duration.business:
        raise InvalidValue("an age is not counted in business time")
    return duration


def _time(node: Scalar) -> datetime:
    try:
        moment = datetime.fromisoformat(node.text.strip())
    except ValueError:
        raise InvalidValue(f"should be a date or a time (2025-03-31), not {quoted(node.text)}") from None
    return moment if moment.utcoffset() is not None else moment.replace(tzinfo=UTC)
