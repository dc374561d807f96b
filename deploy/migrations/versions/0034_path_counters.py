"""Counters of the way of leads through the policy, of times to accept by rep, and of hours."""

import json

import sqlalchemy as sa
from alembic import op

revision = "0034"
down_revision = "0033"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "accept_counters",
        sa.Column("grain", sa.String(length=1), nullable=False),
        sa.Column("day", sa.Integer(), nullable=False, autoincrement=False),
        sa.Column("queue", sa.String(length=200), nullable=False),
        sa.Column("rep", sa.String(length=200), nullable=False),
        sa.Column("bucket", sa.Integer(), nullable=False, autoincrement=False),
        sa.Column("accepted", sa.BigInteger(), nullable=False, server_default="0"),
        sa.PrimaryKeyConstraint("grain", "day", "queue", "rep", "bucket", name=op.f("pk_accept_counters")),
    )
    op.create_table(
        "path_counters",
        sa.Column("grain", sa.String(length=1), nullable=False),
        sa.Column("day", sa.Integer(), nullable=False, autoincrement=False),
        sa.Column("policy", sa.String(length=200), nullable=False),
        sa.Column("step", sa.String(length=200), nullable=False),
        sa.Column("queue", sa.String(length=200), nullable=False),
        sa.Column("change", sa.String(length=200), nullable=False),
        sa.Column("leads", sa.BigInteger(), nullable=False, server_default="0"),
        sa.Column("assigned", sa.BigInteger(), nullable=False, server_default="0"),
        sa.Column("accepted", sa.BigInteger(), nullable=False, server_default="0"),
        sa.Column("late", sa.BigInteger(), nullable=False, server_default="0"),
        sa.PrimaryKeyConstraint(
            "grain", "day", "policy", "step", "queue", "change", name=op.f("pk_path_counters")
        ),
    )
    op.create_table(
        "unknown_counters",
        sa.Column("grain", sa.String(length=1), nullable=False),
        sa.Column("day", sa.Integer(), nullable=False, autoincrement=False),
        sa.Column("policy", sa.String(length=200), nullable=False),
        sa.Column("step", sa.String(length=200), nullable=False),
        sa.Column("field", sa.String(length=200), nullable=False),
        sa.Column("leads", sa.BigInteger(), nullable=False, server_default="0"),
        sa.PrimaryKeyConstraint("grain", "day", "policy", "step", "field", name=op.f("pk_unknown_counters")),
    )
    _change_units(lambda day: day * 24)


def downgrade() -> None:
    _change_units(lambda hour: hour // 24)
    for name in ("unknown", "path", "accept"):
        op.drop_table(f"{name}_counters")
    for name in ("duration", "flow", "lead", "rep"):
        op.execute(sa.text(f"DELETE FROM {name}_counters WHERE grain = 'h'"))


def _change_units(number_of) -> None:
    """Say additions that are not added up yet by the hour instead of the day, or back."""
    pending = sa.table("counter_deltas", sa.column("id", sa.String), sa.column("deltas", sa.Text))
    connection = op.get_bind()
    for id_, deltas in connection.execute(sa.select(pending.c.id, pending.c.deltas)).all():
        changed = [
            [table, [number_of(key[0]), *key[1:]], counts] for table, key, counts in json.loads(deltas)
        ]
        statement = sa.update(pending).where(pending.c.id == id_).values(deltas=json.dumps(changed))
        connection.execute(statement)
