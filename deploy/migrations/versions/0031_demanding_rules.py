"""The rule that chose a lead's queue, and an index for the latest assignments of a rep."""

import sqlalchemy as sa
from alembic import op

revision = "0031"
down_revision = "0030"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("routed_leads", sa.Column("demanding_rule", sa.String(length=200), nullable=True))
    op.create_index(op.f("ix_assignments_rep_opened_at"), "assignments", ["rep", "opened_at"])


def downgrade() -> None:
    op.drop_index(op.f("ix_assignments_rep_opened_at"), table_name="assignments")
    op.drop_column("routed_leads", "demanding_rule")
