"""The `traceparent` of W3C Trace Context, which travels on every request and record. Pure."""

from __future__ import annotations

import re
from collections.abc import Callable

_VALID = re.compile(r"00-(?!0{32})[0-9a-f]{32}-(?!0{16})[0-9a-f]{16}-[0-9a-f]{2}")

Random = Callable[[int], bytes]


def new_traceparent(random: Random, *, sampled: bool) -> str:
    """Start a trace; `random` gives that many random bytes."""
    ids = random(24).hex()
    return f"00-{ids[:32]}-{ids[32:]}-{'01' if sampled else '00'}"


def child(traceparent: str, random: Random) -> str:
    """Return the traceparent of a step within the same trace."""
    return f"{traceparent[:36]}{random(8).hex()}{traceparent[52:]}"


def is_traceparent(value: str) -> bool:
    """Whether a value from outside can be sent on as it is."""
    return _VALID.fullmatch(value) is not None


def is_sampled(traceparent: str) -> bool:
    """Whether somebody records this trace; not so when the value is absent or malformed."""
    return is_traceparent(traceparent) and int(traceparent[-1], 16) % 2 == 1


def trace_id(traceparent: str) -> str:
    """Return the trace's id, 32 hexadecimal digits."""
    return traceparent[3:35]


def span_id(traceparent: str) -> str:
    """Return the id of the step that sent it, 16 hexadecimal digits."""
    return traceparent[36:52]
