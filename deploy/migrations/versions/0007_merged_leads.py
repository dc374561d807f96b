"""Lead records keep the ids of the leads that were merged into them."""

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("leads", sa.Column("merged", sa.Text(), nullable=True))


def downgrade() -> None:
    op.drop_column("leads", "merged")
