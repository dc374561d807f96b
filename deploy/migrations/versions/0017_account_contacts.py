"""People whom providers named at an account, and what was asked for them."""

import sqlalchemy as sa
from alembic import op

from shared.storage.types import UtcTime

revision = "0017"
down_revision = "0016"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("accounts", sa.Column("contacts", sa.Text(), nullable=False, server_default="[]"))
    op.add_column(
        "accounts", sa.Column("contacts_sequence", sa.Integer(), nullable=False, server_default="0")
    )
    op.create_table(
        "account_contacts",
        sa.Column("account", sa.String(length=500), nullable=False),
        sa.Column("contact_id", sa.String(length=36), nullable=False),
        sa.Column("profile_id", sa.String(length=36), nullable=True),
        sa.Column("name_id", sa.String(length=36), nullable=False),
        sa.Column("person", sa.Text(), nullable=False),
        sa.Column("role", sa.String(length=20), nullable=False),
        sa.Column("provider", sa.String(length=200), nullable=False),
        sa.Column("confidence", sa.Float(), nullable=False),
        sa.Column("cost", sa.Integer(), nullable=False),
        sa.Column("found_at", UtcTime(), nullable=False),
        sa.PrimaryKeyConstraint("account", "contact_id", name=op.f("pk_account_contacts")),
    )
    for column in ("contact_id", "profile_id"):
        op.create_index(op.f(f"ix_account_contacts_{column}"), "account_contacts", [column])
    op.create_table(
        "account_discoveries",
        sa.Column("account", sa.String(length=500), nullable=False),
        sa.Column("sequence", sa.Integer(), nullable=False),
        sa.Column("steps", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("account", name=op.f("pk_account_discoveries")),
    )


def downgrade() -> None:
    op.drop_table("account_discoveries")
    op.drop_table("account_contacts")
    op.drop_column("accounts", "contacts_sequence")
    op.drop_column("accounts", "contacts")
