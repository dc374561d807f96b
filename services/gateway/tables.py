"""Tables of the gateway: keys, audit trail, subscriptions, orders, availability, what sources sent, ids."""

from __future__ import annotations

from typing import Any

from sqlalchemy import BigInteger, Boolean, Column, Index, Integer, LargeBinary, String, Table

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

# Kept for `BATON_AUDIT_DAYS`.
audit = Table(
    "audit",
    metadata,
    Column("id", String(40), primary_key=True),
    Column("at", UtcTime, nullable=False),
    Column("kind", String(60), nullable=False),
    Column("subject", String(500), nullable=False),
    Column("key_id", String(80), nullable=False),
    Column("name", String(320), nullable=False),
    Column("rep", String(200)),
    Column("address", String(64), nullable=False),
    Column("note", String(2_000)),
    Column("details", Json(dict[str, Any]), nullable=False),
    Index(None, "at", "id"),
    Index(None, "kind", "at", "id"),
    Index(None, "subject", "at", "id"),
    Index(None, "key_id", "at", "id"),
    Index(None, "rep", "at", "id"),
)

# `id` is the SHA-256 of the link's token, in hex. A link is deleted when it is used.
sign_in_links = Table(
    "sign_in_links",
    metadata,
    Column("id", String(64), primary_key=True),
    Column("key_id", String(80), nullable=False),
    Column("expires_at", UtcTime, nullable=False),
    Index(None, "expires_at"),
)

# A rep without a row is available. The router reads this when it decides.
set_aside_letters = Table(
    "set_aside_letters",
    metadata,
    Column("letter_id", String(36), primary_key=True),
    Column("at", UtcTime, nullable=False),
)

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

# Items of vendors' posts of which nothing was made.
ignored_items = Table(
    "ignored_items",
    metadata,
    Column("source", String(100), primary_key=True),
    Column("number", BigInteger, nullable=False),
    Column("last_at", UtcTime, nullable=False),
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

policy_drafts = Table(
    "policy_drafts",
    metadata,
    Column("key_id", String(200), primary_key=True),  # of the API key whose draft it is
    Column("files", Json(dict[str, str]), nullable=False),
    # The version that it began from, and the number of its activation then.
    Column("base_version", String(64), nullable=False),
    Column("base_activation", Integer, nullable=False),
    Column("saved_at", UtcTime, nullable=False),
)
