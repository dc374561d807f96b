"""Reads conditions from a document's nodes, and says exactly where one is wrong.

A comparison is `{field: company.employees, between: [200, 2000]}`: one field, one operator. Comparisons are
joined by `all`, `any`, `not`; `{use: NAME}` stands for a condition that the file names. Values are checked
against the type of the field, so that a condition that was read can be decided on any facts.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from shared.lead.fields import Field, Kind, Known, all_fields, field_named
from shared.rules.document import Entries, Items, Node, Scalar
from shared.rules.findings import FindingReport, Path, did_you_mean, quoted
from shared.rules.operators import OPERATORS, Op, operators_of, opposite_of
from shared.rules.syntax import AllOf, AnyOf, Compare, Condition, Not, Use, comparisons
from shared.rules.values import FLAG, InvalidItem, InvalidValue, ValueTarget

COMPARISONS_MAX: Final = 500
"""A condition compares this often at most, everything that it uses written out."""
DEPTH_MAX: Final = 16

_JOINS: Final = ("all", "any", "not", "use")
Named = Mapping[str, Condition | None]
"""The conditions that a file names; `None` for one that is wrong, which is reported once, there."""


def read_named(node: Node | None, path: Path, report: FindingReport) -> Named:
    """Read a file's `conditions`; they may use each other, but not themselves."""
    if node is None:
        return {}
    if not isinstance(node, Entries):
        report.error(node.position, path, "should be a mapping of names to conditions")
        return {}
    return _NamedConditions(node, path, report).read()


def read_condition(
    node: Node, path: Path, report: FindingReport, *, scope: Known, named: Named
) -> Condition | None:
    """Return the condition that a node holds, or `None` with the reasons in the report.

    `scope` is what is known where the condition is decided.
    """
    return _Reader(report, scope, named.get, frozenset(named)).read(node, path)


class _NamedConditions:
    """Reads each named condition when it is first asked for, and notices one that uses itself."""

    def __init__(self, node: Entries, path: Path, report: FindingReport) -> None:
        self._entries = node.entries
        self._path = path
        self._report = report
        self._done: dict[str, Condition | None] = {}
        self._under_way: list[str] = []

    def read(self) -> Named:
        for name in self._entries:
            self._named(name)
        return {name: self._done[name] for name in self._entries}

    def _named(self, name: str) -> Condition | None:
        if name in self._done:
            return self._done[name]
        position, node = self._entries[name]
        path = (*self._path, name)
        if name in self._under_way:
            loop = " -> ".join([*self._under_way[self._under_way.index(name) :], name])
            self._report.error(position, path, f"the condition uses itself: {loop}")
            return None
        if len(self._under_way) >= DEPTH_MAX:
            self._report.error(position, path, f"conditions use each other deeper than {DEPTH_MAX}")
            return None
        self._under_way.append(name)
        # What a named condition may ask is decided where it is used.
        reader = _Reader(self._report, ~Known(0), self._named, frozenset(self._entries))
        self._done[name] = reader.read(node, path)
        self._under_way.pop()
        return self._done[name]


class _Reader:
    def __init__(self, report: FindingReport, scope: Known, named: Any, names: frozenset[str]) -> None:
        self._report = report
        self._scope = scope
        self._named = named
        self._names = names

    def read(self, node: Node, path: Path) -> Condition | None:
        condition = self._condition(node, path, 0)
        if condition is not None and _longer_than(condition, COMPARISONS_MAX):
            message = f"the condition makes more than {COMPARISONS_MAX} comparisons"
            self._report.error(node.position, path, message)
            return None
        return condition

    def _condition(self, node: Node, path: Path, depth: int) -> Condition | None:
        if not isinstance(node, Entries) or not node.entries:
            self._report.error(
                node.position, path, "should be a condition: {field: …, OPERATOR: …}, all, any, not or use"
            )
            return None
        if depth > DEPTH_MAX:
            self._report.error(node.position, path, f"conditions are nested deeper than {DEPTH_MAX}")
            return None
        if "field" in node.entries:
            return self._compare(node, path)
        return self._join(node, path, depth)

    def _join(self, node: Entries, path: Path, depth: int) -> Condition | None:
        if not self._joins_once(node, path):
            return None
        join, (position, inner) = next(iter(node.entries.items()))
        path = (*path, join)
        if join == "use":
            return self._use(inner, path)
        if join == "not":
            part = self._condition(inner, path, depth + 1)
            return None if part is None else Not(part)
        if not isinstance(inner, Items) or not inner.items:
            self._report.error(position, path, f"{join} should be a list of at least one condition")
            return None
        read = [self._condition(each, (*path, at), depth + 1) for at, each in enumerate(inner.items)]
        parts = tuple(part for part in read if part is not None)
        if len(parts) < len(read):
            return None
        return AllOf(parts) if join == "all" else AnyOf(parts)

    def _joins_once(self, node: Entries, path: Path) -> bool:
        """Report an unknown word, or two joins side by side."""
        for word, (position, _) in node.entries.items():
            if word not in _JOINS:
                meant = did_you_mean(word, (*_JOINS, "field"))
                self._report.error(
                    position, (*path, word), f"unknown word {quoted(word)} in a condition{meant}"
                )
                return False
        first, *more = node.entries
        if more:
            message = f"{first} and {more[0]} stand side by side; put both in a list under all or any"
            self._report.error(node.entries[more[0]][0], (*path, more[0]), message)
        return not more

    def _use(self, node: Node, path: Path) -> Condition | None:
        if not isinstance(node, Scalar) or node.text not in self._names:
            word = node.text if isinstance(node, Scalar) else ""
            self._report.error(
                node.position, path, f"no condition is named {quoted(word)}{did_you_mean(word, self._names)}"
            )
            return None
        meaning: Condition | None = self._named(node.text)
        if meaning is None:
            return None
        for compare in comparisons(meaning):
            field = field_named(compare.field)
            if field is not None and not field.known & self._scope:
                self._report.error(
                    node.position, path, f"{quoted(node.text)} asks for {_unknown_here(field)}"
                )
                return None
        if _depth(meaning) > DEPTH_MAX:
            self._report.error(node.position, path, f"conditions are nested deeper than {DEPTH_MAX}")
            return None
        return Use(node.text, meaning)

    def _compare(self, node: Entries, path: Path) -> Condition | None:
        field = self._field(node.entries["field"][1], (*path, "field"))
        operators = [(word, at, value) for word, (at, value) in node.entries.items() if word != "field"]
        if len(operators) != 1:
            position = operators[1][1] if operators else node.position
            where = (*path, operators[1][0]) if operators else path
            hint = "; join two comparisons under all" if operators else ""
            self._report.error(position, where, f"a comparison has one operator{hint}")
            return None
        word, position, value = operators[0]
        if word not in {op.value for op in Op}:
            message = f"unknown operator {quoted(word)}{did_you_mean(word, [op.value for op in Op])}"
            self._report.error(position, (*path, word), message)
            return None
        if field is None:
            return None
        op = Op(word)
        if not OPERATORS[op].takes(field.kind):
            fitting = ", ".join(operators_of(field.kind))
            message = f"{field.name} ({field.kind.value}) has no operator {word}; it has {fitting}"
            self._report.error(position, (*path, word), message)
            return None
        return self._checked(field, op, value, (*path, word))

    def _field(self, node: Node, path: Path) -> Field | None:
        name = node.text if isinstance(node, Scalar) else ""
        field = field_named(name)
        if field is None:
            names = [each.name for each in all_fields() if each.known & self._scope]
            self._report.error(
                node.position, path, f"unknown field {quoted(name)}{did_you_mean(name, names)}"
            )
            return None
        if not field.known & self._scope:
            self._report.error(node.position, path, f"this asks for {_unknown_here(field)}")
            return None
        return field

    def _checked(self, field: Field, op: Op, node: Node, path: Path) -> Condition | None:
        try:
            operator = OPERATORS[op]
            kind_of = operator.open_kind if field.kind is Kind.OPEN else lambda _: field.kind
            value = operator.value.parse(node, ValueTarget(op.value, field, kind_of))
            if operator.value is FLAG:  # `exists: false` is `missing: true`
                return Compare(field.name, op if value else opposite_of(op), value=True)
            return Compare(field.name, op, value)
        except InvalidItem as wrong:
            self._report.error(wrong.position, (*path, wrong.index), str(wrong))
        except InvalidValue as wrong:
            self._report.error(node.position, path, str(wrong))
        return None


def _unknown_here(field: Field) -> str:
    places = {
        Known.MARKET: "after the markets are decided",
        Known.ACTIVITY: "in intent rules",
        Known.SIGNAL: "in signal rules",
        Known.SCORE: "in bands and routing",
        Known.ACCOUNT: "in accounts and routing",
        Known.ROUTING: "in routing",
    }
    return f"{quoted(field.name)}, which is only known {places[field.known]}"


def _longer_than(condition: Condition, most: int) -> bool:
    return any(count > most for count, _ in enumerate(comparisons(condition), start=1))


def _depth(condition: Condition) -> int:
    match condition:
        case AllOf(parts) | AnyOf(parts):
            return 1 + max(map(_depth, parts), default=0)
        case Not(part):
            return 1 + _depth(part)
        case Use(_, part):
            return _depth(part)
    return 0
