"""Which account a lead was matched to, and the names by which accounts are found."""

import sqlalchemy as sa
from alembic import op

revision = "0029"
down_revision = "0028"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "account_names",
        sa.Column("block", sa.String(length=80), nullable=False),
        sa.Column(
            "account", sa.String(length=500).with_variant(sa.String(500, "C"), "postgresql"), nullable=False
        ),
        sa.Column("profiles", sa.Text(), nullable=False),
        sa.Column("seen", sa.Text(), nullable=False),
        sa.Column("split", sa.Text(), nullable=False),
        sa.Column("relation", sa.String(length=20)),
        sa.PrimaryKeyConstraint("block", "account", name=op.f("pk_account_names")),
    )
    op.add_column("scores", sa.Column("account_match", sa.Text()))
    op.add_column("accounts", sa.Column("company", sa.Text()))


def downgrade() -> None:
    op.drop_column("accounts", "company")
    op.drop_column("scores", "account_match")
    op.drop_table("account_names")
