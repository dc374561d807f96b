"""The clocks of an assignment whose queue has a ladder."""

import sqlalchemy as sa
from alembic import op

revision = "0021"
down_revision = "0020"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("assignments", sa.Column("ladder", sa.Text(), nullable=True))


def downgrade() -> None:
    op.drop_column("assignments", "ladder")
