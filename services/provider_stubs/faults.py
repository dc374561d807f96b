"""Faults on demand: what an operator or a test lets a stub provider do wrong. Pure."""

from __future__ import annotations

from fractions import Fraction
from typing import Annotated, Final

from msgspec import Meta, Struct

LATENCY_MS_MAX: Final = 600_000


class Fault(Struct, frozen=True, forbid_unknown_fields=True):
    """What goes wrong with a share `rate` of a provider's calls.

    `latency_ms` delays the answer; `status` answers with that HTTP status; `malformed` answers with what is
    no JSON; `hang` never answers.
    """

    latency_ms: Annotated[int, Meta(ge=0, le=LATENCY_MS_MAX)] = 0
    status: Annotated[int, Meta(ge=400, le=599)] | None = None
    rate: Annotated[float, Meta(ge=0, le=1)] = 1.0
    malformed: bool = False
    hang: bool = False


NO_FAULT: Final = Fault()


class Faults:
    """The faults in force. Which calls a rate hits depends only on how many there were before."""

    def __init__(self) -> None:
        self._faults: dict[str, Fault] = {}
        self._calls: dict[str, int] = {}

    def put(self, provider: str, fault: Fault) -> None:
        """Let a provider fail from its next call on; its calls are counted anew."""
        self._faults[provider] = fault
        self._calls[provider] = 0

    def clear(self) -> None:
        """Let every provider work again."""
        self._faults.clear()
        self._calls.clear()

    def of_next_call(self, provider: str) -> Fault:
        """Return what goes wrong with this call; of n calls about n times the rate fail, evenly spread."""
        fault = self._faults.get(provider)
        if fault is None:
            return NO_FAULT
        before = self._calls[provider]
        self._calls[provider] = before + 1
        rate = Fraction(fault.rate)
        hit = int((before + 1) * rate) > int(before * rate)
        return fault if hit else NO_FAULT
