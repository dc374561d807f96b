"""One-time links that sign somebody in to the console."""

import sqlalchemy as sa
from alembic import op

from shared.storage.types import UtcTime

revision = "0039"
down_revision = "0038"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "sign_in_links",
        sa.Column("id", sa.String(length=64), nullable=False),
        sa.Column("key_id", sa.String(length=80), nullable=False),
        sa.Column("expires_at", UtcTime(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_sign_in_links")),
    )
    op.create_index(op.f("ix_sign_in_links_expires_at"), "sign_in_links", ["expires_at"])


def downgrade() -> None:
    op.drop_table("sign_in_links")
