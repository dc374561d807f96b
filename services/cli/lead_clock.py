"""The instants of a lead (`clock` of its view) in one line: when it came in, and how long the rest took."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Final

_WORDS: Final = {
    "eligible": ("scored", "not scored"),
    "decided": ("decided", "not decided"),
    "assigned": ("assigned", "not assigned"),
    "notified": ("owner notified", "owner not notified"),
    "accepted": ("accepted", "not accepted"),
    "first_action": ("first action", "no action"),
}
"""What is said of an instant that has come, and of one that has not."""


def clock_line(clock: Mapping[str, str | None]) -> str:
    """Return the line, such as `Came in 2026-03-02 09:00:00Z; scored after 1.2 s; accepted after 14 min`.

    It is empty for a lead of which it is not known when it came in.
    """
    captured = clock.get("captured")
    if not captured:
        return ""
    began = datetime.fromisoformat(captured)
    parts = [f"Came in {captured[:19].replace('T', ' ')}Z"]
    for name, (done, not_done) in _WORDS.items():
        at = clock.get(name)
        parts.append(f"{done} after {length(datetime.fromisoformat(at) - began)}" if at else not_done)
    return "; ".join(parts)


def length(time: timedelta) -> str:
    """Return a length of time in its largest two units: `0.4 s`, `14 min`, `3 h 20 min`, `2 d 4 h`."""
    seconds = max(time.total_seconds(), 0.0)
    if seconds < 60:
        return f"{seconds:.1f} s"
    minutes, hours = round(seconds / 60), round(seconds / 3_600)
    if minutes < 60:
        return f"{minutes} min"
    if hours < 24:
        return f"{minutes // 60} h {minutes % 60} min"
    return f"{hours // 24} d {hours % 24} h"
