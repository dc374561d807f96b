"""Leads are found by the names of their companies when an account is told.

Leads of an earlier release are found once they are enriched again.
"""

import sqlalchemy as sa
from alembic import op

from shared.storage.types import UtcTime

revision = "0048"
down_revision = "0047"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column(
        "scores", sa.Column("name_decides", sa.Boolean(), nullable=False, server_default=sa.false())
    )
    op.create_table(
        "lead_company_names",
        sa.Column("block", sa.String(length=600), nullable=False),
        sa.Column(
            "lead_id", sa.String(length=200).with_variant(sa.String(200, "C"), "postgresql"), nullable=False
        ),
        sa.Column("profile", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("block", "lead_id", name=op.f("pk_lead_company_names")),
    )
    op.create_table(
        "rematches",
        sa.Column("account", sa.String(length=500), nullable=False),
        sa.Column("trigger", sa.Text(), nullable=False),
        sa.Column("blocks", sa.Text(), nullable=False),
        sa.Column("profiles", sa.Text(), nullable=False),
        sa.Column("cursor", sa.String(length=200), nullable=False),
        sa.Column("due_at", UtcTime(), nullable=False),
        sa.PrimaryKeyConstraint("account", name=op.f("pk_rematches")),
    )


def downgrade() -> None:
    op.drop_table("rematches")
    op.drop_table("lead_company_names")
    op.drop_column("scores", "name_decides")
