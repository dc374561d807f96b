"""Each role remembers what names an erased person in later records; deliveries have an account."""

import sqlalchemy as sa
from alembic import op

from shared.storage.types import UtcTime

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "erased_mentions",
        sa.Column("account", sa.String(length=500), nullable=False),
        sa.Column("erasure_id", sa.String(length=500), nullable=False),
        sa.Column("role", sa.String(length=40), nullable=False),
        sa.Column("leads", sa.Text(), nullable=False),
        sa.Column("mentions", sa.Text(), nullable=False),
        sa.Column("at", UtcTime(), nullable=False),
        sa.PrimaryKeyConstraint("account", "erasure_id", "role", name=op.f("pk_erased_mentions")),
    )
    op.create_index(op.f("ix_erased_mentions_at"), "erased_mentions", ["at"], unique=False)
    op.add_column("deliveries", sa.Column("account", sa.String(length=500), nullable=True))
    has_body = sa.text("body IS NOT NULL")
    op.create_index(
        "ix_deliveries_account",
        "deliveries",
        ["account"],
        unique=False,
        postgresql_where=has_body,
        sqlite_where=has_body,
    )


def downgrade() -> None:
    op.drop_index("ix_deliveries_account", table_name="deliveries")
    op.drop_column("deliveries", "account")
    op.drop_table("erased_mentions")
