"""Tables of the ledger: every event, the view of each lead, and the dead letters.

`events` holds the data as it was received. `lead_views` holds no copy of it: only the columns that lists
filter by, and the id of the latest event of each stage, so that a view is assembled from at most five events
when it is read (`services/gateway/queries/lead_view.py`). A lead has a view from its first `lead.enriched`
on; before that only its `lead.received` event exists.
"""

from sqlalchemy import BigInteger, Column, Index, Integer, LargeBinary, String, Table, Text

from shared.storage.metadata import metadata
from shared.storage.types import Json, UtcTime

events = Table(
    "events",
    metadata,
    Column("id", String(500), primary_key=True),
    Column("source", String(500), primary_key=True),
    Column("type", String(100), nullable=False),
    Column("subject", String(500), nullable=False),
    Column("partition_key", String(500), nullable=False),
    Column("at", UtcTime, nullable=False),
    Column("recorded_at", UtcTime, nullable=False),
    Column("causation_id", String(500), nullable=False),
    Column("revision", Integer),
    Column("sequence", Integer),
    Column("data", Text, nullable=False),
    Index(None, "subject", "at"),
    Index(None, "causation_id"),
)

lead_views = Table(
    "lead_views",
    metadata,
    Column("lead_id", String(36), primary_key=True),
    Column("account", String(500), nullable=False),
    Column("email", String(500)),
    Column("status", String(20), nullable=False),
    Column("queue", String(200)),
    Column("owner", String(200)),
    Column("revision", Integer, nullable=False),
    Column("first_at", UtcTime, nullable=False),
    Column("enriched_sequence", Integer, nullable=False),
    Column("enriched_revision", Integer, nullable=False),
    Column("enriched_id", String(500)),
    Column("scored_sequence", Integer, nullable=False),
    Column("scored_revision", Integer, nullable=False),
    Column("scored_id", String(500)),
    Column("routed_sequence", Integer, nullable=False),
    Column("routed_revision", Integer, nullable=False),
    Column("routed_id", String(500)),
    Column("routed_type", String(100)),
    Column("owned_sequence", Integer, nullable=False),
    Column("owned_id", String(500)),
    Column("briefed_sequence", Integer, nullable=False, server_default="0"),
    Column("briefed_id", String(500)),
    Column("motion", String(20)),
    Column("closed_as", String(20)),
    Index(None, "email"),
    Index(None, "account"),
    Index(None, "owner"),
    Index(None, "queue", "first_at", "lead_id"),
    Index(None, "first_at", "lead_id"),
    # A view is written at every stage of its lead. Where no index has what changes, and the page has room for
    # the new row, PostgreSQL leaves the indexes alone; so `status` is in none.
    postgresql_with={"fillfactor": 60},
)

dead_letters = Table(
    "dead_letters",
    metadata,
    Column("id", String(36), primary_key=True),
    Column("topic", String(100), nullable=False),
    Column("partition", Integer, nullable=False),
    Column("offset", BigInteger, nullable=False),
    Column("record_key", LargeBinary),
    Column("value", LargeBinary),
    Column("headers", Json(list[tuple[str, bytes | None]]), nullable=False),
    Column("stage", String(40), nullable=False),
    Column("kind", String(40), nullable=False),
    Column("message", Text, nullable=False),
    Column("event_id", String(500), nullable=False),
    Column("event_type", String(100), nullable=False),
    Column("subject", String(500), nullable=False),
    Column("at", UtcTime, nullable=False),
    Column("replayed_at", UtcTime),
    Index(None, "at", "id"),
    Index(None, "subject"),
    Index(None, "event_id"),
)
