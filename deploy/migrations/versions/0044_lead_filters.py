"""Lists of leads by band, by a status other than routed, and of nurtured leads have an index.

While they are built, which takes some seconds for a million leads, the ledger waits to write.
"""

import sqlalchemy as sa
from alembic import op

revision = "0044"
down_revision = "0043"
branch_labels = None
depends_on = None

_INDEXES = {
    "ix_lead_views_band_first_at_lead_id": (("band", "first_at", "lead_id"), None),
    "ix_lead_views_not_routed": (("status", "first_at", "lead_id"), "status <> 'routed'"),
    "ix_lead_views_nurtured": (("first_at", "lead_id"), "motion = 'nurture'"),
}


def upgrade() -> None:
    for name, (columns, condition) in _INDEXES.items():
        where = sa.text(condition) if condition else None
        op.create_index(name, "lead_views", list(columns), postgresql_where=where, sqlite_where=where)


def downgrade() -> None:
    for name in _INDEXES:
        op.drop_index(name, table_name="lead_views")
