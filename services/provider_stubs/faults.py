"""Faults on demand: what an operator or a test lets a stub provider do wrong. Pure."""

from __future__ import annotations

from fractions import Fraction
from typing import Annotated, Final

from msgspec import Meta, Struct

LATENCY_MS_MAX: Final = 600_000
PER_SECOND_MAX: Final = 10_000
"""Calls in a second that a provider answers unless told otherwise; more get 429."""


class Fault(Struct, frozen=True, forbid_unknown_fields=True):
    """What goes wrong with a share `rate` of a provider's calls.

    `latency_ms` delays the answer; `status` answers with that HTTP status; `malformed` answers with what is
    no JSON; `hang` never answers. Calls beyond `per_second` get 429, whatever the rate.
    """

    latency_ms: Annotated[int, Meta(ge=0, le=LATENCY_MS_MAX)] = 0
    status: Annotated[int, Meta(ge=400, le=599)] | None = None
    rate: Annotated[float, Meta(ge=0, le=1)] = 1.0
    malformed: bool = False
    hang: bool = False
    per_second: Annotated[int, Meta(ge=1, le=PER_SECOND_MAX)] = PER_SECOND_MAX

    @property
    def breaks(self) -> bool:
        """Whether the vendor's own answer does not come."""
        return self.hang or self.malformed or self.status is not None


NO_FAULT: Final = Fault()


class Faults:
    """The faults in force. Which calls a rate hits depends only on how many there were before."""

    def __init__(self) -> None:
        self._faults: dict[str, Fault] = {}
        self._calls: dict[str, int] = {}
        self._second: dict[str, tuple[int, int]] = {}

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

    def is_too_fast(self, provider: str, at_s: float) -> bool:
        """Whether this call, at a time in seconds that only rises, is one too many of its second."""
        second, count = self._second.get(provider, (0, 0))
        count = count + 1 if second == int(at_s) else 1
        self._second[provider] = (int(at_s), count)
        return count > self._faults.get(provider, NO_FAULT).per_second
