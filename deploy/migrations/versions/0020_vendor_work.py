"""Ids that vendors told, leads that are still to be fetched, and what rejected submissions wait for."""

import sqlalchemy as sa
from alembic import op

from shared.storage.types import UtcTime

revision = "0020"
down_revision = "0019"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "known_entities",
        sa.Column("key_text", sa.String(length=300), nullable=False),
        sa.Column("vendor", sa.String(length=60), nullable=False),
        sa.Column("email", sa.String(length=320), nullable=True),
        sa.Column("domain", sa.String(length=255), nullable=True),
        sa.Column("lead_id", sa.String(length=36), nullable=True),
        sa.Column("told_at", UtcTime(), nullable=False),
        sa.PrimaryKeyConstraint("key_text", name=op.f("pk_known_entities")),
    )
    op.create_index(op.f("ix_known_entities_lead_id"), "known_entities", ["lead_id"], unique=False)
    op.create_index(op.f("ix_known_entities_told_at"), "known_entities", ["told_at"], unique=False)
    op.create_index(
        op.f("ix_known_entities_vendor_told_at"), "known_entities", ["vendor", "told_at"], unique=False
    )
    op.create_table(
        "pending_fetches",
        sa.Column("id", sa.String(length=64), nullable=False),
        sa.Column("source", sa.String(length=100), nullable=False),
        sa.Column("provider", sa.String(length=100), nullable=False),
        sa.Column("parameters", sa.Text(), nullable=False),
        sa.Column("item", sa.LargeBinary(), nullable=False),
        sa.Column("received_at", UtcTime(), nullable=False),
        sa.Column("traceparent", sa.String(length=100), nullable=False),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.Column("due_at", UtcTime(), nullable=False),
        sa.Column("detail", sa.String(length=500), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_pending_fetches")),
    )
    op.create_index(op.f("ix_pending_fetches_due_at"), "pending_fetches", ["due_at"], unique=False)
    op.create_index(op.f("ix_pending_fetches_source"), "pending_fetches", ["source"], unique=False)
    op.add_column("rejected_submissions", sa.Column("waits_for", sa.String(length=300), nullable=True))
    op.create_index(
        op.f("ix_rejected_submissions_waits_for"), "rejected_submissions", ["waits_for"], unique=False
    )


def downgrade() -> None:
    op.drop_index(op.f("ix_rejected_submissions_waits_for"), table_name="rejected_submissions")
    op.drop_column("rejected_submissions", "waits_for")
    op.drop_index(op.f("ix_pending_fetches_source"), table_name="pending_fetches")
    op.drop_index(op.f("ix_pending_fetches_due_at"), table_name="pending_fetches")
    op.drop_table("pending_fetches")
    op.drop_index(op.f("ix_known_entities_vendor_told_at"), table_name="known_entities")
    op.drop_index(op.f("ix_known_entities_told_at"), table_name="known_entities")
    op.drop_index(op.f("ix_known_entities_lead_id"), table_name="known_entities")
    op.drop_table("known_entities")
