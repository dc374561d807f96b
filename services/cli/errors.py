"""What can go wrong between a command and the Baton that it asks."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from shared.errors import BatonError


class Unreachable(BatonError):
    """Nobody answers at BATON_URL (exit code 3)."""


class Refused(BatonError):
    """Baton answered with a problem document; `problem` is it."""

    def __init__(self, problem: Mapping[str, Any]) -> None:
        said = [str(problem.get("detail") or problem.get("title") or f"status {problem.get('status')}")]
        said += (f"  {error['pointer'] or '/'}: {error['detail']}" for error in problem.get("errors") or ())
        super().__init__("\n".join(said))
        self.problem = problem
