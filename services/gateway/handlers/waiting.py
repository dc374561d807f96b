"""Waiting a little for what another role makes of a request, so that most answers say it at once."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

WAIT_S: Final = 2.0
_PAUSE_S: Final = 0.02
_PAUSE_S_MAX: Final = 0.2


def pauses() -> Iterator[float]:
    """Give pauses in seconds that grow, until they add up to `WAIT_S`."""
    waited_s, pause_s = 0.0, _PAUSE_S
    while waited_s < WAIT_S:
        yield pause_s
        waited_s += pause_s
        pause_s = min(pause_s * 1.5, _PAUSE_S_MAX)
