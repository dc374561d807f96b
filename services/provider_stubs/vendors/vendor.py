"""What a stub of a vendor is: its paths, what it charges, and how it says what it knows. Pure."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from msgspec import Struct


class Reply(Struct, frozen=True):
    """A vendor's answer: status and body as JSON values, and what it bills for it in cents."""

    status: int
    body: Any
    billed: int = 0


class Endpoint(Struct, frozen=True):
    """One call of a vendor. `key_of` names what is asked for (for the record of calls)."""

    path: str
    answer: Callable[[Mapping[str, str]], Reply]
    key_of: Callable[[Mapping[str, str]], str]


class Vendor(Struct, frozen=True):
    """A vendor by the name that faults and calls use; its paths are under `/<name>`."""

    name: str
    endpoints: tuple[Endpoint, ...]
