"""Parses conditions from the nodes of a document; every error is reported with its position.

A comparison is `{field: company.employees, between: [200, 2000]}`: one field, one operator. Comparisons are
joined by `all`, `any`, `not`; `{use: NAME}` refers to a named condition of the same file. Values are checked
against the type of the field, so that a parsed condition can be evaluated on any facts.

The parser is one of recursive descent, with a method for each production; it returns None after it reported
an error, and goes on beside it, so that one run reports all errors of a file.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from itertools import islice
from typing import Final

from shared.lead.fields import Field, Kind, Known, Scope, all_fields, field_named
from shared.rules.document import Entries, Items, Node, Scalar
from shared.rules.findings import FindingReport, Path, SourcePosition, did_you_mean, quoted
from shared.rules.operators import OPERATORS, Op, operators_of, opposite_of
from shared.rules.syntax import AllOf, AnyOf, Compare, Condition, Not, Use, comparisons
from shared.rules.values import FLAG, InvalidItem, InvalidValue, ValueTarget

COMPARISONS_MAX: Final = 500
"""How many comparisons a condition has at most, with the named conditions that it uses written out."""

DEPTH_MAX: Final = 16
"""How deep `all`, `any` and `not` are nested at most, and how long a chain of named conditions is."""

_JOINS: Final = ("all", "any", "not", "use")
Named = Mapping[str, Condition | None]
"""The named conditions of a file; `None` for one with an error, which is reported at its definition only."""

FieldLookup = Callable[[str], Field]
"""Returns the field of a name. Raises `FieldNotKnown`."""


class FieldNotKnown(Exception):
    """A name that no comparison may use there; the message says why."""


def read_named(node: Node | None, path: Path, report: FindingReport) -> Named:
    """Parse the `conditions` of a file; they may use each other, but not themselves."""
    if node is None:
        return {}
    if not isinstance(node, Entries):
        report.error(node.position, path, "should be a mapping of names to conditions")
        return {}
    return _NamedConditions(node, path, report).read()


def read_condition(
    node: Node, path: Path, report: FindingReport, *, scope: Known, named: Named
) -> Condition | None:
    """Return the condition of a node, or `None` with the errors in the report.

    `scope` says which fields are known where the condition is evaluated.
    """
    return _ConditionParser(report, scope, named.get, frozenset(named)).parse(node, path)


def read_condition_of(
    node: Node, path: Path, report: FindingReport, field_of: FieldLookup
) -> Condition | None:
    """Return the condition of a node over other fields than a policy's, `None` with errors in the report."""
    return _ConditionParser(report, ~Known(0), lambda _: None, frozenset(), field_of).parse(node, path)


def policy_field(scope: Known, name: str) -> Field:
    """Return the field of a policy that is known in the scope. Raises `FieldNotKnown`."""
    field = field_named(name)
    if field is None:
        names = [field.name for field in all_fields() if field.known & scope]
        raise FieldNotKnown(f"unknown field {quoted(name)}{did_you_mean(name, names)}")
    if not field.known & scope:
        raise FieldNotKnown(f"this asks for {_unknown_here(field, scope)}")
    return field


class _NamedConditions:
    """Parses each named condition when it is first used, and detects one that uses itself."""

    def __init__(self, node: Entries, path: Path, report: FindingReport) -> None:
        self._entries = node.entries
        self._path = path
        self._report = report
        self._parsed: dict[str, Condition | None] = {}
        self._in_progress: list[str] = []

    def read(self) -> Named:
        for name in self._entries:
            self._named(name)
        return {name: self._parsed[name] for name in self._entries}

    def _named(self, name: str) -> Condition | None:
        if name in self._parsed:
            return self._parsed[name]
        position, node = self._entries[name]
        path = (*self._path, name)
        if name in self._in_progress:
            loop = " -> ".join([*self._in_progress[self._in_progress.index(name) :], name])
            self._report.error(position, path, f"the condition uses itself: {loop}")
            return None
        if len(self._in_progress) >= DEPTH_MAX:
            self._report.error(position, path, f"conditions use each other deeper than {DEPTH_MAX}")
            return None
        self._in_progress.append(name)
        # Whether the fields are known is checked where the condition is used.
        parser = _ConditionParser(self._report, ~Known(0), self._named, frozenset(self._entries))
        self._parsed[name] = parser.parse(node, path)
        self._in_progress.pop()
        return self._parsed[name]


class _ConditionParser:
    """Parses conditions that may compare the fields of `scope` and use the conditions of `names`."""

    def __init__(
        self,
        report: FindingReport,
        scope: Known,
        named: Callable[[str], Condition | None],
        names: frozenset[str],
        field_of: FieldLookup | None = None,
    ) -> None:
        self._report = report
        self._scope = scope
        self._named = named
        self._names = names
        self._field_of = field_of or partial(policy_field, scope)

    def parse(self, node: Node, path: Path) -> Condition | None:
        """Return the condition of a node, or `None` after an error."""
        condition = self.condition(node, path, 0)
        if condition is None:
            return None
        if len(list(islice(comparisons(condition), COMPARISONS_MAX + 1))) > COMPARISONS_MAX:
            message = f"the condition makes more than {COMPARISONS_MAX} comparisons"
            self._report.error(node.position, path, message)
            return None
        return condition

    def condition(self, node: Node, path: Path, depth: int) -> Condition | None:
        """Parse a comparison, `all`, `any`, `not` or `use`."""
        if not isinstance(node, Entries) or not node.entries:
            message = "should be a condition: {field: …, OPERATOR: …}, all, any, not or use"
            self._report.error(node.position, path, message)
            return None
        if depth > DEPTH_MAX:
            self._report.error(node.position, path, f"conditions are nested deeper than {DEPTH_MAX}")
            return None
        if "field" in node.entries:
            return self.comparison(node, path)
        for word, (position, _) in node.entries.items():
            if word not in _JOINS:
                meant = did_you_mean(word, (*_JOINS, "field"))
                message = f"unknown word {quoted(word)} in a condition{meant}"
                self._report.error(position, (*path, word), message)
                return None
        first, *more = node.entries
        if more:
            message = f"{first} and {more[0]} stand side by side; put both in a list under all or any"
            self._report.error(node.entries[more[0]][0], (*path, more[0]), message)
            return None
        return self.join(first, *node.entries[first], (*path, first), depth)

    def join(
        self, join: str, position: SourcePosition, node: Node, path: Path, depth: int
    ) -> Condition | None:
        """Parse what stands under `all`, `any`, `not` or `use`."""
        if join == "use":
            return self.use(node, path)
        if join == "not":
            part = self.condition(node, path, depth + 1)
            return None if part is None else Not(part)
        if not isinstance(node, Items) or not node.items:
            self._report.error(position, path, f"{join} should be a list of at least one condition")
            return None
        parsed = [self.condition(item, (*path, index), depth + 1) for index, item in enumerate(node.items)]
        parts = tuple(part for part in parsed if part is not None)
        if len(parts) < len(parsed):
            return None
        return AllOf(parts) if join == "all" else AnyOf(parts)

    def use(self, node: Node, path: Path) -> Condition | None:
        """Parse the name of a condition, whose fields must all be known in the scope."""
        name = node.text if isinstance(node, Scalar) else ""
        if not isinstance(node, Scalar) or name not in self._names:
            message = f"no condition is named {quoted(name)}{did_you_mean(name, self._names)}"
            self._report.error(node.position, path, message)
            return None
        meaning = self._named(name)
        if meaning is None:
            return None
        for compare in comparisons(meaning):
            field = field_named(compare.field)
            if field is not None and not field.known & self._scope:
                message = f"{quoted(name)} asks for {_unknown_here(field, self._scope)}"
                self._report.error(node.position, path, message)
                return None
        if _depth(meaning) > DEPTH_MAX:
            self._report.error(node.position, path, f"conditions are nested deeper than {DEPTH_MAX}")
            return None
        return Use(name, meaning)

    def comparison(self, node: Entries, path: Path) -> Condition | None:
        """Parse a field, and one operator with its value."""
        field = self.field(node.entries["field"][1], (*path, "field"))
        operators = [(word, at, value) for word, (at, value) in node.entries.items() if word != "field"]
        if not operators:
            self._report.error(node.position, path, "a comparison has one operator")
            return None
        if len(operators) > 1:
            second, position, _ = operators[1]
            message = "a comparison has one operator; join two comparisons under all"
            self._report.error(position, (*path, second), message)
            return None
        word, position, value = operators[0]
        path = (*path, word)
        words = [op.value for op in Op]
        if word not in words:
            self._report.error(position, path, f"unknown operator {quoted(word)}{did_you_mean(word, words)}")
            return None
        if field is None:
            return None
        if not OPERATORS[Op(word)].takes(field.kind):
            fitting = ", ".join(operators_of(field.kind))
            message = f"{field.name} ({field.kind.value}) has no operator {word}; it has {fitting}"
            self._report.error(position, path, message)
            return None
        return self.value(field, Op(word), value, path)

    def field(self, node: Node, path: Path) -> Field | None:
        """Return the field of that name, `None` after an error."""
        try:
            return self._field_of(node.text if isinstance(node, Scalar) else "")
        except FieldNotKnown as error:
            self._report.error(node.position, path, str(error))
            return None

    def value(self, field: Field, op: Op, node: Node, path: Path) -> Condition | None:
        """Parse the value that the operator takes, of the type of the field."""
        operator = OPERATORS[op]
        kind_of = operator.open_kind if field.kind is Kind.OPEN else lambda _: field.kind
        try:
            value = operator.value.parse(node, ValueTarget(op.value, field, kind_of))
        except InvalidItem as error:
            self._report.error(error.position, (*path, error.index), str(error))
            return None
        except InvalidValue as error:
            self._report.error(node.position, path, str(error))
            return None
        if operator.value is FLAG:  # `exists: false` is `missing: true`
            return Compare(field.name, op if value else opposite_of(op), value=True)
        return Compare(field.name, op, value)


_WHERE_KNOWN: Final = {
    Known.FORM: "in the activities of sources",
    Known.LEAD: "after intake",
    Known.MARKET: "after the markets are decided",
    Known.ACTIVITY: "in intent rules",
    Known.SIGNAL: "in signal rules",
    Known.SCORE: "in bands and routing",
    Known.ACCOUNT: "in accounts and routing",
    Known.ROUTING: "in routing",
}


def _unknown_here(field: Field, scope: Known) -> str:
    if scope == Scope.DISCOVERY:
        return f"{quoted(field.name)}, but only what is known of the account may be asked for here"
    where = next(words for known, words in _WHERE_KNOWN.items() if known & field.known)
    return f"{quoted(field.name)}, which is only known {where}"


def _depth(condition: Condition) -> int:
    match condition:
        case AllOf(parts) | AnyOf(parts):
            return 1 + max(map(_depth, parts), default=0)
        case Not(part):
            return 1 + _depth(part)
        case Use(_, part):
            return _depth(part)
    return 0
