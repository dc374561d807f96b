"""Waits briefly for another role to act on a request, so that most answers already have the result."""

from collections.abc import Iterator
from typing import Final

WAIT_S: Final = 2.0
_FIRST_DELAY_S: Final = 0.02
_DELAY_S_MAX: Final = 0.2


def poll_delays() -> Iterator[float]:
    """Yield growing delays in seconds, until they add up to `WAIT_S`."""
    waited_s, delay_s = 0.0, _FIRST_DELAY_S
    while waited_s < WAIT_S:
        yield delay_s
        waited_s += delay_s
        delay_s = min(delay_s * 1.5, _DELAY_S_MAX)
