"""The `traceparent` of W3C Trace Context, which travels on every request and record. Pure."""

from __future__ import annotations

import re
from collections.abc import Callable

_VALID = re.compile(r"00-(?!0{32})[0-9a-f]{32}-(?!0{16})[0-9a-f]{16}-[0-9a-f]{2}")

Random = Callable[[int], bytes]


def new_traceparent(random: Random, *, sampled: bool) -> str:
    """Start a trace; `random` returns that many random bytes."""
    ids = random(24).hex()
    return f"00-{ids[:32]}-{ids[32:]}-{'01' if sampled else '00'}"


def child(traceparent: str, random: Random) -> str:
    """Return the traceparent of a child span of the same trace."""
    return f"{traceparent[:36]}{random(8).hex()}{traceparent[52:]}"


def is_traceparent(value: str) -> bool:
    """Return whether a value from outside is valid and can be passed on as it is."""
    return _VALID.fullmatch(value) is not None


def is_sampled(traceparent: str) -> bool:
    """Return whether this trace is recorded; False when the value is absent or malformed."""
    return is_traceparent(traceparent) and int(traceparent[-1], 16) % 2 == 1


def trace_id(traceparent: str) -> str:
    """Return the trace's id, 32 hexadecimal digits."""
    return traceparent[3:35]


def span_id(traceparent: str) -> str:
    """Return the id of the span that sent it, 16 hexadecimal digits."""
    return traceparent[36:52]
