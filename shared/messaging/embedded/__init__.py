"""The embedded stream: topics, groups and offsets in one SQLite file, members in this process.

One process owns a data directory, so who is a member of what lives in memory; records and committed
offsets live in the file and survive a kill -9 once acknowledged.
"""

from __future__ import annotations

from shared.messaging.embedded.stream import EmbeddedStream

__all__ = ["EmbeddedStream"]
