"""Outcomes of leads that are not routed yet."""

import sqlalchemy as sa
from alembic import op

revision = "0028"
down_revision = "0027"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "parked_outcomes",
        sa.Column("lead_id", sa.String(length=200), nullable=False),
        sa.Column("outcomes", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("lead_id", name=op.f("pk_parked_outcomes")),
    )


def downgrade() -> None:
    op.drop_table("parked_outcomes")
