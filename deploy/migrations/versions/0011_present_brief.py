"""The router keeps what a new brief is made of; views know the newest brief, the motion, and closed leads."""

import sqlalchemy as sa
from alembic import op

revision = "0011"
down_revision = "0010"
branch_labels = None
depends_on = None

_IS_LISTED = sa.text("status = 'listed'")


def upgrade() -> None:
    op.add_column("routed_leads", sa.Column("hand_off", sa.Text(), nullable=True))
    op.add_column("routed_leads", sa.Column("released_by", sa.String(length=200), nullable=True))
    op.create_index(
        "ix_routed_leads_listed",
        "routed_leads",
        ["queue"],
        unique=False,
        postgresql_where=_IS_LISTED,
        sqlite_where=_IS_LISTED,
    )
    op.add_column(
        "lead_views", sa.Column("briefed_sequence", sa.Integer(), nullable=False, server_default="0")
    )
    op.add_column("lead_views", sa.Column("briefed_id", sa.String(length=500), nullable=True))
    op.add_column("lead_views", sa.Column("motion", sa.String(length=20), nullable=True))
    op.add_column("lead_views", sa.Column("closed_as", sa.String(length=20), nullable=True))


def downgrade() -> None:
    for column in ("closed_as", "motion", "briefed_id", "briefed_sequence"):
        op.drop_column("lead_views", column)
    op.drop_index("ix_routed_leads_listed", table_name="routed_leads")
    for column in ("released_by", "hand_off"):
        op.drop_column("routed_leads", column)
