"""Histories of leads as far as reports count them, and the counters. What happened before is not counted."""

import sqlalchemy as sa
from alembic import op

revision = "0022"
down_revision = "0021"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "lead_histories",
        sa.Column("lead_id", sa.String(length=500), nullable=False),
        sa.Column("history", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("lead_id", name=op.f("pk_lead_histories")),
        postgresql_with={"fillfactor": 60},
    )
    op.create_table(
        "counter_deltas",
        sa.Column("id", sa.String(length=36), nullable=False),
        sa.Column("deltas", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_counter_deltas")),
    )
    op.create_table(
        "duration_counters",
        sa.Column("grain", sa.String(length=1), nullable=False),
        sa.Column("day", sa.Integer(), nullable=False, autoincrement=False),
        sa.Column("queue", sa.String(length=200), nullable=False),
        sa.Column("clock", sa.String(length=200), nullable=False),
        sa.Column("bucket", sa.Integer(), nullable=False, autoincrement=False),
        sa.Column("measured", sa.BigInteger(), nullable=False, server_default="0"),
        sa.PrimaryKeyConstraint(
            "grain", "day", "queue", "clock", "bucket", name=op.f("pk_duration_counters")
        ),
    )
    op.create_table(
        "flow_counters",
        sa.Column("grain", sa.String(length=1), nullable=False),
        sa.Column("day", sa.Integer(), nullable=False, autoincrement=False),
        sa.Column("queue", sa.String(length=200), nullable=False),
        sa.Column("change", sa.String(length=200), nullable=False),
        sa.Column("step", sa.String(length=200), nullable=False),
        sa.Column("decided", sa.BigInteger(), nullable=False, server_default="0"),
        sa.PrimaryKeyConstraint("grain", "day", "queue", "change", "step", name=op.f("pk_flow_counters")),
    )
    op.create_table(
        "lead_counters",
        sa.Column("grain", sa.String(length=1), nullable=False),
        sa.Column("day", sa.Integer(), nullable=False, autoincrement=False),
        sa.Column("dimension", sa.String(length=200), nullable=False),
        sa.Column("name", sa.String(length=200), nullable=False),
        sa.Column("captured", sa.BigInteger(), nullable=False, server_default="0"),
        sa.Column("suppressed", sa.BigInteger(), nullable=False, server_default="0"),
        sa.Column("assigned", sa.BigInteger(), nullable=False, server_default="0"),
        sa.Column("accepted", sa.BigInteger(), nullable=False, server_default="0"),
        sa.Column("meetings", sa.BigInteger(), nullable=False, server_default="0"),
        sa.Column("opportunities", sa.BigInteger(), nullable=False, server_default="0"),
        sa.Column("won", sa.BigInteger(), nullable=False, server_default="0"),
        sa.Column("lost", sa.BigInteger(), nullable=False, server_default="0"),
        sa.Column("won_usd", sa.BigInteger(), nullable=False, server_default="0"),
        sa.PrimaryKeyConstraint("grain", "day", "dimension", "name", name=op.f("pk_lead_counters")),
    )
    op.create_table(
        "rep_counters",
        sa.Column("grain", sa.String(length=1), nullable=False),
        sa.Column("day", sa.Integer(), nullable=False, autoincrement=False),
        sa.Column("queue", sa.String(length=200), nullable=False),
        sa.Column("rep", sa.String(length=200), nullable=False),
        sa.Column("assigned", sa.BigInteger(), nullable=False, server_default="0"),
        sa.Column("accepted", sa.BigInteger(), nullable=False, server_default="0"),
        sa.Column("late", sa.BigInteger(), nullable=False, server_default="0"),
        sa.Column("rejected", sa.BigInteger(), nullable=False, server_default="0"),
        sa.Column("replied", sa.BigInteger(), nullable=False, server_default="0"),
        sa.Column("meetings", sa.BigInteger(), nullable=False, server_default="0"),
        sa.Column("meetings_held", sa.BigInteger(), nullable=False, server_default="0"),
        sa.Column("met", sa.BigInteger(), nullable=False, server_default="0"),
        sa.Column("met_opportunity", sa.BigInteger(), nullable=False, server_default="0"),
        sa.Column("opportunities", sa.BigInteger(), nullable=False, server_default="0"),
        sa.Column("opportunity_usd", sa.BigInteger(), nullable=False, server_default="0"),
        sa.Column("open_usd", sa.BigInteger(), nullable=False, server_default="0"),
        sa.Column("sourced", sa.BigInteger(), nullable=False, server_default="0"),
        sa.Column("sourced_usd", sa.BigInteger(), nullable=False, server_default="0"),
        sa.Column("named", sa.BigInteger(), nullable=False, server_default="0"),
        sa.Column("named_usd", sa.BigInteger(), nullable=False, server_default="0"),
        sa.Column("won", sa.BigInteger(), nullable=False, server_default="0"),
        sa.Column("lost", sa.BigInteger(), nullable=False, server_default="0"),
        sa.Column("won_usd", sa.BigInteger(), nullable=False, server_default="0"),
        sa.Column("pilots", sa.BigInteger(), nullable=False, server_default="0"),
        sa.Column("pilots_won", sa.BigInteger(), nullable=False, server_default="0"),
        sa.Column("pilots_lost", sa.BigInteger(), nullable=False, server_default="0"),
        sa.Column("renewed_usd", sa.BigInteger(), nullable=False, server_default="0"),
        sa.Column("expanded_usd", sa.BigInteger(), nullable=False, server_default="0"),
        sa.Column("contracted_usd", sa.BigInteger(), nullable=False, server_default="0"),
        sa.Column("churned_usd", sa.BigInteger(), nullable=False, server_default="0"),
        sa.Column("revenue_events", sa.BigInteger(), nullable=False, server_default="0"),
        sa.Column("without_usd", sa.BigInteger(), nullable=False, server_default="0"),
        sa.PrimaryKeyConstraint("grain", "day", "queue", "rep", name=op.f("pk_rep_counters")),
    )


def downgrade() -> None:
    for name in ("rep", "lead", "flow", "duration"):
        op.drop_table(f"{name}_counters")
    op.drop_table("counter_deltas")
    op.drop_table("lead_histories")
