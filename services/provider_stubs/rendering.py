"""Fills the answers of `stub.yaml` with a vendor's record of the world. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime, time
from datetime import date as Date  # noqa: N812 - `date` is a word of the data
from typing import Any

from shared.integrations.expressions import Evaluation, Expression
from shared.integrations.functions import ExpressionScope
from shared.integrations.stub_preset import AnswerTree, Bracket, Conditional, Places, StubPreset


class Renderer:
    """Renders the answers of one question. All its expressions share one budget of steps."""

    def __init__(self, preset: StubPreset, context: Mapping[str, Any], today: Date) -> None:
        at = datetime.combine(today, time(), UTC)
        self._evaluation = Evaluation(ExpressionScope(at=at, tables=preset.tables))
        named = {name: self._bracket(bracket, context) for name, bracket in preset.brackets.items()}
        self._context = {**context, "bracket": named}

    def render(self, tree: AnswerTree, **more: Any) -> Any:
        """Return the JSON value of an answer; `more` are further values for its places."""
        return self._fill(tree.compiled, {**self._context, **more} if more else self._context)

    def value(self, expression: Expression) -> Any:
        """Return the value of an expression over the record."""
        return self._evaluation.value(expression, self._context)

    def _bracket(self, bracket: Bracket, context: Mapping[str, Any]) -> str | None:
        amount = self._evaluation.value(bracket.of, context)
        if not isinstance(amount, int | float):
            return None
        return next((name for upper, name in bracket.up_to if amount <= upper), bracket.above)

    def _fill(self, tree: Any, context: Mapping[str, Any]) -> Any:
        if isinstance(tree, Places):
            values = [
                self._evaluation.value(part, context) if isinstance(part, Expression) else part
                for part in tree.parts
            ]
            if tree.is_value:
                return values[0]
            return None if None in values else "".join(map(str, values))
        if isinstance(tree, Conditional):
            holds = self._evaluation.holds(tree.when, context)
            return self._fill(tree.then if holds else tree.otherwise, context)
        if isinstance(tree, dict):
            return {key: self._fill(member, context) for key, member in tree.items()}
        if isinstance(tree, list):
            return [self._fill(member, context) for member in tree]
        return tree
