"""The table of policies: every version that was ever applied, with its files as they were written.

The active version is the one that was activated last. Activations are numbered, so that of two applied at
once exactly one is the later.
"""

from __future__ import annotations

from sqlalchemy import Column, Integer, String, Table

from shared.storage.metadata import metadata
from shared.storage.types import Json, UtcTime

policies = Table(
    "policies",
    metadata,
    Column("version", String(64), primary_key=True),
    Column("files", Json(dict[str, str]), nullable=False),
    Column("created_at", UtcTime, nullable=False),
    Column("created_by", String(200), nullable=False),
    Column("activation", Integer, nullable=False, unique=True),
    Column("activated_at", UtcTime, nullable=False),
    Column("activated_by", String(200), nullable=False),
    # Why it was activated last, and in sentences what it changed then.
    Column("note", String(500), nullable=False, server_default=""),
    Column("changes", Json(list[str]), nullable=False, server_default="[]"),
)
