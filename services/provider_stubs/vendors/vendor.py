"""What a stub of a vendor is: its paths, how it wants its key, and how it says what it knows. Pure."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import date
from typing import Any

from msgspec import Struct

from services.provider_stubs.world import World


class Question(Struct, frozen=True):
    """What a vendor is asked: parameters of the query and the body together, on this day."""

    params: Mapping[str, str]
    today: date

    def get(self, *names: str) -> str:
        """Return the first of these parameters that says something."""
        return next((text for name in names if (text := self.params.get(name, "").strip())), "")


class Reply(Struct, frozen=True):
    """A vendor's answer: status and body as JSON values, and what it bills for it in cents.

    A vendor that has to look first gives `first` to whoever is the first to ask.
    """

    status: int
    body: Any
    billed: int = 0
    matched: bool = False
    first: Reply | None = None


class Endpoint(Struct, frozen=True):
    """One call of a vendor. `subject` names the domain or the address that is asked about."""

    path: str
    answer: Callable[[World, Question], Reply]
    subject: Callable[[Question], str]
    methods: tuple[str, ...] = ("GET",)


class Vendor(Struct, frozen=True):
    """A vendor by the name that faults and calls use; its paths are under `/<name>`.

    One of `key_headers` (lower case) or `key_params` must be there; any value will do. `problem` is how the
    vendor says that it fails with a status, and `limit_status` is its status for too many calls in a second.
    """

    name: str
    endpoints: tuple[Endpoint, ...]
    problem: Callable[[int], Reply]
    key_headers: tuple[str, ...] = ()
    key_params: tuple[str, ...] = ()
    limit_status: int = 429


def bracket(amount: float, brackets: Sequence[tuple[int, str]], above: str) -> str:
    """Return the name of the first bracket that an amount is not above."""
    return next((name for end, name in brackets if amount <= end), above)
