"""How a process of Baton is made to die, and brought back."""

from __future__ import annotations

import os
import random
import signal
import time

from shared.worker.failpoints import NAMES, VARIABLE
from tests.support.load import Load
from tests.support.topology import RoleProcess

FAILPOINTS = NAMES
_DIES_WITHIN_S = 300.0


def kill_at_random(process: RoleProcess, load: Load, chance: random.Random) -> None:
    """Kill it at some moment of its work, and start it again."""
    load.await_accepted(chance.randint(1, 40))
    time.sleep(chance.uniform(0, 0.3))
    process.kill()
    process.start()


def kill(process: RoleProcess) -> None:
    """Kill it and start it again, and wait until it is back."""
    process.kill()
    process.start()
    process.await_ready()


def die_at(process: RoleProcess, failpoint: str, nth: int) -> None:
    """Start it anew and let it kill itself the `nth` time that it comes by the failpoint. It stays dead."""
    if process.running:
        process.kill()
    process.start({VARIABLE: f"{failpoint}:{nth}"})
    status = process.wait(_DIES_WITHIN_S)
    assert status == -signal.SIGKILL, f"{process.name} ended with {status}\n{process.log_tail()}"


def restart(process: RoleProcess) -> None:
    """Let it leave in good order, so that others take over in the middle of their work, and come back."""
    assert process.stop() == 0, process.log_tail()
    process.start()
    process.await_ready()


def freeze(process: RoleProcess, seconds: float) -> None:
    """Hold it still, as a machine that swaps does; it wakes up and believes that nothing happened."""
    os.kill(process.pid, signal.SIGSTOP)
    try:
        time.sleep(seconds)
    finally:
        os.kill(process.pid, signal.SIGCONT)
