"""The filter of a subscription: a condition of the policy language over the fields of the events. Pure.

It is a condition, `{"field": "decision.queue", "eq": "sdr"}`, or its short form `{"decision.queue": "sdr"}`:
`all` of `eq` and, for a list, `in`. A filter that matches nothing would mean a subscription that hears
nothing, and nobody would tell. So at least one of the events has to be able to match it; events that cannot
are left out.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from datetime import datetime
from functools import cache, partial
from typing import Any, Final

from msgspec import Struct

from services.gateway.domain.subscriptions import SENT_EVENTS, STREAMED_EVENTS, named_events
from shared.errors import FieldProblem
from shared.lead.fields import Field, Kind
from shared.rules.comparison import compare_fact, truth_when_missing
from shared.rules.compile import check
from shared.rules.document import DEPTH_MAX, SCALAR_LENGTH_MAX, Entries, Items, Node, Scalar
from shared.rules.equivalence_classes import ARBITRARY_TIME
from shared.rules.event_fields import EventFields
from shared.rules.findings import FindingReport, Path, SourcePosition, did_you_mean
from shared.rules.operators import EQUALITY, Op
from shared.rules.parse import FieldNotKnown, read_condition_of
from shared.rules.syntax import AllOf, AnyOf, Compare, Condition, Not, comparisons

ENTRIES_MAX: Final = 20
"""How many paths the short form has at most."""
COMPARISONS_MAX: Final = 100
VALUES_MAX: Final = 1_000
"""How many values, lists and objects a filter consists of at most."""

EventFilter = Callable[[Struct, datetime], bool]
"""Tells whether the data of an event match; the instant is the present, for ages."""

_CONDITION_KEYS: Final = ("field", "all", "any", "not", "use")
# A fact of an event is not the fact of a policy that has the same name, with its type and its default.
_PREFIX: Final = "event."
_NOWHERE: Final = SourcePosition(1, 1)
_EQUAL_TYPES: Final[Mapping[Kind, type]] = {
    Kind.TEXT: str,
    Kind.WORD: str,
    Kind.INTEGER: int,
    Kind.BOOLEAN: bool,
    Kind.SET: tuple,
    Kind.TIME: datetime,
}
"""The type of the values that a field of a kind may equal; a JSON value is no set and no time."""


class _FilterReport(FindingReport):
    """Collects errors with JSON pointers; `keys` are the paths of the short form, empty for a condition."""

    def __init__(self, keys: Sequence[str]) -> None:
        super().__init__("")
        self._keys = keys
        self.problems: list[FieldProblem] = []

    def error(self, position: SourcePosition, path: Path, message: str) -> None:
        del position  # a JSON body has no lines
        if self._keys and len(path) > 1:
            path = (self._keys[int(path[1])],)
        escaped = (str(step).replace("~", "~0").replace("/", "~1") for step in path)
        self.problems.append(FieldProblem("/".join(("/filter", *escaped)), message))


def filter_problems(
    events: Collection[str], filter_: Mapping[str, Any], known: Collection[str] = SENT_EVENTS
) -> list[FieldProblem]:
    """Return why a filter is wrong or can match none of the events, with pointers; empty when it can.

    `events` are names, families or `*`, out of the short types in `known`.
    Where each part is right, but no event has all, they are the problems with the event that comes closest.
    """
    if not filter_:
        return []
    is_short = is_flat(filter_)
    report = _FilterReport([*filter_] if is_short else [])
    if is_short and len(filter_) > ENTRIES_MAX:
        return [FieldProblem("/filter", f"There are more than {ENTRIES_MAX} paths")]
    names = named_events(events, known)
    condition = _parsed(names, expanded(filter_) if is_short else filter_, report)
    if condition is None:
        return report.problems
    blocking = [
        [(name, path, compare) for path, compare in _blocking(condition, _fields_of((name,)))]
        for name in names
    ]
    for name, path, compare in min(blocking, key=len, default=[]):
        key, why = _why_never(name, compare)
        report.error(_NOWHERE, (*path, key), why)
    return report.problems


def compiled_filter(
    events: Collection[str], filter_: Mapping[str, Any], known: Collection[str] = SENT_EVENTS
) -> EventFilter:
    """Return the function that tells whether an event matches; a missing field does not.

    The short form may be older than the checks: what no event can have there does not match.
    """
    condition = condition_of(events, filter_, known)
    paths = {compare.field: path_of(compare.field) for compare in comparisons(condition)}
    decide = check(condition)
    return lambda data, at: decide({field: value_at(data, path) for field, path in paths.items()}, at) is True


def condition_of(
    events: Collection[str], filter_: Mapping[str, Any], known: Collection[str] = SENT_EVENTS
) -> Condition:
    """Return the condition that a filter states, over facts that `path_of` finds in an event."""
    names = named_events(events, known)
    if is_flat(filter_):
        return _flat_condition(_fields_of(tuple(names)), filter_)
    parsed = _parsed(names, filter_, _FilterReport([]))
    return AnyOf(()) if parsed is None else parsed


def path_of(fact: str) -> str:
    """Return the path into the data of an event at which a fact of a filter's condition is."""
    return fact.removeprefix(_PREFIX)


def value_at(data: Any, path: str) -> Any:
    """Return the value at a dotted path into the data of an event, `None` when there is none."""
    for name in path.split("."):
        data = data.get(name) if isinstance(data, Mapping) else getattr(data, name, None)
    return data


def expanded(flat: Mapping[str, Any]) -> dict[str, Any]:
    """Return the short form as a condition; null is a field that is missing."""
    parts: list[dict[str, Any]] = []
    for path, value in flat.items():
        values = value if isinstance(value, list) else [value]
        known = [one for one in values if one is not None]
        missing = {"field": path, "missing": True}
        present = {"field": path, "in": known} if isinstance(value, list) else {"field": path, "eq": value}
        if len(known) == len(values):
            parts.append(present)
        else:
            parts.append({"any": [missing, present]} if known else missing)
    return {"all": parts}


def is_flat(filter_: Mapping[str, Any]) -> bool:
    """Return whether a filter is in the short form."""
    return filter_.keys().isdisjoint(_CONDITION_KEYS)


def has_field(names: Sequence[str], path: str) -> bool:
    """Return whether one of the events, by short type, can have a value at a path."""
    return _fields_of(tuple(names)).named(path) is not None


def _parsed(names: Sequence[str], document: Mapping[str, Any], report: _FilterReport) -> Condition | None:
    """Return a condition over the fields that any of the events has, `None` with problems in the report."""
    nodes: list[None] = []
    try:
        node = _node_of(document, nodes, 0)
    except ValueError as error:
        report.error(_NOWHERE, (), str(error))
        return None
    condition = read_condition_of(node, (), report, partial(_field_of, tuple(names)))
    if condition is not None and sum(1 for _ in comparisons(condition)) > COMPARISONS_MAX:
        report.error(_NOWHERE, (), f"the filter makes more than {COMPARISONS_MAX} comparisons")
        return None
    return None if condition is None else _over_events(condition)


def _node_of(value: Any, nodes: list[None], depth: int) -> Node:
    """Return the node of a JSON value. Raises `ValueError` when it is too large or nested too deep."""
    nodes.append(None)
    if len(nodes) > VALUES_MAX:
        raise ValueError(f"the filter has more than {VALUES_MAX:,} values")
    if depth > DEPTH_MAX:
        raise ValueError("the filter is nested too deep")
    if isinstance(value, Mapping):
        entries = {key: (_NOWHERE, _node_of(one, nodes, depth + 1)) for key, one in value.items()}
        return Entries(entries, _NOWHERE)
    if isinstance(value, list):
        return Items(tuple([_node_of(one, nodes, depth + 1) for one in value]), _NOWHERE)
    if isinstance(value, str) and len(value) > SCALAR_LENGTH_MAX:
        raise ValueError(f"a value of the filter is longer than {SCALAR_LENGTH_MAX:,} characters")
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    return Scalar(value, "null" if value is None else str(value), _NOWHERE)


@cache
def _fields_of(names: tuple[str, ...]) -> EventFields:
    return EventFields([STREAMED_EVENTS[name] for name in names])


def _field_of(names: tuple[str, ...], path: str) -> Field:
    """Return the field at a path of some event. Raises `FieldNotKnown`."""
    fields = _fields_of(names)
    if (field := fields.named(path)) is None:
        raise FieldNotKnown(_has_no(names, path, fields))
    return field


def _has_no(names: Sequence[str], path: str, fields: EventFields) -> str:
    has = f"{names[0]} has" if len(names) == 1 else "None of the events has"
    below = [known for known in fields.paths if path and known.startswith(f"{path}.")]
    meant = f"; there are {', '.join(below[:5])}" if below else did_you_mean(path, fields.paths)
    return f"{has} no {'single value at ' if below else ''}{path[:100]}{meant}"


def _over_events(condition: Condition) -> Condition:
    """Return a parsed condition with the names of events' facts, which are compared without outer spaces."""
    match condition:
        case Compare(path, op, value):
            if op in EQUALITY and isinstance(value, str):
                value = value.strip()
            return Compare(_PREFIX + path, op, value)
        case AllOf(parts):
            return AllOf(tuple(map(_over_events, parts)))
        case AnyOf(parts):
            return AnyOf(tuple(map(_over_events, parts)))
        case Not(part):
            return Not(_over_events(part))
    raise TypeError(f"not a condition of a filter: {condition!r}")


def _flat_condition(fields: EventFields, flat: Mapping[str, Any]) -> Condition:
    """Return the condition of a stored short form, whatever its values are."""

    def accepts(path: str, value: Any) -> Condition:
        if value is None or value == "":
            return Compare(path, Op.MISSING, value=True)
        if isinstance(value, float) and value.is_integer():
            value = int(value)
        field = fields.named(path)
        kind = Kind.OPEN if field is None else field.kind
        can_equal = isinstance(value, str | int) and type(value) is _EQUAL_TYPES.get(kind, type(value))
        return Compare(path, Op.EQ, value) if can_equal else AnyOf(())

    return _over_events(
        AllOf(
            tuple(
                AnyOf(tuple(accepts(path, one) for one in (value if isinstance(value, list) else [value])))
                for path, value in flat.items()
            )
        )
    )


def _blocking(
    condition: Condition, fields: EventFields, path: Path = (), *, wanted: bool = True
) -> list[tuple[Path, Compare]]:
    """Return the comparisons, with their paths, because of which an event never gives the wanted truth."""
    match condition:
        case Compare():
            return [] if _may_be(condition, fields, wanted=wanted) else [(path, condition)]
        case Not(part):
            return _blocking(part, fields, (*path, "not"), wanted=not wanted)
        case AllOf(parts) | AnyOf(parts):
            is_all = isinstance(condition, AllOf)
            found = [
                _blocking(part, fields, (*path, "all" if is_all else "any", number), wanted=wanted)
                for number, part in enumerate(parts)
            ]
            if is_all is wanted:
                return [one for blocking in found for one in blocking]
            return min(found, key=len, default=[])
    raise TypeError(f"not a condition of a filter: {condition!r}")


def _may_be(compare: Compare, fields: EventFields, *, wanted: bool) -> bool:
    """Return whether a comparison may have this truth on an event, judged by the type of its field."""
    field = fields.named(compare.field.removeprefix(_PREFIX))
    values: Sequence[Any]
    if field is None:
        return truth_when_missing(compare) is wanted
    if field.kind is Kind.WORD:
        values = field.words
    elif field.kind is Kind.BOOLEAN:
        values = (True, False)
    elif field.kind is Kind.INTEGER and compare.op not in (Op.EXISTS, Op.MISSING):
        constants = compare.value if isinstance(compare.value, tuple) else (compare.value,)
        near = (int(one) + step for one in constants for step in (-1, 0, 1) if isinstance(one, int))
        low, high = field.low, field.high
        values = [one for one in near if (low is None or low <= one) and (high is None or one <= high)]
    else:
        return True
    is_missing = field.default is None and truth_when_missing(compare) is wanted
    return is_missing or any(compare_fact(compare, value, ARBITRARY_TIME) is wanted for value in values)


def _why_never(event: str, compare: Compare) -> tuple[str, str]:
    """Return the key of a comparison that an event never meets, and why."""
    path = compare.field.removeprefix(_PREFIX)
    fields = _fields_of((event,))
    field = fields.named(path)
    if field is None or compare.op in (Op.EXISTS, Op.MISSING):
        return "field", _has_no([event], path, fields)
    words = f"; it is one of {', '.join(field.words)}" if field.words else ""
    return compare.op.value, f"{event} never has this at {path}{words}"
