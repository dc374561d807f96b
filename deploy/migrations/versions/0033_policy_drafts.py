"""Policies: the note and the changes of an activation; drafts, one for each API key."""

import sqlalchemy as sa
from alembic import op

from shared.storage.types import UtcTime

revision = "0033"
down_revision = "0032"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("policies", sa.Column("note", sa.String(length=500), nullable=False, server_default=""))
    op.add_column("policies", sa.Column("changes", sa.Text(), nullable=False, server_default="[]"))
    op.create_table(
        "policy_drafts",
        sa.Column("key_id", sa.String(length=200), nullable=False),
        sa.Column("files", sa.Text(), nullable=False),
        sa.Column("base_version", sa.String(length=64), nullable=False),
        sa.Column("base_activation", sa.Integer(), nullable=False),
        sa.Column("saved_at", UtcTime(), nullable=False),
        sa.PrimaryKeyConstraint("key_id", name=op.f("pk_policy_drafts")),
    )


def downgrade() -> None:
    op.drop_table("policy_drafts")
    op.drop_column("policies", "changes")
    op.drop_column("policies", "note")
