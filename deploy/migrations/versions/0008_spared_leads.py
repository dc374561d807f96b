"""The router remembers why a lead that somebody works was spared from a suppression."""

import sqlalchemy as sa
from alembic import op

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("routed_leads", sa.Column("spared", sa.String(length=200), nullable=True))


def downgrade() -> None:
    op.drop_column("routed_leads", "spared")
