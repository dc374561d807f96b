"""When the next attempt of any delivery is due has an index, so that looking for what is due is one look-up.

Deliveries without an attempt ahead are not in it. Building it takes seconds for a million deliveries.
"""

import sqlalchemy as sa
from alembic import op

revision = "0046"
down_revision = "0045"
branch_labels = None
depends_on = None

_WAITS = sa.text("next_attempt_at IS NOT NULL")


def upgrade() -> None:
    op.create_index(
        "ix_deliveries_next_attempt",
        "deliveries",
        ["next_attempt_at"],
        postgresql_where=_WAITS,
        sqlite_where=_WAITS,
    )


def downgrade() -> None:
    op.drop_index("ix_deliveries_next_attempt", table_name="deliveries")
