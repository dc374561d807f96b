"""Generates functions: lines of our own words and names, checked before they are compiled.

Nothing that a policy says is ever part of a line. What it names, be it a field, a value or an outcome, is
bound to a name of ours and handed in; a line that held anything else would not get past the check.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Callable
from typing import Any, Final

from shared.lead.fields import default_of
from shared.rules.coercion import COERCERS, Coercion

_OURS: Final = re.compile(r"facts|at|make|decide|get|left|seen|text|[vc][0-9]+")
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
    """A function of facts and an instant in the making: its lines, and what is bound to its names."""

    def __init__(self) -> None:
        self._lines: list[str] = ["get = facts.get"]
        self._bound: list[Any] = []
        self._facts: dict[tuple[str, Coercion], str] = {}

    def add(self, *lines: str) -> None:
        """Add lines of our own; one that belongs to the line before it begins with a space."""
        self._lines += lines

    def bind(self, value: Any) -> str:
        """Return a name to which `value` is bound."""
        self._bound.append(value)
        return f"c{len(self._bound) - 1}"

    def fact(self, field: str, coercion: Coercion) -> str:
        """Return the name of a fact as it is read, `None` when missing; it is fetched and read once."""
        known = self._facts.get((field, coercion))
        if known is not None:
            return known
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
        """Return the function that was made."""
        names = ", ".join(f"c{at}" for at in range(len(self._bound)))
        body = "\n".join(f"  {line}" for line in self._lines)
        tree = ast.parse(f"def make({names}):\n def decide(facts, at):\n{body}\n return decide")
        _check(tree)
        namespace: dict[str, Any] = {"__builtins__": {}}
        exec(compile(tree, "<policy>", "exec"), namespace)  # noqa: S102 - checked, of our own names only
        function: Callable[..., Any] = namespace["make"](*self._bound)
        return function


def _check(tree: ast.AST) -> None:
    """Raise unless a tree holds only what is ours: these nodes, these names, no text of any policy."""
    for node in ast.walk(tree):
        match node:
            case ast.Constant(value):
                fine = any(value is ours for ours in _CONSTANTS)
            case ast.Name(name) | ast.arg(name) | ast.FunctionDef(name):
                fine = _OURS.fullmatch(name) is not None
            case ast.Attribute(attr=method):
                fine = method in _METHODS
            case _:
                fine = isinstance(node, _NODES)
        if not fine:
            raise AssertionError(f"a generated function holds {ast.dump(node)}")
