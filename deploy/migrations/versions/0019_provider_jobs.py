"""Jobs of vendors that answer later, and the answers that they post."""

import sqlalchemy as sa
from alembic import op

from shared.storage.types import UtcTime

revision = "0019"
down_revision = "0018"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "provider_jobs",
        sa.Column("provider", sa.String(length=200), nullable=False),
        sa.Column("subject", sa.String(length=20), nullable=False),
        sa.Column("about", sa.String(length=500), nullable=False),
        sa.Column("job", sa.String(length=500), nullable=False),
        sa.Column("submission", sa.String(length=40), nullable=False),
        sa.Column("lead_id", sa.String(length=36)),
        sa.Column("asked_at", UtcTime(), nullable=False),
        sa.Column("polled_until", UtcTime(), nullable=False),
        sa.Column("expires_at", UtcTime(), nullable=False),
        sa.Column("is_woken", sa.Boolean(), nullable=False),
        sa.PrimaryKeyConstraint("provider", "subject", "about", name=op.f("pk_provider_jobs")),
    )
    for column in ("about", "submission", "expires_at"):
        op.create_index(op.f(f"ix_provider_jobs_{column}"), "provider_jobs", [column])
    op.create_table(
        "provider_posts",
        sa.Column("submission", sa.String(length=40), nullable=False),
        sa.Column("provider", sa.String(length=200), nullable=False),
        sa.Column("body", sa.LargeBinary(), nullable=False),
        sa.Column("received_at", UtcTime(), nullable=False),
        sa.PrimaryKeyConstraint("submission", name=op.f("pk_provider_posts")),
    )
    op.create_index(op.f("ix_provider_posts_received_at"), "provider_posts", ["received_at"])


def downgrade() -> None:
    op.drop_table("provider_posts")
    op.drop_table("provider_jobs")
