"""What each lead has reached, by stage and hour: the leads behind the numbers of a report."""

import msgspec
import sqlalchemy as sa
from alembic import op

from services.ledger.domain.lead_history import LeadHistory
from services.ledger.domain.lead_share import milestones_of, tally_of

revision = "0042"
down_revision = "0041"
branch_labels = None
depends_on = None

_BATCH = 500


def upgrade() -> None:
    op.create_table(
        "lead_milestones",
        sa.Column("lead_id", sa.String(length=500), nullable=False),
        sa.Column("stage", sa.String(length=20), nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("hour", sa.Integer(), nullable=True),
        sa.Column("captured_hour", sa.Integer(), nullable=True),
        sa.Column("grade", sa.String(length=200), nullable=False),
        sa.Column("queue", sa.String(length=200), nullable=False),
        sa.Column("reason", sa.String(length=200), nullable=False),
        sa.PrimaryKeyConstraint("lead_id", "stage", "number", name=op.f("pk_lead_milestones")),
    )
    _fill(op.get_bind())
    op.create_index(
        op.f("ix_lead_milestones_stage_hour_lead_id"), "lead_milestones", ["stage", "hour", "lead_id"]
    )
    op.create_index(
        op.f("ix_lead_milestones_stage_grade_captured_hour_lead_id"),
        "lead_milestones",
        ["stage", "grade", "captured_hour", "lead_id"],
    )


def downgrade() -> None:
    op.drop_table("lead_milestones")


def _fill(connection):
    """Store the milestones of the leads whose histories are known, some leads at a time."""
    names = ["lead_id", "stage", "number", "hour", "captured_hour", "grade", "queue", "reason"]
    table = sa.table("lead_milestones", *map(sa.column, names))
    following = sa.text(
        "SELECT lead_id, history FROM lead_histories WHERE lead_id > :last ORDER BY lead_id LIMIT :batch"
    )
    decode = msgspec.json.Decoder(LeadHistory).decode
    last = ""
    while leads := connection.execute(following, {"last": last, "batch": _BATCH}).all():
        rows = [
            msgspec.structs.asdict(row)
            for lead_id, history in leads
            for row in milestones_of(lead_id, tally_of(decode(history))).values()
        ]
        if rows:
            connection.execute(table.insert(), rows)
        last = leads[-1][0]
