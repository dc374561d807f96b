"""Lead records keep when and how provably each field was stated."""

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("leads", sa.Column("statements", sa.Text(), nullable=True))
    op.add_column("leads", sa.Column("consent_statements", sa.Text(), nullable=True))


def downgrade() -> None:
    op.drop_column("leads", "consent_statements")
    op.drop_column("leads", "statements")
