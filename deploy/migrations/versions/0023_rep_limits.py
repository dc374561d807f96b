"""The latest assignments and the manager of each rep, and the territory that a lead was routed to."""

import sqlalchemy as sa
from alembic import op

revision = "0023"
down_revision = "0022"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "router_reps",
        sa.Column("rep", sa.String(length=200), nullable=False),
        sa.Column("manager", sa.String(length=200), nullable=True),
        sa.Column("depth", sa.Integer(), nullable=False),
        sa.Column("assigned", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("rep", name=op.f("pk_router_reps")),
    )
    op.add_column("routed_leads", sa.Column("territory", sa.String(length=200), nullable=True))


def downgrade() -> None:
    op.drop_column("routed_leads", "territory")
    op.drop_table("router_reps")
