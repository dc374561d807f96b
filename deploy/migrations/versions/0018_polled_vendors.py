"""Vendors that are asked for signals: where each source is, and what each account had."""

import sqlalchemy as sa
from alembic import op

from shared.storage.types import UtcTime

revision = "0018"
down_revision = "0017"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "poll_sources",
        sa.Column("source", sa.String(length=200), nullable=False),
        sa.Column("round_at", UtcTime(), nullable=False),
        sa.Column("since", UtcTime(), nullable=False),
        sa.Column("position", sa.String(length=600), nullable=False),
        sa.Column("walked", sa.Integer(), nullable=False),
        sa.Column("is_walked", sa.Boolean(), nullable=False),
        sa.Column("retries", sa.Text(), nullable=False),
        sa.Column("day", sa.String(length=10), nullable=False),
        sa.Column("spent_cents", sa.Integer(), nullable=False),
        sa.Column("state", sa.String(length=20), nullable=False),
        sa.Column("reason", sa.String(length=500), nullable=False),
        sa.Column("failures", sa.Integer(), nullable=False),
        sa.Column("pause_s", sa.Float(), nullable=False),
        sa.PrimaryKeyConstraint("source", name=op.f("pk_poll_sources")),
    )
    op.create_table(
        "polled_accounts",
        sa.Column("source", sa.String(length=200), nullable=False),
        sa.Column("account", sa.String(length=500), nullable=False),
        sa.Column("baseline_at", UtcTime(), nullable=False),
        sa.Column("polled_at", UtcTime(), nullable=False),
        sa.Column("cursor", sa.String(length=500), nullable=True),
        sa.Column("seen", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("source", "account", name=op.f("pk_polled_accounts")),
    )


def downgrade() -> None:
    op.drop_table("polled_accounts")
    op.drop_table("poll_sources")
