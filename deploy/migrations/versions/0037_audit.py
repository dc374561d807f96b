"""The audit trail: who changed what, from where, when, and why."""

import sqlalchemy as sa
from alembic import op

from shared.storage.types import UtcTime

revision = "0037"
down_revision = "0036"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "audit",
        sa.Column("id", sa.String(length=40), nullable=False),
        sa.Column("at", UtcTime(), nullable=False),
        sa.Column("kind", sa.String(length=60), nullable=False),
        sa.Column("subject", sa.String(length=500), nullable=False),
        sa.Column("key_id", sa.String(length=80), nullable=False),
        sa.Column("name", sa.String(length=320), nullable=False),
        sa.Column("rep", sa.String(length=200), nullable=True),
        sa.Column("address", sa.String(length=64), nullable=False),
        sa.Column("note", sa.String(length=2000), nullable=True),
        sa.Column("details", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_audit")),
    )
    op.create_index(op.f("ix_audit_at_id"), "audit", ["at", "id"])
    for column in ("kind", "subject", "key_id", "rep"):
        op.create_index(op.f(f"ix_audit_{column}_at_id"), "audit", [column, "at", "id"])


def downgrade() -> None:
    op.drop_table("audit")
