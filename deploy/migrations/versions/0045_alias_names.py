"""What was told of an alias itself is kept while it is an alias, and leads find it by its own names."""

import sqlalchemy as sa
from alembic import op

revision = "0045"
down_revision = "0044"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("accounts", sa.Column("own_knowledge", sa.Text()))
    op.add_column("account_names", sa.Column("alias_of", sa.String(length=500)))


def downgrade() -> None:
    op.drop_column("account_names", "alias_of")
    op.drop_column("accounts", "own_knowledge")
