"""Ports of 127.0.0.1 that a server may close and open again."""

from __future__ import annotations

import random
import socket

# Below Linux's range of ephemeral ports: while a killed server is away, no client's outgoing connection can
# be given its port (and then talk to itself).
_FIRST, _LAST = 20_000, 32_000


def free_port() -> int:
    """Return a port that nothing listens on at this moment."""
    ports = random.sample(range(_FIRST, _LAST), k=200)
    for port in ports:
        with socket.socket() as probe:
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
            return port
    raise OSError(f"no free port between {_FIRST} and {_LAST}")
