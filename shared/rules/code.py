"""Generates Python functions from lines of code, and checks their syntax tree before they are compiled.

No text of a policy is ever part of a line. Fields, values and outcomes are bound to generated names and
passed in as arguments. `check_generated` rejects a tree with any other name, constant or kind of node, so
that a mistake in a code generator cannot execute what a policy file says.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Callable
from typing import Any, Final

from shared.lead.fields import default_of
from shared.rules.coercion import COERCERS, Coercion

_NAMES: Final = re.compile(r"facts|at|make|decide|get|left|seen|text|[vc][0-9]+")
_METHODS: Final = {"get", "casefold", "startswith", "endswith", "isdisjoint"}
_CONSTANTS: Final = (None, True, False, 0)
_NODES: Final = (
    ast.Module,
    ast.FunctionDef,
    ast.arguments,
    ast.Return,
    ast.Assign,
    ast.AugAssign,
    ast.If,
    ast.For,
    ast.Load,
    ast.Store,
    ast.Call,
    ast.Compare,
    ast.Subscript,
    ast.IfExp,
    ast.BoolOp,
    ast.UnaryOp,
    ast.BinOp,
    ast.operator,
    ast.cmpop,
    ast.boolop,
    ast.unaryop,
)


class Code:
    """Builds one function of facts and an instant: its lines, and the values that are bound to its names."""

    def __init__(self) -> None:
        self._lines: list[str] = ["get = facts.get"]
        self._bound: list[Any] = []
        self._facts: dict[tuple[str, Coercion], str] = {}

    def add(self, *lines: str) -> None:
        """Add lines; one that belongs to the block of the line before it begins with a space."""
        self._lines += lines

    def bind(self, value: Any) -> str:
        """Return a name to which `value` is bound."""
        self._bound.append(value)
        return f"c{len(self._bound) - 1}"

    def fact(self, field: str, coercion: Coercion) -> str:
        """Return the variable of a coerced fact, `None` when it is missing. The code fetches it only once."""
        existing = self._facts.get((field, coercion))
        if existing is not None:
            return existing
        name = self._facts[field, coercion] = f"v{len(self._facts)}"
        self.add(f"{name} = get({self.bind(field)})")
        default = default_of(field)
        if default is not None:
            self.add(f"if {name} is None: {name} = {self.bind(default)}")
        if coercion is Coercion.FOLDED:
            self.add(f"if {name} is not None: {name} = {name}.casefold()")
        elif coercion is not Coercion.PLAIN:
            self.add(f"{name} = {self.bind(COERCERS[coercion])}({name})")
        return name

    def function(self) -> Callable[..., Any]:
        """Return the compiled function. Raises `AssertionError` when a line is not one of this package."""
        names = ", ".join(f"c{number}" for number in range(len(self._bound)))
        body = "\n".join(f"  {line}" for line in self._lines)
        tree = ast.parse(f"def make({names}):\n def decide(facts, at):\n{body}\n return decide")
        check_generated(tree)
        namespace: dict[str, Any] = {"__builtins__": {}}
        exec(compile(tree, "<policy>", "exec"), namespace)  # noqa: S102 - checked, of our own names only
        function: Callable[..., Any] = namespace["make"](*self._bound)
        return function


def check_generated(tree: ast.AST) -> None:
    """Raise `AssertionError` unless a tree holds only the allowed nodes, names, methods and constants."""
    for node in ast.walk(tree):
        match node:
            case ast.Constant(value):
                allowed = any(value is constant for constant in _CONSTANTS)
            case ast.Name(name) | ast.arg(name) | ast.FunctionDef(name):
                allowed = _NAMES.fullmatch(name) is not None
            case ast.Attribute(attr=method):
                allowed = method in _METHODS
            case _:
                allowed = isinstance(node, _NODES)
        if not allowed:
            raise AssertionError(f"a generated function holds {ast.dump(node)}")
