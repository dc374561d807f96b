"""How each process is, and the newest record of each topic that a role has read."""

import sqlalchemy as sa
from alembic import op

from shared.storage.types import UtcTime

revision = "0040"
down_revision = "0039"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "processes",
        sa.Column("id", sa.String(length=300), nullable=False),
        sa.Column("started_at", UtcTime(), nullable=False),
        sa.Column("at", UtcTime(), nullable=False),
        sa.Column("checks", sa.Text(), nullable=False),
        sa.Column("unread", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_processes")),
    )
    op.create_table(
        "read_topics",
        sa.Column("role", sa.String(length=40), nullable=False),
        sa.Column("topic", sa.String(length=100), nullable=False),
        sa.Column("last_at", UtcTime(), nullable=False),
        sa.PrimaryKeyConstraint("role", "topic", name=op.f("pk_read_topics")),
    )


def downgrade() -> None:
    op.drop_table("read_topics")
    op.drop_table("processes")
