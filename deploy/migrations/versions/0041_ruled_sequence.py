"""Which event said by which rule a lead is where it is."""

import sqlalchemy as sa
from alembic import op

revision = "0041"
down_revision = "0040"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("lead_views", sa.Column("ruled_sequence", sa.Integer(), nullable=False, server_default="0"))


def downgrade() -> None:
    op.drop_column("lead_views", "ruled_sequence")
