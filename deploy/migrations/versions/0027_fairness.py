"""Balances are parts of a lead, whose bound is recorded; leads are numbered, and those out of turn counted.

Balances were in units of weight, which say nothing without the weights of their time. All reps begin at 0:
what was owed is forgiven, which is less than a lead for each rep of a queue with a steady team.
"""

import sqlalchemy as sa
from alembic import op

revision = "0027"
down_revision = "0026"
branch_labels = None
depends_on = None

_COUNTS = ("out_of_turn", "number", "number_before")


def upgrade() -> None:
    for name in _COUNTS:
        op.add_column("rep_queues", sa.Column(name, sa.BigInteger(), nullable=False, server_default="0"))
    op.execute("UPDATE rep_queues SET balance = 0")
    op.create_table(
        "router_queues",
        sa.Column("queue", sa.String(length=200), nullable=False),
        sa.Column("same_reps", sa.BigInteger(), nullable=True),
        sa.Column("steady", sa.Boolean(), nullable=False),
        sa.Column("added", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("queue", name=op.f("pk_router_queues")),
    )


def downgrade() -> None:
    op.drop_table("router_queues")
    op.execute("UPDATE rep_queues SET balance = 0")
    for name in reversed(_COUNTS):
        op.drop_column("rep_queues", name)
