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
        title, detail = problem.get("title") or f"Refused ({problem.get('status')})", problem.get("detail")
        errors = problem.get("errors") or ()
        said = [str(title) if errors or detail in (None, title) else f"{title}: {detail}"]
        said += (f"  {error['pointer'] or '/'}: {error['detail']}" for error in errors)
        super().__init__("\n".join(said))
        self.problem = problem
