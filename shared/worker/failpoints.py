"""Failpoints: named places where a fault test kills the process, to show that a crash there does no harm.

`BATON_FAILPOINT=after_commit:3` kills the process with SIGKILL the third time that it reaches
`after_commit`: no handler runs, and nothing is flushed.
"""

from __future__ import annotations

import os
import signal
from collections.abc import Mapping

from shared.errors import Crash
from shared.worker.unit_of_work import Failpoint

VARIABLE = "BATON_FAILPOINT"
NAMES = ("after_claim", "after_commit", "after_publish", "before_offset_commit")


def from_environ(environ: Mapping[str, str]) -> Failpoint:
    """Return the function to call at each failpoint. Raises `Crash` for an unknown name or count."""
    text = environ.get(VARIABLE, "")
    if not text:
        return lambda _name: None
    name, _, nth = text.partition(":")
    if name not in NAMES or not nth.isdecimal() or int(nth) < 1:
        raise Crash(f"{VARIABLE} must be one of {', '.join(NAMES)} and a count, as in after_commit:3")
    remaining = int(nth)

    def failpoint(reached: str) -> None:
        nonlocal remaining
        if reached == name:
            remaining -= 1
            if remaining == 0:
                os.kill(os.getpid(), signal.SIGKILL)

    return failpoint
