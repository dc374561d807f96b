"""JMESPath expressions compiled to closures: what the library's interpreter gives, in a fraction of its time.

The library parses; its interpreter looks at the type of each node again for each value. A closure per node
has that decided once. A property test holds both to the same results.
"""

from __future__ import annotations

import operator
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final, cast

from jmespath.visitor import _Expression

from shared.integrations.functions import FUNCTION_ERRORS, PresetFunctions, is_empty

Closure = Callable[["Run", Any], Any]
_TYPES: Final[Mapping[str, tuple[type, ...]]] = {
    "array": (list,),
    "boolean": (bool,),
    "expref": (_Expression,),
    "null": (type(None),),
    "number": (int, float),
    "object": (dict,),
    "string": (str,),
}
"""The types of JMESPath, as JSON is decoded."""
_CHAINS: Final = frozenset({"index_expression", "pipe", "subexpression"})
_CURRENT: Final = frozenset({"current", "identity"})
_ORDERINGS: Final[Mapping[str, Callable[[Any, Any], Any]]] = {
    "lt": operator.lt,
    "gt": operator.gt,
    "lte": operator.le,
    "gte": operator.ge,
}


class OutOfSteps(Exception):
    """The budget of steps is used up."""


class Run:
    """What the closures of one request share: its functions, and the steps that are left.

    A step is a node of an expression at a value. A loop over values takes the steps of its rounds before it,
    so the closures themselves need not count.
    """

    def __init__(self, functions: PresetFunctions, steps_max: int) -> None:
        self.functions = functions
        self.steps_left = steps_max

    def take(self, steps: int) -> None:
        """Take steps. Raises `OutOfSteps` when there are not so many."""
        self.steps_left -= steps
        if self.steps_left < 0:
            raise OutOfSteps

    def visit(self, reference: tuple[Closure, int], value: Any) -> Any:
        """Return the value of an expression reference, for the library's functions such as `map`."""
        closure, size = reference
        self.take(size)
        return closure(self, value)


def size_of(tree: Any) -> int:
    """Return how many nodes a parsed expression has."""
    return 1 + sum(size_of(child) for child in tree["children"] if isinstance(child, dict))


def closure_of(tree: Any) -> Closure:
    """Return the closure of a parsed expression: it gives the value at a node."""
    return _COMPILERS[tree["type"]](tree)


def is_false(value: Any) -> bool:
    """Return whether JMESPath takes a value for false: null, false, an empty text, list or object."""
    return value is None or value is False or (not value and isinstance(value, str | list | dict))


def equals(one: Any, other: Any) -> bool:
    """Return whether two values are equal in JMESPath, where true is not 1."""
    return bool(one == other) and isinstance(one, bool) is isinstance(other, bool)


def is_ordered(value: Any) -> bool:
    """Return whether a value can be compared by `<`: a number or a text."""
    return isinstance(value, int | float | str) and not isinstance(value, bool)


def field_path(tree: Any) -> tuple[str, ...] | None:
    """Return the names of a path that consists of fields only, None for any other expression."""
    if tree["type"] == "field":
        return (tree["value"],)
    if tree["type"] != "subexpression":
        return None
    parts = [field_path(child) for child in tree["children"]]
    return None if None in parts else tuple(name for part in parts for name in part or ())


def compile_field(tree: Any) -> Closure:
    name = tree["value"]
    return lambda _run, value: value.get(name) if isinstance(value, dict) else None


def compile_path(names: tuple[str, ...]) -> Closure:
    def walked(_run: Run, value: Any) -> Any:
        for name in names:
            if not isinstance(value, dict):
                return None
            value = value.get(name)
        return value

    return walked


def chain_steps(tree: Any) -> list[Any]:
    """Return the parts of a chain in their order, without those that only give the value that they get."""
    if tree["type"] not in _CHAINS:
        return [] if tree["type"] in _CURRENT else [tree]
    return [step for child in tree["children"] for step in chain_steps(child)]


def compile_chain(tree: Any) -> Closure:
    """Compile what is applied one after the other: subexpressions, index expressions and pipes."""
    path = field_path(tree)
    if path is not None:
        return compile_path(path)
    steps = [closure_of(step) for step in chain_steps(tree)] or [compile_current(tree)]
    first, *rest = steps
    if not rest:
        return first
    if len(rest) == 1:
        (second,) = rest
        return lambda run, value: second(run, first(run, value))

    def chained(run: Run, value: Any) -> Any:
        value = first(run, value)
        for step in rest:
            value = step(run, value)
        return value

    return chained


def compile_projection(tree: Any) -> Closure:
    left, right = map(closure_of, tree["children"])
    size = size_of(tree["children"][1])

    def projected(run: Run, value: Any) -> Any:
        base = left(run, value)
        if not isinstance(base, list):
            return None
        run.take(size * len(base))
        return [found for item in base if (found := right(run, item)) is not None]

    return projected


def compile_value_projection(tree: Any) -> Closure:
    left, right = map(closure_of, tree["children"])
    size = size_of(tree["children"][1])

    def projected(run: Run, value: Any) -> Any:
        base = left(run, value)
        if not isinstance(base, dict):
            return None
        run.take(size * len(base))
        return [found for item in base.values() if (found := right(run, item)) is not None]

    return projected


def compile_filter_projection(tree: Any) -> Closure:
    left, right, condition = map(closure_of, tree["children"])
    size = size_of(tree["children"][1]) + size_of(tree["children"][2])

    def projected(run: Run, value: Any) -> Any:
        base = left(run, value)
        if not isinstance(base, list):
            return None
        run.take(size * len(base))
        return [
            found
            for item in base
            if not is_false(condition(run, item)) and (found := right(run, item)) is not None
        ]

    return projected


def compile_flatten(tree: Any) -> Closure:
    inner = closure_of(tree["children"][0])

    def flattened(run: Run, value: Any) -> Any:
        base = inner(run, value)
        if not isinstance(base, list):
            return None
        merged: list[Any] = []
        for item in base:
            if isinstance(item, list):
                merged.extend(item)
            else:
                merged.append(item)
        run.take(len(merged))
        return merged

    return flattened


def compile_index(tree: Any) -> Closure:
    index = tree["value"]

    def indexed(_run: Run, value: Any) -> Any:
        if not isinstance(value, list) or not -len(value) <= index < len(value):
            return None
        return value[index]

    return indexed


def compile_slice(tree: Any) -> Closure:
    part = slice(*tree["children"])
    return lambda _run, value: value[part] if isinstance(value, list) else None


def compile_comparator(tree: Any) -> Closure:
    left, right = map(closure_of, tree["children"])
    if tree["value"] == "eq":
        return lambda run, value: equals(left(run, value), right(run, value))
    if tree["value"] == "ne":
        return lambda run, value: not equals(left(run, value), right(run, value))
    compare = _ORDERINGS[tree["value"]]

    def compared(run: Run, value: Any) -> Any:
        one, other = left(run, value), right(run, value)
        return compare(one, other) if is_ordered(one) and is_ordered(other) else None

    return compared


def compile_multi_select_list(tree: Any) -> Closure:
    parts = [closure_of(child) for child in tree["children"]]
    return lambda run, value: None if value is None else [part(run, value) for part in parts]


def compile_multi_select_dict(tree: Any) -> Closure:
    parts = [(child["value"], closure_of(child["children"][0])) for child in tree["children"]]
    return lambda run, value: None if value is None else {name: part(run, value) for name, part in parts}


def compile_or(tree: Any) -> Closure:
    left, right = map(closure_of, tree["children"])

    def either(run: Run, value: Any) -> Any:
        found = left(run, value)
        return right(run, value) if is_false(found) else found

    return either


def compile_and(tree: Any) -> Closure:
    left, right = map(closure_of, tree["children"])

    def both(run: Run, value: Any) -> Any:
        found = left(run, value)
        return found if is_false(found) else right(run, value)

    return both


def compile_not(tree: Any) -> Closure:
    inner = closure_of(tree["children"][0])

    def negated(run: Run, value: Any) -> Any:
        found = inner(run, value)
        return is_false(found)  # unlike in Python, 0 is true

    return negated


def compile_call(tree: Any) -> Closure:
    name = tree["value"]
    arguments = [closure_of(child) for child in tree["children"]]
    if name == "first_nonempty":
        return compile_first_nonempty(arguments)
    allowed = allowed_types(PresetFunctions.FUNCTION_TABLE[name]["signature"], len(arguments))
    if allowed is None:
        return lambda run, value: run.functions.call_function(
            name, [argument(run, value) for argument in arguments]
        )
    function = PresetFunctions.FUNCTION_TABLE[name]["function"]
    checked = [(index, types) for index, types in enumerate(allowed) if types]

    def called(run: Run, value: Any) -> Any:
        values = [argument(run, value) for argument in arguments]
        for index, types in checked:
            if type(values[index]) not in types:
                return None
        try:
            return function(run.functions, *values)
        except FUNCTION_ERRORS:
            return None

    return called


def compile_first_nonempty(arguments: Sequence[Closure]) -> Closure:
    """Compile the function `first_nonempty`: what stands behind the value that it gives is not evaluated."""

    def first(run: Run, value: Any) -> Any:
        for argument in arguments:
            found = argument(run, value)
            if not is_empty(found):
                return found
        return None

    return first


def allowed_types(signature: Any, count: int) -> list[frozenset[type]] | None:
    """Return the types that each argument of a function may have, none for any type.

    None where the library has to check: a wrong number of arguments, and lists of certain values.
    """
    wanted = list(signature)
    if wanted and wanted[-1].get("variadic"):
        wanted += wanted[-1:] * (count - len(wanted))
    if len(wanted) != count:
        return None
    names = [argument["types"] for argument in wanted]
    if any(name not in _TYPES for types in names for name in types):
        return None
    return [frozenset(kind for name in types for kind in _TYPES[name]) for types in names]


def compile_reference(tree: Any) -> Closure:
    reference = (closure_of(tree["children"][0]), size_of(tree["children"][0]))
    # By the name of this class the library's functions know a reference.
    return lambda run, _value: _Expression(cast("Any", reference), cast("Any", run))


def compile_literal(tree: Any) -> Closure:
    literal = tree["value"]
    return lambda _run, _value: literal


def compile_current(_tree: Any) -> Closure:
    return lambda _run, value: value


_COMPILERS: Final[Mapping[str, Callable[[Any], Closure]]] = {
    "and_expression": compile_and,
    "comparator": compile_comparator,
    "current": compile_current,
    "expref": compile_reference,
    "field": compile_field,
    "filter_projection": compile_filter_projection,
    "flatten": compile_flatten,
    "function_expression": compile_call,
    "identity": compile_current,
    "index": compile_index,
    "index_expression": compile_chain,
    "literal": compile_literal,
    "multi_select_dict": compile_multi_select_dict,
    "multi_select_list": compile_multi_select_list,
    "not_expression": compile_not,
    "or_expression": compile_or,
    "pipe": compile_chain,
    "projection": compile_projection,
    "slice": compile_slice,
    "subexpression": compile_chain,
    "value_projection": compile_value_projection,
}
"""The compiler of each type of node that the library's parser makes."""
