"""When whoever should work a lead first learnt of it, by a delivery that notifies."""

import sqlalchemy as sa
from alembic import op

from shared.storage.types import UtcTime

revision = "0024"
down_revision = "0023"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "notified_leads",
        sa.Column("lead_id", sa.String(length=500), nullable=False),
        sa.Column("at", UtcTime(), nullable=False),
        sa.PrimaryKeyConstraint("lead_id", name=op.f("pk_notified_leads")),
    )
    op.add_column(
        "deliveries", sa.Column("notifies", sa.Boolean(), nullable=False, server_default=sa.false())
    )


def downgrade() -> None:
    op.drop_column("deliveries", "notifies")
    op.drop_table("notified_leads")
