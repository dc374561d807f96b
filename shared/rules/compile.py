"""Compiles a table of rules to one Python function.

The function is built as a syntax tree (`ast`) from nodes and names of our own making, which is checked before
it is compiled; nothing that a policy says is ever read as code: field names, values and outcomes are handed
in and bound as closure constants.

Three-valued logic costs nothing at run time. A rule only asks whether its condition is *true*, and a
condition is true exactly when the tree with its negations pushed down to the comparisons is, where both a
comparison and its opposite are false on a missing fact. So each comparison becomes a guarded Python one, and
`all` and `any` become `and` and `or`, which stop early. Each fact is fetched, and folded, at most once, and
only when the first rule that asks for it is reached.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Callable, Iterable, Sequence
from datetime import datetime, timedelta
from typing import Any, Final, TypeVar, cast

from shared.rules.fields import Kind, default_of, field_named
from shared.rules.interpret import Truth
from shared.rules.readings import READERS, Reading, comparand, reading_of
from shared.rules.syntax import All, Any_, Compare, Condition, Facts, Not, Op, Rule, Use, comparisons

T = TypeVar("T")

Check = Callable[[Facts, datetime], Truth]
"""Decides one condition; the instant is the present, for ages."""

_OPPOSITE: Final = {
    Op.NE: Op.EQ,
    Op.NOT_IN: Op.IN,
    Op.MISSING: Op.EXISTS,
}
"""Operators that are written as the negation of another."""
_COMPLEMENT: Final = {Op.GT: Op.LTE, Op.GTE: Op.LT, Op.LT: Op.GTE, Op.LTE: Op.GT}
"""What holds of two known values when the operator does not."""
_NEEDS_NO_GUARD: Final = {Op.EQ, Op.IN}
"""Nothing that a policy can name is equal to a missing fact, whether that is `None` or not a number."""
_NOT_A_NUMBER: Final = float("nan")

_GIVEN = re.compile(r"facts|at|make|decide|get|matched|[a-z][0-9]+")
_METHODS: Final = {"get", "casefold", "startswith", "endswith", "isdisjoint", "append"}
_NODES: Final = (
    ast.Module,
    ast.FunctionDef,
    ast.arguments,
    ast.arg,
    ast.Return,
    ast.Assign,
    ast.If,
    ast.Expr,
    ast.Name,
    ast.Load,
    ast.Store,
    ast.Constant,
    ast.Attribute,
    ast.Call,
    ast.List,
    ast.Compare,
    ast.BoolOp,
    ast.UnaryOp,
    ast.BinOp,
    ast.IfExp,
    ast.operator,
    ast.cmpop,
    ast.boolop,
    ast.unaryop,
)
_NONE: Final = ast.Constant(None)


def first_match(rules: Sequence[Rule[T]]) -> Callable[[Facts, datetime], T | None]:
    """Return the function that gives the outcome of the first rule that matches, or `None`."""
    table = _Table()
    for rule in rules:
        body: list[ast.stmt] = [ast.Return(table.constant(rule.outcome))]
        table.step(rule.when, body)
    return cast("Callable[[Facts, datetime], T | None]", table.function([ast.Return(_NONE)]))


def all_matches(rules: Sequence[Rule[T]]) -> Callable[[Facts, datetime], list[T]]:
    """Return the function that gives the outcomes of all rules that match, in order."""
    table = _Table()
    table.begin([_assign("matched", ast.List([], ast.Load()))])
    for rule in rules:
        table.step(rule.when, [_append(table.constant(rule.outcome))])
    return cast("Callable[[Facts, datetime], list[T]]", table.function([ast.Return(_name("matched"))]))


def first_of_each(groups: Iterable[Sequence[Rule[T]]]) -> Callable[[Facts, datetime], list[T | None]]:
    """Return the function that gives, for each group, the outcome of its first rule that matches, or None."""
    table = _Table()
    table.begin([_assign("matched", ast.List([], ast.Load()))])
    for group in groups:
        cases = [(rule.when, [_append(table.constant(rule.outcome))]) for rule in group]
        table.choice(cases, [_append(_NONE)])
    return cast("Callable[[Facts, datetime], list[T | None]]", table.function([ast.Return(_name("matched"))]))


def check(condition: Condition) -> Check:
    """Return the function that gives true, false or unknown (`None`) for one condition."""
    table = _Table()
    table.step(condition, [ast.Return(ast.Constant(value=True))])
    table.step(Not(condition), [ast.Return(ast.Constant(value=False))])
    return cast("Check", table.function([ast.Return(_NONE)]))


class _Table:
    """The function in the making: its statements, and what will be bound to its names."""

    def __init__(self) -> None:
        self._body: list[ast.stmt] = [_assign("get", _attribute(_name("facts"), "get"))]
        self._bound: list[Any] = []
        self._facts: dict[tuple[str, Reading], str] = {}
        self._constants: dict[Compare, ast.expr] = {}

    def constant(self, value: Any) -> ast.expr:
        """Return a name to which `value` is bound."""
        self._bound.append(value)
        return _name(f"c{len(self._bound) - 1}")

    def begin(self, statements: Iterable[ast.stmt]) -> None:
        self._body.extend(statements)

    def step(self, condition: Condition, then: list[ast.stmt]) -> None:
        """Add: if the condition is true, do `then`."""
        self.choice([(condition, then)])

    def choice(
        self, cases: Sequence[tuple[Condition, list[ast.stmt]]], otherwise: Sequence[ast.stmt] = ()
    ) -> None:
        """Add: do what belongs to the first condition that is true, or else `otherwise`."""
        for condition, _ in cases:
            self._fetch(condition)
        otherwise = list(otherwise)
        for condition, then in reversed(cases):
            otherwise = [ast.If(self._true(condition, holds=True), then, list(otherwise))]
        self._body.extend(otherwise)

    def function(self, end: list[ast.stmt]) -> Callable[..., Any]:
        """Return the function, made of what was added and `end`."""
        decide = _definition("decide", ["facts", "at"], [*self._body, *end])
        names = [f"c{at}" for at in range(len(self._bound))]
        module = ast.Module([_definition("make", names, [decide, ast.Return(_name("decide"))])], [])
        _check_tree(module)
        namespace: dict[str, Any] = {"__builtins__": {}}
        exec(compile(ast.fix_missing_locations(module), "<policy>", "exec"), namespace)  # noqa: S102 - checked, of our own names only
        return cast("Callable[..., Any]", namespace["make"](*self._bound))

    def _fetch(self, condition: Condition) -> None:
        """Add statements that fetch the facts of a condition, as far as none before it did."""
        for compare in comparisons(condition):
            key = (compare.field, _reading(compare))
            if key in self._facts:
                continue
            name = f"v{len(self._facts)}"
            self._facts[key] = name
            fetched: ast.expr = _call(_name("get"), self.constant(compare.field))
            default = default_of(compare.field)
            if default is not None:
                self._body.append(_assign(name, fetched))
                self._body.append(_if_none(name, self.constant(default)))
                fetched = _name(name)
            self._body.extend(self._read(name, fetched, key[1]))

    def _read(self, name: str, fetched: ast.expr, reading: Reading) -> list[ast.stmt]:
        if reading is Reading.PLAIN:
            return [_assign(name, fetched)]
        if reading is Reading.NUMBER:
            return [_assign(name, fetched), _if_none(name, self.constant(_NOT_A_NUMBER))]
        if reading is Reading.FOLDED:
            folded = _assign(name, _call(_attribute(_name(name), "casefold")))
            return [_assign(name, fetched), ast.If(_is_not_none(_name(name)), [folded], [])]
        return [_assign(name, _call(self.constant(READERS[reading]), fetched))]

    def _true(self, condition: Condition, *, holds: bool) -> ast.expr:
        """Return the expression for: the condition is surely true (or, without `holds`, surely false)."""
        match condition:
            case Compare():
                return self._leaf(condition, holds=holds)
            case All(parts):
                return _joined([self._true(part, holds=holds) for part in parts], conjunction=holds)
            case Any_(parts):
                return _joined([self._true(part, holds=holds) for part in parts], conjunction=not holds)
            case Not(part):
                return self._true(part, holds=not holds)
            case Use(_, meaning):
                return self._true(meaning, holds=holds)
        raise TypeError(f"not a condition: {condition!r}")

    def _leaf(self, compare: Compare, *, holds: bool) -> ast.expr:
        op = compare.op
        if op in _OPPOSITE:
            op, holds = _OPPOSITE[op], not holds
        if not holds and op in _COMPLEMENT:
            op, holds = _COMPLEMENT[op], True
        reading = _reading(compare)
        fact = _name(self._facts[compare.field, reading])
        if op is Op.EXISTS:
            return _is_known(fact, reading) if holds else _not(_is_known(fact, reading))
        test = self._test(op, compare, fact)
        if default_of(compare.field) is not None:
            return test if holds else _not(test)  # never missing
        if holds and (
            reading is Reading.NUMBER or (op in _NEEDS_NO_GUARD and reading is not Reading.OPEN_SET)
        ):
            return test
        return ast.BoolOp(ast.And(), [_is_known(fact, reading), test if holds else _not(test)])

    def _test(self, op: Op, compare: Compare, fact: ast.expr) -> ast.expr:  # noqa: PLR0911 - one for each form
        value = self._value(compare)
        if op in _SOME and reading_of(compare) is Reading.OPEN_SET:
            return self._contains(_SOME[op], compare, fact)
        if op in _COMPARED:
            return _compare(fact, _COMPARED[op](), value)
        match op:
            case Op.BETWEEN:
                low, high = comparand(compare)
                return ast.Compare(self.constant(low), [ast.LtE(), ast.LtE()], [fact, self.constant(high)])
            case Op.CONTAINS | Op.CONTAINS_ANY | Op.CONTAINS_ALL:
                return self._contains(op, compare, fact)
            case Op.STARTS_WITH:
                return _call(_attribute(fact, "startswith"), value)
            case Op.ENDS_WITH:
                return _call(_attribute(fact, "endswith"), value)
            case Op.MATCHES:
                return _call(value, fact)
        age = ast.BinOp(_name("at"), ast.Sub(), fact)
        return ast.Compare(self.constant(timedelta()), [ast.LtE(), ast.LtE()], [age, value])

    def _contains(self, op: Op, compare: Compare, fact: ast.expr) -> ast.expr:
        if op is Op.CONTAINS:
            return _compare(self._value(compare), ast.In(), fact)
        if reading_of(compare) is Reading.FOLDED:  # parts of a text
            parts = [_compare(self.constant(part), ast.In(), fact) for part in sorted(comparand(compare))]
            return _joined(parts, conjunction=op is Op.CONTAINS_ALL)
        value = self._value(compare)
        if op is Op.CONTAINS_ALL:
            return _compare(value, ast.LtE(), fact)
        return _not(_call(_attribute(value, "isdisjoint"), fact))

    def _value(self, compare: Compare) -> ast.expr:
        if compare not in self._constants:
            self._constants[compare] = self.constant(comparand(compare))
        return self._constants[compare]


_SOME: Final = {Op.EQ: Op.CONTAINS, Op.IN: Op.CONTAINS_ANY}
"""What equality is where a fact may have several values."""
_COMPARED: Final[dict[Op, type[ast.cmpop]]] = {
    Op.EQ: ast.Eq,
    Op.IN: ast.In,
    Op.GT: ast.Gt,
    Op.GTE: ast.GtE,
    Op.LT: ast.Lt,
    Op.LTE: ast.LtE,
}


def _reading(compare: Compare) -> Reading:
    """Return how a fact is read here: a missing number is NaN, with which no order holds.

    So numbers are compared without asking whether they are known, which is the most frequent comparison.
    """
    field = field_named(compare.field)
    if field is not None and field.kind is Kind.INTEGER and field.default is None:
        return Reading.NUMBER
    return reading_of(compare)


def _is_known(fact: ast.expr, reading: Reading) -> ast.expr:
    return _compare(fact, ast.Eq(), fact) if reading is Reading.NUMBER else _is_not_none(fact)


def _name(name: str) -> ast.Name:
    return ast.Name(name, ast.Load())


def _attribute(value: ast.expr, name: str) -> ast.Attribute:
    return ast.Attribute(value, name, ast.Load())


def _call(function: ast.expr, *arguments: ast.expr) -> ast.Call:
    return ast.Call(function, list(arguments), [])


def _compare(left: ast.expr, op: ast.cmpop, right: ast.expr) -> ast.Compare:
    return ast.Compare(left, [op], [right])


def _is_not_none(value: ast.expr) -> ast.expr:
    return _compare(value, ast.IsNot(), _NONE)


def _not(test: ast.expr) -> ast.expr:
    return ast.UnaryOp(ast.Not(), test)


def _joined(parts: Sequence[ast.expr], *, conjunction: bool) -> ast.expr:
    if not parts:
        return ast.Constant(value=conjunction)
    if len(parts) == 1:
        return parts[0]
    return ast.BoolOp(ast.And() if conjunction else ast.Or(), list(parts))


def _assign(name: str, value: ast.expr) -> ast.stmt:
    return ast.Assign([ast.Name(name, ast.Store())], value)


def _if_none(name: str, default: ast.expr) -> ast.stmt:
    return ast.If(_compare(_name(name), ast.Is(), _NONE), [_assign(name, default)], [])


def _append(value: ast.expr) -> ast.stmt:
    return ast.Expr(_call(_attribute(_name("matched"), "append"), value))


def _definition(name: str, parameters: Iterable[str], body: list[ast.stmt]) -> ast.FunctionDef:
    arguments = ast.arguments([], [ast.arg(each) for each in parameters], None, [], [], None, [])
    return ast.FunctionDef(name, arguments, body, [])


def _check_tree(tree: ast.AST) -> None:
    """Raise unless a tree holds only what this module makes: its nodes, its names, no text of any policy."""
    for node in ast.walk(tree):
        match node:
            case ast.Constant(None | bool()):
                continue
            case ast.Name(name) | ast.arg(name) | ast.FunctionDef(name):
                fine = _GIVEN.fullmatch(name) is not None
            case ast.Attribute(attr=method):
                fine = method in _METHODS
            case _:
                fine = isinstance(node, _NODES) and not isinstance(node, ast.Constant)
        if not fine:
            raise AssertionError(f"a generated tree holds {ast.dump(node)}")
