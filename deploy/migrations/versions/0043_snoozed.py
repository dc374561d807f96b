"""Until when the owner of a lead put it off, and how its clock was before."""

import sqlalchemy as sa
from alembic import op

revision = "0043"
down_revision = "0042"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("assignments", sa.Column("snoozed", sa.Text(), nullable=True))


def downgrade() -> None:
    op.drop_column("assignments", "snoozed")
