"""Backtests: what was asked for and found, and the leads that move."""

import sqlalchemy as sa
from alembic import op

from shared.storage.types import UtcTime

revision = "0030"
down_revision = "0029"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "backtests",
        sa.Column("id", sa.String(length=36), nullable=False),
        sa.Column("state", sa.String(length=20), nullable=False),
        sa.Column("candidate", sa.String(length=64), nullable=False),
        sa.Column("files", sa.Text(), nullable=True),
        sa.Column("since", UtcTime(), nullable=True),
        sa.Column("until", UtcTime(), nullable=True),
        sa.Column("segment", sa.String(length=500), nullable=True),
        sa.Column("done", sa.Integer(), nullable=False),
        sa.Column("total", sa.Integer(), nullable=False),
        sa.Column("created_at", UtcTime(), nullable=False),
        sa.Column("created_by", sa.String(length=200), nullable=False),
        sa.Column("leased_until", UtcTime(), nullable=True),
        sa.Column("finished_at", UtcTime(), nullable=True),
        sa.Column("error", sa.String(length=1000), nullable=True),
        sa.Column("report", sa.Text(), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_backtests")),
    )
    op.create_index(op.f("ix_backtests_created_at_id"), "backtests", ["created_at", "id"])
    op.create_index(op.f("ix_backtests_candidate_created_at"), "backtests", ["candidate", "created_at"])
    op.create_index(op.f("ix_backtests_state"), "backtests", ["state"])
    op.create_table(
        "backtest_moves",
        sa.Column("backtest_id", sa.String(length=36), nullable=False),
        sa.Column("number", sa.Integer(), nullable=False, autoincrement=False),
        sa.Column("lead_id", sa.String(length=36), nullable=False),
        sa.Column("data", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("backtest_id", "number", name=op.f("pk_backtest_moves")),
    )
    op.create_index(op.f("ix_backtest_moves_lead_id"), "backtest_moves", ["lead_id"])


def downgrade() -> None:
    op.drop_table("backtest_moves")
    op.drop_table("backtests")
