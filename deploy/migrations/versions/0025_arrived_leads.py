"""How many leads arrived in each queue."""

import sqlalchemy as sa
from alembic import op

revision = "0025"
down_revision = "0024"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("flow_counters", sa.Column("arrived", sa.BigInteger(), nullable=False, server_default="0"))


def downgrade() -> None:
    op.drop_column("flow_counters", "arrived")
