"""Faults on demand: how a test or an operator makes a stub provider fail. Pure."""

from __future__ import annotations

from fractions import Fraction
from typing import Annotated, Final

from pydantic import BaseModel, ConfigDict, Field

LATENCY_MS_MAX: Final = 600_000
PER_SECOND_MAX: Final = 10_000


class ProviderFault(BaseModel):
    """What goes wrong with a share (`rate`) of a provider's calls."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)

    latency_ms: Annotated[
        int, Field(ge=0, le=LATENCY_MS_MAX, description="Answers come that much later.")
    ] = 0
    status: Annotated[
        int | None, Field(ge=400, le=599, description="Answers are this error, in the vendor's own form.")
    ] = None
    rate: Annotated[
        float, Field(ge=0, le=1, description="The share of calls that this happens to, evenly spread.")
    ] = 1.0
    malformed: Annotated[bool, Field(description="Answers are broken JSON.")] = False
    hang: Annotated[bool, Field(description="No answer for 30 s, then 504.")] = False
    per_second: Annotated[
        int,
        Field(
            ge=1,
            le=PER_SECOND_MAX,
            description="More calls in a second than this are turned away, whatever the `rate`.",
        ),
    ] = PER_SECOND_MAX

    @property
    def replaces_answer(self) -> bool:
        """Whether the call gets something else than the vendor's own answer."""
        return self.hang or self.malformed or self.status is not None


NO_FAULT: Final = ProviderFault()


class FaultRegistry:
    """The faults in force. Which calls a `rate` affects depends only on how many there were before."""

    def __init__(self) -> None:
        self._faults: dict[str, ProviderFault] = {}
        self._call_counts: dict[str, int] = {}
        self._seconds: dict[str, tuple[int, int]] = {}

    def put(self, provider: str, fault: ProviderFault) -> None:
        """Replace a provider's fault, from its next call on."""
        self._faults[provider] = fault
        self._call_counts[provider] = 0

    def clear(self) -> None:
        """End all faults."""
        self._faults.clear()
        self._call_counts.clear()

    def next_call(self, provider: str) -> ProviderFault:
        """Return the fault of this call, or `NO_FAULT`. Of n calls n times the rate fail, evenly spread."""
        fault = self._faults.get(provider)
        if fault is None:
            return NO_FAULT
        before = self._call_counts[provider]
        self._call_counts[provider] = before + 1
        # A fraction, so that rounding does not add up over many calls.
        rate = Fraction(fault.rate)
        is_affected = int((before + 1) * rate) > int(before * rate)
        return fault if is_affected else NO_FAULT

    def exceeds_rate_limit(self, provider: str, now_s: float) -> bool:
        """Count a call and return whether it is one too many in its second; `now_s` never goes backwards."""
        second, count = self._seconds.get(provider, (0, 0))
        count = count + 1 if second == int(now_s) else 1
        self._seconds[provider] = (int(now_s), count)
        return count > self._faults.get(provider, NO_FAULT).per_second
