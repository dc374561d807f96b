"""Errors of commands that call a running Baton.

BatonError
├── Unreachable   nobody answers at BATON_URL: exit code 3
└── Refused       the answer is a problem document: exit code 1
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from shared.errors import BatonError


class Unreachable(BatonError):
    """There is no response from BATON_URL."""


class Refused(BatonError):
    """Baton responded with a problem document: `problem`. The message contains all of its errors."""

    def __init__(self, problem: Mapping[str, Any]) -> None:
        title, detail = problem.get("title") or f"Refused ({problem.get('status')})", problem.get("detail")
        errors = problem.get("errors") or ()
        lines = [str(title) if errors or detail in (None, title) else f"{title}: {detail}"]
        lines += (f"  {error['pointer'] or '/'}: {error['detail']}" for error in errors)
        super().__init__("\n".join(lines))
        self.problem = problem
