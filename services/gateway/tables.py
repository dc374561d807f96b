"""Tables of the gateway: keys, subscriptions, delivery orders, availability, what sources sent, ids."""

from __future__ import annotations

from typing import Any

from sqlalchemy import Boolean, Column, Index, Integer, LargeBinary, String, Table

from shared.storage.metadata import metadata
from shared.storage.types import Json, UtcTime
from shared.webhooks import DeliveryOrder, SealedSecret

api_keys = Table(
    "api_keys",
    metadata,
    Column("id", String(40), primary_key=True),
    Column("name", String(200), nullable=False),
    # SHA-256 of the key, in hex: a key is 256 random bits, so nothing slower is needed.
    Column("hash", String(64), nullable=False, unique=True),
    Column("scopes", Json(list[str]), nullable=False),
    Column("rep", String(200)),
    Column("created_at", UtcTime, nullable=False),
    Column("revoked_at", UtcTime),
)

subscriptions = Table(
    "subscriptions",
    metadata,
    Column("id", String(40), primary_key=True),
    Column("url", String(2048), nullable=False),
    Column("events", Json(list[str]), nullable=False),
    Column("filter", Json(dict[str, Any])),
    Column("state", String(20), nullable=False),
    # The newest first.
    Column("secrets", Json(list[SealedSecret]), nullable=False),
    Column("created_at", UtcTime, nullable=False),
    Column("updated_at", UtcTime, nullable=False),
    Index(None, "state"),
)

delivery_orders = Table(
    "delivery_orders",
    metadata,
    Column("id", String(40), primary_key=True),
    Column("what", Json(DeliveryOrder), nullable=False),
    Column("created_at", UtcTime, nullable=False),
    Index(None, "created_at"),
)

# A rep without a row is available. The router reads this when it decides.
rep_availability = Table(
    "rep_availability",
    metadata,
    Column("rep", String(200), primary_key=True),
    Column("available", Boolean, nullable=False),
    Column("updated_at", UtcTime, nullable=False),
)

# Kept for `domain.rejected.KEPT`.
rejected_submissions = Table(
    "rejected_submissions",
    metadata,
    Column("id", String(40), primary_key=True),
    Column("source", String(100), nullable=False),
    Column("received_at", UtcTime, nullable=False),
    Column("status", Integer, nullable=False),
    Column("cause", String(100), nullable=False),
    Column("detail", String(500), nullable=False),
    Column("content_type", String(200), nullable=False),
    Column("idempotency_key", String(200), nullable=False),
    Column("size", Integer, nullable=False),
    Column("body", LargeBinary, nullable=False),
    # The key of the known entity without which the body says nothing.
    Column("waits_for", String(300)),
    Index(None, "source", "received_at"),
    Index(None, "received_at"),
    Index(None, "waits_for"),
)

# `key_text` is vendor, kind and id. Kept for `domain.known_entities.KEPT`.
known_entities = Table(
    "known_entities",
    metadata,
    Column("key_text", String(300), primary_key=True),
    Column("vendor", String(60), nullable=False),
    Column("email", String(320)),
    Column("domain", String(255)),
    Column("lead_id", String(36)),
    Column("told_at", UtcTime, nullable=False),
    Index(None, "vendor", "told_at"),
    Index(None, "told_at"),
    Index(None, "lead_id"),
)

pending_fetches = Table(
    "pending_fetches",
    metadata,
    Column("id", String(64), primary_key=True),
    Column("source", String(100), nullable=False),
    Column("provider", String(100), nullable=False),
    Column("parameters", Json(dict[str, str]), nullable=False),
    Column("item", LargeBinary, nullable=False),
    Column("received_at", UtcTime, nullable=False),
    Column("traceparent", String(100), nullable=False),
    Column("attempts", Integer, nullable=False),
    Column("due_at", UtcTime, nullable=False),
    Column("detail", String(500), nullable=False),
    Index(None, "due_at"),
    Index(None, "source"),
)

# `id` is the hash of a client's id or key with its scope, `subject` the lead or account of the event.
idempotency_records = Table(
    "idempotency_records",
    metadata,
    Column("id", String(64), primary_key=True),
    Column("body_hash", String(64), nullable=False),
    Column("event_id", String(36), nullable=False),
    Column("subject", String(500), nullable=False),
    Column("state", String(20), nullable=False),
    Column("created_at", UtcTime, nullable=False),
    Index(None, "created_at"),
    Index(None, "subject"),
)

# Kept for `domain.provider_posts.POSTS_KEPT`; the enricher reads it.
provider_posts = Table(
    "provider_posts",
    metadata,
    Column("submission", String(40), primary_key=True),
    Column("provider", String(200), nullable=False),
    Column("body", LargeBinary, nullable=False),
    Column("received_at", UtcTime, nullable=False),
    Index(None, "received_at"),
)
