"""JMESPath expressions of integration presets: compiled once, evaluated within a budget, never raising. Pure.

An expression reads what a vendor sent. Besides JMESPath's own functions it has those of
`shared.integrations.functions`. A function that is called with a value of the wrong type gives null, as a
vendor that leaves a part out must not cost the rest of the reading.
"""

from __future__ import annotations

import warnings
from datetime import datetime
from functools import lru_cache
from typing import Any, Final

import jmespath
from jmespath.exceptions import JMESPathError
from msgspec import Struct

from shared.integrations.closures import Closure, OutOfSteps, Run, closure_of, field_path, is_false, size_of
from shared.integrations.functions import ExpressionScope, PresetFunctions

EXPRESSION_LENGTH_MAX: Final = 2_000
EXPRESSION_DEPTH_MAX: Final = 40
STEPS_MAX: Final = 200_000
"""How many nodes of expressions may be visited for one request: about 0.2 s on a slow machine."""


class ExpressionInvalid(ValueError):
    """The text is no JMESPath expression, is too long or deep, or calls a function that does not exist."""


class Expression(Struct, frozen=True):
    """A compiled expression of `size` nodes. `path` is set for a plain path: `form_response.form_id`."""

    text: str
    closure: Closure
    size: int
    path: tuple[str, ...] | None = None

    def __str__(self) -> str:
        return self.text


class Evaluation:
    """The evaluation of a preset's expressions for one request.

    `scope` is what the functions read besides the value at hand. All expressions of the request share one
    budget of steps; once it is used up every further value is null, and `is_exhausted` says so.
    """

    def __init__(self, scope: ExpressionScope, steps_max: int = STEPS_MAX) -> None:
        self.scope = scope
        self._run = Run(PresetFunctions(scope), steps_max)

    @property
    def is_exhausted(self) -> bool:
        """Whether the budget of steps is used up, so that values are missing."""
        return self._run.steps_left < 0

    def value(self, expression: Expression, node: Any) -> Any:
        """Return the value of an expression at a node; None where there is none. Never raises."""
        if expression.path is not None:
            for name in expression.path:
                node = node.get(name) if isinstance(node, dict) else None
            return node
        try:
            self._run.take(expression.size)
            return expression.closure(self._run, node)
        except (JMESPathError, RecursionError, TypeError, ValueError, ArithmeticError, OutOfSteps):
            return None

    def holds(self, expression: Expression | None, node: Any) -> bool:
        """Return whether an expression is true in the sense of JMESPath; no expression always holds."""
        return expression is None or not is_false(self.value(expression, node))


@lru_cache(maxsize=8_192)
def compile_expression(text: str) -> Expression:
    """Return a compiled expression. Raises `ExpressionInvalid`."""
    if len(text) > EXPRESSION_LENGTH_MAX:
        raise ExpressionInvalid(f"should have {EXPRESSION_LENGTH_MAX:,} characters at most")
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error")  # a literal that is no JSON is only warned of
            tree: Any = jmespath.compile(text).parsed
    except (JMESPathError, RecursionError, ValueError, Warning) as error:
        problem = str(error).strip().partition("\n")[0]
        raise ExpressionInvalid(f"is no JMESPath expression: {problem}") from error
    check_tree(tree, 0)
    return Expression(text, closure_of(tree), size_of(tree), field_path(tree))


def check_tree(node: Any, depth: int) -> None:
    """Raise `ExpressionInvalid` for unknown functions, for too deep a nesting, and for `!a.b`."""
    if depth > EXPRESSION_DEPTH_MAX:
        raise ExpressionInvalid(f"is nested deeper than {EXPRESSION_DEPTH_MAX} levels")
    if not isinstance(node, dict):
        return
    if node.get("type") == "function_expression" and node["value"] not in PresetFunctions.FUNCTION_TABLE:
        raise ExpressionInvalid(f"there is no function {node['value']}")
    children = node.get("children", ())
    if node.get("type") == "subexpression" and children[0]["type"] == "not_expression":
        raise ExpressionInvalid("! binds tighter than a dot: write !(a.b) instead of !a.b")
    for child in children:
        check_tree(child, depth + 1)


def evaluation_at(at: datetime, body: Any = None, **parts: Any) -> Evaluation:
    """Return an evaluation for a body at an instant; `parts` are further fields of the scope."""
    return Evaluation(ExpressionScope(at=at, body=body, **parts))
