"""The operators of conditions: one record for each, which everything else reads.

To add an operator, add its name to `Op` and its record to `_RECORDS`. From the record follow the check of the
policy's value (`parse`), the decision (`comparison`), the generated code (`inline`), the index of a table
(`match_index`), the equivalence classes (`equivalence_classes`), the sentence in an explanation (`describe`)
and the JSON Schema of the policy files. docs/how-to/add-an-operator.md shows it by an example.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any, Final

from shared.lead.fields import Kind
from shared.rules.coercion import Coercion
from shared.rules.document import Scalar
from shared.rules.times import Duration
from shared.rules.values import AGE, FLAG, ONE_VALUE, PATTERN, SEVERAL_VALUES, VALUE_RANGE, ValueForm


class Op(StrEnum):
    __hash__ = str.__hash__  # that of `Enum` is not written in C, and every look-up by operator hashes

    EQ = "eq"
    NE = "ne"
    IN = "in"
    NOT_IN = "not_in"
    GT = "gt"
    GTE = "gte"
    LT = "lt"
    LTE = "lte"
    BETWEEN = "between"
    CONTAINS = "contains"
    CONTAINS_ANY = "contains_any"
    CONTAINS_ALL = "contains_all"
    STARTS_WITH = "starts_with"
    ENDS_WITH = "ends_with"
    MATCHES = "matches"
    EXISTS = "exists"
    MISSING = "missing"
    WITHIN = "within"


Bind = Callable[[Any], str]
"""Binds a value to a name of generated code, and returns the name."""

CodeOf = Callable[[Bind, str, Any, Coercion], str]
"""Returns the expression that compares: (bind, name of the fact, prepared value, coercion of the fact)."""


def _open_by_value(value: Any) -> Coercion | None:
    """Return the coercion of a field without a type that is compared with a number, a boolean or a time."""
    if isinstance(value, Duration | datetime):
        return Coercion.OPEN_TIME
    if isinstance(value, bool):
        return Coercion.OPEN_BOOLEAN
    return Coercion.OPEN_INTEGER if isinstance(value, int) else None


def _kind_by_value(node: Scalar) -> Kind:
    if isinstance(node.value, bool):
        return Kind.BOOLEAN
    return Kind.INTEGER if isinstance(node.value, int) else Kind.TEXT


def _ordered_kind(node: Scalar) -> Kind:
    return Kind.INTEGER if isinstance(node.value, int) else Kind.TIME


def _text_kind(_node: Scalar) -> Kind:
    return Kind.TEXT


def _never(_value: Any) -> Iterable[Any]:
    return ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Operator:
    """What one operator means. All functions get the fact as it was coerced, and never a missing one.

    kinds: the types of fields that take it; a field without a type (`Kind.OPEN`) takes every operator.
    value: the form of the policy's value.
    holds: decides, given the fact, the prepared value and the present.
    sentences: how an explanation says that it holds and that it does not; they may name {label}, {fact},
        {value}, and of a range {low} and {high}.
    code: writes the comparison for generated code; without it, `holds` is called, which is slower.
    on_missing: what it comes to on a missing fact; None is unknown, as for every operator but presence.
    folds: whether it ignores case, so that facts and values are folded beforehand.
    open_kind: as which type the value is read where the field has none.
    open_coercion: how a fact of such a field is read; by the value's type if that is no text, or else this.
    open_by_value: whether the type of the value decides how such a fact is read.
    of_several: the operator that decides instead where a fact has several values.
    class_kinds: the types whose values it divides into finitely many classes.
    index_coercions: the coercions under which a table finds its truth by looking the fact up.
    changes_at: the values from which on its truth may be another, given one constant of the prepared value.
    ordered: whether such a look-up is a search among these values, not a dictionary of them.
    negates: the operator whose opposite it is; everything but the name and `kinds` is taken from that.
    """

    op: Op
    kinds: frozenset[Kind]
    value: ValueForm
    holds: Callable[[Any, Any, datetime], bool]
    sentences: tuple[str, str]
    code: CodeOf | None = None
    on_missing: bool | None = None
    folds: bool = True
    open_kind: Callable[[Scalar], Kind] = _kind_by_value
    open_coercion: Coercion = Coercion.OPEN_TEXT
    open_by_value: bool = False
    of_several: Op | None = None
    class_kinds: frozenset[Kind] = frozenset()
    index_coercions: frozenset[Coercion] = frozenset()
    changes_at: Callable[[Any], Iterable[Any]] = _never
    ordered: bool = False
    negates: Op | None = None

    def coercion_of_open(self, value: Any) -> Coercion:
        """Return how a fact without a declared type is read when it is compared with a value."""
        constant = value[0] if isinstance(value, tuple) else value
        return (self.open_by_value and _open_by_value(constant)) or self.open_coercion

    def takes(self, kind: Kind) -> bool:
        return kind is Kind.OPEN or kind in self.kinds


def _template(expression: str) -> CodeOf:
    """Return the code that has these names: {fact}, {value}."""
    return lambda bind, fact, value, _coercion: expression.format(fact=fact, value=bind(value))


def _says(phrase: str) -> tuple[str, str]:
    return f"{{label}} is {{fact}}, {phrase}", f"{{label}} is {{fact}}, not {phrase}"


def _does(phrase: str) -> tuple[str, str]:
    return f"{{label}} {phrase} {{value}}", f"{{label}} does not say: {phrase} {{value}}"


def _code_between(bind: Bind, fact: str, ends: Any, _coercion: Coercion) -> str:
    low, high = map(bind, ends)
    return f"{low} <= {fact} <= {high}"


def _code_within(bind: Bind, fact: str, age: Any, _coercion: Coercion) -> str:
    return f"{bind(timedelta())} <= at - {fact} <= {bind(age)}"


def _code_of_several(of_set: str, join: str) -> CodeOf:
    def code(bind: Bind, fact: str, values: Any, coercion: Coercion) -> str:
        if coercion.is_set:
            return of_set.format(fact=fact, value=bind(values))
        return join.join(f"{bind(part)} in {fact}" for part in sorted(values))  # parts of a text

    return code


def _itself_and_next(value: Any) -> Iterable[Any]:
    """Return a value and the least one after it: equality and order turn there only."""
    return (value, value + 1) if isinstance(value, int) else (value, value + "\0")


def _prefix_range(prefix: str) -> Iterable[str]:
    """Return the least text with a prefix, and the least one after all texts with it."""
    stem = prefix.rstrip("\U0010ffff")
    return (prefix, stem[:-1] + chr(ord(stem[-1]) + 1)) if stem else (prefix,)


_EQUALITY_KINDS: Final = frozenset({Kind.TEXT, Kind.WORD, Kind.COUNTRY, Kind.INTEGER})
_EQUALITY: Final[dict[str, Any]] = {
    "open_by_value": True,
    "open_coercion": Coercion.OPEN_SET,
    "class_kinds": _EQUALITY_KINDS | {Kind.BOOLEAN, Kind.OPEN},
    "index_coercions": frozenset(
        {
            Coercion.PLAIN,
            Coercion.FOLDED,
            Coercion.OPEN_INTEGER,
            Coercion.OPEN_BOOLEAN,
            Coercion.OPEN_SET,
        }
    ),
    "changes_at": _itself_and_next,
}
_ORDER: Final[dict[str, Any]] = {
    "kinds": frozenset({Kind.INTEGER, Kind.TIME}),
    "open_kind": _ordered_kind,
    "open_by_value": True,
    "class_kinds": frozenset({Kind.INTEGER, Kind.OPEN}),
    "index_coercions": frozenset({Coercion.PLAIN, Coercion.OPEN_INTEGER}),
    "changes_at": _itself_and_next,
    "ordered": True,
}
_MEMBERSHIP: Final[dict[str, Any]] = {
    "kinds": frozenset({Kind.TEXT, Kind.SET}),
    "open_kind": _text_kind,
    "open_coercion": Coercion.OPEN_SET,
    "index_coercions": frozenset({Coercion.FOLDED_SET, Coercion.OPEN_SET}),
}
_TEXTUAL: Final[dict[str, Any]] = {"kinds": frozenset({Kind.TEXT}), "open_kind": _text_kind}

_RECORDS: Final = (
    Operator(
        op=Op.EQ,
        kinds=_EQUALITY_KINDS | {Kind.BOOLEAN},
        value=ONE_VALUE,
        holds=lambda fact, value, _at: fact == value,
        code=_template("{fact} == {value}"),
        sentences=("{label} is {fact}", "{label} is {fact}, not {value}"),
        of_several=Op.CONTAINS,
        **_EQUALITY,
    ),
    Operator(
        op=Op.IN,
        kinds=_EQUALITY_KINDS,
        value=SEVERAL_VALUES,
        holds=lambda fact, values, _at: fact in values,
        code=_template("{fact} in {value}"),
        sentences=_says("one of {value}"),
        of_several=Op.CONTAINS_ANY,
        **_EQUALITY,
    ),
    Operator(
        op=Op.GT,
        value=ONE_VALUE,
        holds=lambda fact, value, _at: fact > value,
        code=_template("{fact} > {value}"),
        sentences=_says("more than {value}"),
        **_ORDER,
    ),
    Operator(
        op=Op.GTE,
        value=ONE_VALUE,
        holds=lambda fact, value, _at: fact >= value,
        code=_template("{fact} >= {value}"),
        sentences=_says("at least {value}"),
        **_ORDER,
    ),
    Operator(
        op=Op.LT,
        value=ONE_VALUE,
        holds=lambda fact, value, _at: fact < value,
        code=_template("{fact} < {value}"),
        sentences=_says("less than {value}"),
        **_ORDER,
    ),
    Operator(
        op=Op.LTE,
        value=ONE_VALUE,
        holds=lambda fact, value, _at: fact <= value,
        code=_template("{fact} <= {value}"),
        sentences=_says("at most {value}"),
        **_ORDER,
    ),
    Operator(
        op=Op.BETWEEN,
        value=VALUE_RANGE,
        holds=lambda fact, ends, _at: ends[0] <= fact <= ends[1],
        code=_code_between,
        sentences=_says("within {low} to {high}"),
        **_ORDER,
    ),
    Operator(
        op=Op.CONTAINS,
        value=ONE_VALUE,
        holds=lambda fact, value, _at: value in fact,
        code=_template("{value} in {fact}"),
        sentences=_does("contains"),
        **{**_MEMBERSHIP, "open_coercion": Coercion.OPEN_TEXT_OR_SET},
    ),
    Operator(
        op=Op.CONTAINS_ANY,
        value=SEVERAL_VALUES,
        holds=lambda fact, values, _at: any(value in fact for value in values),
        code=_code_of_several("not {value}.isdisjoint({fact})", " or "),
        sentences=_does("contains one of"),
        **_MEMBERSHIP,
    ),
    Operator(
        op=Op.CONTAINS_ALL,
        value=SEVERAL_VALUES,
        holds=lambda fact, values, _at: all(value in fact for value in values),
        code=_code_of_several("{value} <= {fact}", " and "),
        sentences=_does("contains all of"),
        **_MEMBERSHIP,
    ),
    Operator(
        op=Op.STARTS_WITH,
        value=ONE_VALUE,
        holds=lambda fact, prefix, _at: fact.startswith(prefix),
        code=_template("{fact}.startswith({value})"),
        sentences=_does("starts with"),
        index_coercions=frozenset({Coercion.FOLDED, Coercion.OPEN_TEXT}),
        changes_at=_prefix_range,
        ordered=True,
        **_TEXTUAL,
    ),
    Operator(
        op=Op.ENDS_WITH,
        value=ONE_VALUE,
        holds=lambda fact, suffix, _at: fact.endswith(suffix),
        code=_template("{fact}.endswith({value})"),
        sentences=_does("ends with"),
        **_TEXTUAL,
    ),
    Operator(
        op=Op.MATCHES,
        value=PATTERN,
        holds=lambda fact, matches, _at: matches(fact),
        code=_template("{value}({fact})"),
        sentences=_does("matches"),
        folds=False,  # the pattern ignores case itself
        open_coercion=Coercion.OPEN_RAW_TEXT,
        **_TEXTUAL,
    ),
    Operator(
        op=Op.EXISTS,
        kinds=frozenset(Kind),
        value=FLAG,
        holds=lambda _fact, _value, _at: True,
        code=lambda _bind, _fact, _value, _coercion: "True",
        sentences=("{label} is known", "{label} is not known"),
        on_missing=False,
        folds=False,
        open_coercion=Coercion.OPEN_PRESENT,
        class_kinds=frozenset(Kind),
        index_coercions=frozenset({Coercion.PLAIN, Coercion.FOLDED, Coercion.FOLDED_SET}),
    ),
    Operator(
        op=Op.WITHIN,
        kinds=frozenset({Kind.TIME}),
        value=AGE,
        holds=lambda fact, age, at: timedelta() <= at - fact <= age,
        code=_code_within,
        sentences=("{label} ({fact}) is within {value}", "{label} ({fact}) is not within {value}"),
        open_coercion=Coercion.OPEN_TIME,
    ),
)
_NEGATIONS: Final = {Op.NE: Op.EQ, Op.NOT_IN: Op.IN, Op.MISSING: Op.EXISTS}


def _with_negations(records: Iterable[Operator]) -> Mapping[Op, Operator]:
    by_op = {record.op: record for record in records}
    negated = {op: replace(by_op[base], op=op, negates=base) for op, base in _NEGATIONS.items()}
    return {op: negated[op] if op in negated else by_op[op] for op in Op}


OPERATORS: Final = _with_negations(_RECORDS)
"""Every operator, in the order in which they are listed to users."""

EQUALITY: Final = frozenset({Op.EQ, Op.NE, Op.IN, Op.NOT_IN})
MEMBERSHIP: Final = frozenset({Op.CONTAINS, Op.CONTAINS_ANY, Op.CONTAINS_ALL})


def operators_of(kind: Kind) -> tuple[Op, ...]:
    """Return the operators that a field of that type takes."""
    return tuple(op for op, operator in OPERATORS.items() if operator.takes(kind))


def opposite_of(op: Op) -> Op:
    """Return the operator that is true where this one is false. Raises `KeyError` when there is none."""
    negates = OPERATORS[op].negates
    return negates or {base: negation for negation, base in _NEGATIONS.items()}[op]


def operator_schemas() -> dict[str, dict[str, Any]]:
    """Return the JSON Schema of the value that each operator takes, by the operator's name."""
    return {op.value: dict(operator.value.schema) for op, operator in OPERATORS.items()}
