"""Tables that every role has rows of its own in: claims, timers, outbox, erasures, and how its process is."""

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    Identity,
    Index,
    Integer,
    LargeBinary,
    String,
    Table,
    true,
)

from shared.readiness import Check
from shared.storage.metadata import HOUSEKEEPING, metadata
from shared.storage.types import Json, UtcTime

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
    info={HOUSEKEEPING: True},
)

tombstones = Table(
    "tombstones",
    metadata,
    Column("hash", String(64), primary_key=True),
    Column("role", String(40), primary_key=True),
    Column("at", UtcTime, nullable=False),
    Column("returned", Boolean, nullable=False, server_default=true()),
)

erased_mentions = Table(
    "erased_mentions",
    metadata,
    Column("account", String(500), primary_key=True),
    Column("erasure_id", String(500), primary_key=True),
    Column("role", String(40), primary_key=True),
    Column("leads", Json(list[str]), nullable=False),
    Column("mentions", Json(list[str]), nullable=False),
    Column("at", UtcTime, nullable=False),
    Index(None, "at"),
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

processes = Table(
    "processes",
    metadata,
    Column("id", String(300), primary_key=True),
    Column("started_at", UtcTime, nullable=False),
    Column("at", UtcTime, nullable=False),
    Column("checks", Json(dict[str, Check]), nullable=False),
    Column("unread", Json(dict[str, dict[str, int]]), nullable=False),
    info={HOUSEKEEPING: True},
)

read_topics = Table(
    "read_topics",
    metadata,
    Column("role", String(40), primary_key=True),
    Column("topic", String(100), primary_key=True),
    Column("last_at", UtcTime, nullable=False),
    info={HOUSEKEEPING: True},
)
