"""Places where a process can be told to die, so that a test can see that it does not matter.

`BATON_FAILPOINT=after_commit:3` kills the process with SIGKILL the third time that it comes by
`after_commit`: no handler runs, nothing is flushed.
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
    """Return what the runtime calls at each failpoint. Raises `Crash` for one that there is not."""
    text = environ.get(VARIABLE, "")
    if not text:
        return _pass
    name, _, nth = text.partition(":")
    if name not in NAMES or not nth.isdecimal() or int(nth) < 1:
        raise Crash(f"{VARIABLE} must be one of {', '.join(NAMES)} and a count, as in after_commit:3")
    return _dying_at(name, int(nth))


def _pass(_name: str) -> None:
    """Go on."""


def _dying_at(name: str, nth: int) -> Failpoint:
    left = nth

    def failpoint(here: str) -> None:
        nonlocal left
        if here == name:
            left -= 1
            if left == 0:
                os.kill(os.getpid(), signal.SIGKILL)

    return failpoint
