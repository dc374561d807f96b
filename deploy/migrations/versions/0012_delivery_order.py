"""The deliveries of one lead to one endpoint are sent in the order of its events."""

import sqlalchemy as sa
from alembic import op

revision = "0012"
down_revision = "0011"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("deliveries", sa.Column("sequence", sa.Integer(), nullable=True))
    is_pending = sa.text("next_attempt_at IS NOT NULL")
    op.create_index(
        "ix_deliveries_pending_of_lead",
        "deliveries",
        ["lead_id", "subscription_id", "sequence"],
        unique=False,
        postgresql_where=is_pending,
        sqlite_where=is_pending,
    )


def downgrade() -> None:
    op.drop_index("ix_deliveries_pending_of_lead", table_name="deliveries")
    op.drop_column("deliveries", "sequence")
