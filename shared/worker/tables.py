"""Tables that every role has rows of its own in: claims, timers, tombstones, outbox."""

from sqlalchemy import BigInteger, Column, Identity, Index, Integer, LargeBinary, String, Table

from shared.storage.metadata import metadata
from shared.storage.types import UtcTime

inputs = Table(
    "inputs",
    metadata,
    Column("id", String(500), primary_key=True),
    Column("source", String(500), primary_key=True),
    Column("role", String(40), primary_key=True),
    Column("outcome", String(20), nullable=False),
    Column("subject", String(500), nullable=False),
    Column("at", UtcTime, nullable=False),
    Index(None, "at"),
)

timers = Table(
    "timers",
    metadata,
    Column("subject", String(500), primary_key=True),
    Column("role", String(40), primary_key=True),
    Column("kind", String(40), primary_key=True),
    Column("due_at", UtcTime, nullable=False),
    Column("leased_until", UtcTime),
    Index(None, "role", "due_at"),
)

tombstones = Table(
    "tombstones",
    metadata,
    Column("hash", String(64), primary_key=True),
    Column("role", String(40), primary_key=True),
    Column("at", UtcTime, nullable=False),
)

outbox = Table(
    "outbox",
    metadata,
    # SQLite numbers rows by itself only for an INTEGER primary key.
    Column("id", BigInteger().with_variant(Integer, "sqlite"), Identity(), primary_key=True),
    Column("role", String(40), nullable=False),
    Column("topic", String(100), nullable=False),
    Column("partition", Integer, nullable=False),
    Column("records", LargeBinary, nullable=False),
    Column("size", Integer, nullable=False),
    Column("created_at", UtcTime, nullable=False),
    Index(None, "role", "partition"),
)
