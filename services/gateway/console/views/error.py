"""The page of an error."""

from __future__ import annotations

from msgspec import Struct


class ErrorView(Struct, frozen=True):
    """What went wrong, and what the person can do."""

    status: int
    title: str
    detail: str
