"""The accounts that aliases stand for: of a lead's own domain, and an account's assignments by queue."""

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("scores", sa.Column("own_account", sa.String(length=500), nullable=True))
    _index_active(["account", "queue", "opened_at", "id"])


def downgrade() -> None:
    _index_active(["account", "opened_at", "id"])
    op.drop_column("scores", "own_account")


def _index_active(columns: list[str]) -> None:
    open_ones = sa.text("closed_at IS NULL")
    name, table = "ix_assignments_active", "assignments"
    op.drop_index(name, table_name=table, postgresql_where=open_ones, sqlite_where=open_ones)
    op.create_index(name, table, columns, unique=False, postgresql_where=open_ones, sqlite_where=open_ones)
