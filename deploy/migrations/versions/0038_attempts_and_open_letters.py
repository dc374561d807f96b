"""Attempts of deliveries, lists of deliveries across endpoints, and dead letters that were set aside."""

import sqlalchemy as sa
from alembic import op

from shared.storage.types import UtcTime

revision = "0038"
down_revision = "0037"
branch_labels = None
depends_on = None

_GIVEN_UP = "state IN ('failed', 'gone')"
_PENDING = "next_attempt_at IS NOT NULL"
_RETRY = "retry_id IS NOT NULL"
_NOT_REPLAYED = "replayed_at IS NULL"
_PARTIAL = (
    ("ix_deliveries_given_up", _GIVEN_UP, ["created_at", "id"]),
    ("ix_deliveries_given_up_by_endpoint", _GIVEN_UP, ["subscription_id", "created_at", "id"]),
    ("ix_deliveries_pending", _PENDING, ["created_at", "id"]),
    ("ix_deliveries_retry", _RETRY, ["retry_id", "state"]),
)


def upgrade() -> None:
    op.create_table(
        "delivery_attempts",
        sa.Column("delivery_id", sa.String(length=40), nullable=False),
        sa.Column("at", UtcTime(), nullable=False),
        sa.Column("subscription_id", sa.String(length=200), nullable=False),
        sa.Column("ms", sa.Integer(), nullable=False),
        sa.Column("status", sa.Integer(), nullable=True),
        sa.Column("error", sa.Text(), nullable=True),
        sa.Column("answer", sa.Text(), nullable=True),
        sa.PrimaryKeyConstraint("delivery_id", "at", name=op.f("pk_delivery_attempts")),
    )
    op.create_index(op.f("ix_delivery_attempts_at"), "delivery_attempts", ["at"])
    op.create_index(
        op.f("ix_delivery_attempts_subscription_id_at"), "delivery_attempts", ["subscription_id", "at"]
    )
    op.add_column("deliveries", sa.Column("retry_id", sa.String(length=40), nullable=True))
    op.create_index(op.f("ix_deliveries_created_at_id"), "deliveries", ["created_at", "id"])
    op.create_index(op.f("ix_deliveries_event_type_created_at"), "deliveries", ["event_type", "created_at"])
    for name, where, columns in _PARTIAL:
        op.create_index(
            name, "deliveries", columns, postgresql_where=sa.text(where), sqlite_where=sa.text(where)
        )
    op.create_index(
        "ix_dead_letters_not_replayed",
        "dead_letters",
        ["stage", "kind", "at"],
        postgresql_where=sa.text(_NOT_REPLAYED),
        sqlite_where=sa.text(_NOT_REPLAYED),
    )
    op.create_table(
        "set_aside_letters",
        sa.Column("letter_id", sa.String(length=36), nullable=False),
        sa.Column("at", UtcTime(), nullable=False),
        sa.PrimaryKeyConstraint("letter_id", name=op.f("pk_set_aside_letters")),
    )


def downgrade() -> None:
    op.drop_table("set_aside_letters")
    op.drop_index("ix_dead_letters_not_replayed", "dead_letters")
    for name, _where, _columns in reversed(_PARTIAL):
        op.drop_index(name, "deliveries")
    op.drop_index(op.f("ix_deliveries_event_type_created_at"), "deliveries")
    op.drop_index(op.f("ix_deliveries_created_at_id"), "deliveries")
    op.drop_column("deliveries", "retry_id")
    op.drop_table("delivery_attempts")
