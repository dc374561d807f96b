"""How the deal of a lead stands, by the times of what was told of it."""

import sqlalchemy as sa
from alembic import op

revision = "0026"
down_revision = "0025"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("routed_leads", sa.Column("deal", sa.Text(), nullable=True))


def downgrade() -> None:
    op.drop_column("routed_leads", "deal")
