"""What providers' answers changed and cost by field, and the state of each provider."""

import sqlalchemy as sa
from alembic import op

from shared.storage.types import UtcTime

revision = "0015"
down_revision = "0014"
branch_labels = None
depends_on = None


def upgrade() -> None:
    for name in ("answers", "unchanged"):
        op.add_column("provider_spend", sa.Column(name, sa.Integer(), nullable=False, server_default="0"))
    op.add_column("provider_spend", sa.Column("field_cents", sa.Text(), nullable=False, server_default="{}"))
    # Calls were not told apart from answers before; hardly any fails.
    op.execute("UPDATE provider_spend SET answers = calls")
    op.create_table(
        "provider_states",
        sa.Column("provider", sa.String(length=200), nullable=False),
        sa.Column("state", sa.String(length=20), nullable=False),
        sa.Column("reason", sa.String(length=500), nullable=False),
        sa.Column("since", UtcTime(), nullable=False),
        sa.PrimaryKeyConstraint("provider", name=op.f("pk_provider_states")),
    )


def downgrade() -> None:
    op.drop_table("provider_states")
    for name in ("field_cents", "unchanged", "answers"):
        op.drop_column("provider_spend", name)
