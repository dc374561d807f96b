"""Who rejected a lead and why, recycled leads, and reps who join the owner of a lead."""

import sqlalchemy as sa
from alembic import op

from shared.storage.types import UtcTime

revision = "0013"
down_revision = "0012"
branch_labels = None
depends_on = None

_INDEXES = (
    ("ix_assignments_joined", ["queue"], sa.text("joined AND closed_at IS NULL")),
    ("ix_assignments_rejected", ["rep", "reason"], sa.text("reason IS NOT NULL")),
)


def upgrade() -> None:
    op.add_column("routed_leads", sa.Column("rejected_by", sa.Text(), nullable=False, server_default="[]"))
    op.add_column("routed_leads", sa.Column("recycle_at", UtcTime(), nullable=True))
    for name in ("joined", "credited_back"):
        op.add_column("assignments", sa.Column(name, sa.Boolean(), nullable=False, server_default=sa.false()))
    op.add_column("assignments", sa.Column("reason", sa.String(length=200), nullable=True))
    for name, columns, condition in _INDEXES:
        op.create_index(
            name, "assignments", columns, unique=False, postgresql_where=condition, sqlite_where=condition
        )


def downgrade() -> None:
    for name, _columns, _condition in _INDEXES:
        op.drop_index(name, table_name="assignments")
    for column in ("reason", "credited_back", "joined"):
        op.drop_column("assignments", column)
    for column in ("recycle_at", "rejected_by"):
        op.drop_column("routed_leads", column)
