"""The operators of conditions: one record for each, from which everything else is derived.

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


def _kind_by_value(node: Scalar) -> Kind:
    if isinstance(node.value, bool):
        return Kind.BOOLEAN
    return Kind.INTEGER if isinstance(node.value, int) else Kind.TEXT


def _text_kind(_node: Scalar) -> Kind:
    return Kind.TEXT


@dataclass(frozen=True, slots=True, kw_only=True)
class Operator:
    """What one operator means. Its functions are called with the coerced fact, never with a missing one.

    kinds: the types of fields that take it; a field without a type (`Kind.OPEN`) takes every operator.
    value: the form of the policy's value.
    holds: returns the truth, given the fact, the prepared value and the present.
    sentences: how an explanation says that it holds and that it does not; they may name {label}, {fact},
        {value}, and of a range {low} and {high}.
    code: writes the comparison as Python; without it, generated code calls `holds`, which is slower.
    on_missing: its truth on a missing fact; None (unknown) for every operator except those of presence.
    folds: whether it ignores case, so that facts and values are folded beforehand.
    open_kind: the type as which the value is parsed where the field has none.
    open_by_value: whether the value's type, if it is not text, determines the coercion of such a field.
    open_coercion: the coercion of such a field otherwise.
    of_several: the operator that replaces it where a fact has several values.
    class_kinds: the types whose values it divides into finitely many classes.
    index_coercions: the coercions under which an index (`match_index`) looks the fact up.
    ordered: whether that look-up is a binary search, not a dictionary of the constants.
    changes_at: the values at which its truth may change, given one constant of the prepared value.
    negates: the operator whose negation it is; its record is a copy of that one.
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
    changes_at: Callable[[Any], Iterable[Any]] = lambda _constant: ()
    ordered: bool = False
    negates: Op | None = None

    def coercion_of_open(self, value: Any) -> Coercion:
        """Return the coercion of a fact without a declared type that is compared with this value."""
        constant = value[0] if isinstance(value, tuple) else value
        if not self.open_by_value or isinstance(constant, str):
            return self.open_coercion
        if isinstance(constant, bool):
            return Coercion.OPEN_BOOLEAN
        return Coercion.OPEN_INTEGER if isinstance(constant, int) else Coercion.OPEN_TIME

    def takes(self, kind: Kind) -> bool:
        return kind is Kind.OPEN or kind in self.kinds


def _template(expression: str) -> CodeOf:
    """Return the code of an expression in which `{fact}` and `{value}` stand for the names of both."""
    return lambda bind, fact, value, _coercion: expression.format(fact=fact, value=bind(value))


def _is_phrase(phrase: str) -> tuple[str, str]:
    return f"{{label}} is {{fact}}, {phrase}", f"{{label}} is {{fact}}, not {phrase}"


def _verb_phrase(third_person: str, plain: str) -> tuple[str, str]:
    """Return the sentences of a verb in the third person (`starts with`) and in its plain form."""
    return f"{{label}} {third_person} {{value}}", f"{{label}} does not {plain} {{value}}"


def _code_of_several(of_set: str, join: str) -> CodeOf:
    def code(bind: Bind, fact: str, values: Any, coercion: Coercion) -> str:
        if coercion.is_set:
            return of_set.format(fact=fact, value=bind(values))
        return join.join(f"{bind(part)} in {fact}" for part in sorted(values))  # parts of a text

    return code


def _itself_and_next(value: Any) -> Iterable[Any]:
    """Return a value and its successor: the truth of equality and order changes only there."""
    return (value, value + 1) if isinstance(value, int) else (value, value + "\0")


def _prefix_range(prefix: str) -> Iterable[str]:
    """Return the first text with a prefix, and the first after all texts with it; in the order of text."""
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
    "open_kind": lambda node: Kind.INTEGER if isinstance(node.value, int) else Kind.TIME,
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
        sentences=_is_phrase("one of {value}"),
        of_several=Op.CONTAINS_ANY,
        **_EQUALITY,
    ),
    Operator(
        op=Op.GT,
        value=ONE_VALUE,
        holds=lambda fact, value, _at: fact > value,
        code=_template("{fact} > {value}"),
        sentences=_is_phrase("more than {value}"),
        **_ORDER,
    ),
    Operator(
        op=Op.GTE,
        value=ONE_VALUE,
        holds=lambda fact, value, _at: fact >= value,
        code=_template("{fact} >= {value}"),
        sentences=_is_phrase("at least {value}"),
        **_ORDER,
    ),
    Operator(
        op=Op.LT,
        value=ONE_VALUE,
        holds=lambda fact, value, _at: fact < value,
        code=_template("{fact} < {value}"),
        sentences=_is_phrase("less than {value}"),
        **_ORDER,
    ),
    Operator(
        op=Op.LTE,
        value=ONE_VALUE,
        holds=lambda fact, value, _at: fact <= value,
        code=_template("{fact} <= {value}"),
        sentences=_is_phrase("at most {value}"),
        **_ORDER,
    ),
    Operator(
        op=Op.BETWEEN,
        value=VALUE_RANGE,
        holds=lambda fact, ends, _at: ends[0] <= fact <= ends[1],
        code=lambda bind, fact, ends, _coercion: f"{bind(ends[0])} <= {fact} <= {bind(ends[1])}",
        sentences=_is_phrase("within {low} to {high}"),
        **_ORDER,
    ),
    Operator(
        op=Op.CONTAINS,
        value=ONE_VALUE,
        holds=lambda fact, value, _at: value in fact,
        code=_template("{value} in {fact}"),
        sentences=_verb_phrase("contains", "contain"),
        **{**_MEMBERSHIP, "open_coercion": Coercion.OPEN_TEXT_OR_SET},
    ),
    Operator(
        op=Op.CONTAINS_ANY,
        value=SEVERAL_VALUES,
        holds=lambda fact, values, _at: any(value in fact for value in values),
        code=_code_of_several("not {value}.isdisjoint({fact})", " or "),
        sentences=_verb_phrase("contains one of", "contain any of"),
        **_MEMBERSHIP,
    ),
    Operator(
        op=Op.CONTAINS_ALL,
        value=SEVERAL_VALUES,
        holds=lambda fact, values, _at: all(value in fact for value in values),
        code=_code_of_several("{value} <= {fact}", " and "),
        sentences=_verb_phrase("contains all of", "contain all of"),
        **_MEMBERSHIP,
    ),
    Operator(
        op=Op.STARTS_WITH,
        value=ONE_VALUE,
        holds=lambda fact, prefix, _at: fact.startswith(prefix),
        code=_template("{fact}.startswith({value})"),
        sentences=_verb_phrase("starts with", "start with"),
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
        sentences=_verb_phrase("ends with", "end with"),
        **_TEXTUAL,
    ),
    Operator(
        op=Op.MATCHES,
        value=PATTERN,
        holds=lambda fact, matches, _at: matches(fact),
        code=_template("{value}({fact})"),
        sentences=_verb_phrase("matches", "match"),
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
        code=lambda bind, fact, age, _coercion: f"{bind(timedelta())} <= at - {fact} <= {bind(age)}",
        sentences=("{label} ({fact}) is within {value}", "{label} ({fact}) is not within {value}"),
        open_coercion=Coercion.OPEN_TIME,
    ),
)
_NEGATIONS: Final = {Op.NE: Op.EQ, Op.NOT_IN: Op.IN, Op.MISSING: Op.EXISTS}


_BY_OP: Final = {record.op: record for record in _RECORDS}

OPERATORS: Final[Mapping[Op, Operator]] = {
    op: replace(_BY_OP[_NEGATIONS[op]], op=op, negates=_NEGATIONS[op]) if op in _NEGATIONS else _BY_OP[op]
    for op in Op
}
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
