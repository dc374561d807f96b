"""The scorer remembers the account of a lead's own domain where that is an alias of another."""

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("scores", sa.Column("own_account", sa.String(length=500), nullable=True))


def downgrade() -> None:
    op.drop_column("scores", "own_account")
