"""How many items of each source's posts were ignored."""

import sqlalchemy as sa
from alembic import op

from shared.storage.types import UtcTime

revision = "0035"
down_revision = "0034"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "ignored_items",
        sa.Column("source", sa.String(length=100), nullable=False),
        sa.Column("number", sa.BigInteger(), nullable=False),
        sa.Column("last_at", UtcTime(), nullable=False),
        sa.PrimaryKeyConstraint("source", name=op.f("pk_ignored_items")),
    )


def downgrade() -> None:
    op.drop_table("ignored_items")
