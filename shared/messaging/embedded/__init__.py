"""The embedded stream: topics, groups and offsets in one SQLite file, members in this process.

One process owns a data directory, so group membership is kept in memory. Records and committed offsets are
in the file, and survive a kill -9 once they are acknowledged.
"""

from __future__ import annotations

from shared.messaging.embedded.stream import EmbeddedStream

__all__ = ["EmbeddedStream"]
