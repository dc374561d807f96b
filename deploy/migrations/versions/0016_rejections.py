"""Why earlier owners rejected a lead."""

import sqlalchemy as sa
from alembic import op

revision = "0016"
down_revision = "0015"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("routed_leads", sa.Column("rejections", sa.Text(), nullable=False, server_default="[]"))


def downgrade() -> None:
    op.drop_column("routed_leads", "rejections")
