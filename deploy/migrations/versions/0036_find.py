"""Leads are found by the words of their names, and lists of accounts and of an owner's leads have an index.

What is looked for by its beginning is in the order of its characters (collation C in PostgreSQL).
"""

import re
import unicodedata

import msgspec
import sqlalchemy as sa
from alembic import op

from shared.lead.identity import account_key

revision = "0036"
down_revision = "0035"
branch_labels = None
depends_on = None

_C = {
    ("lead_views", "account"): (500, False),
    ("lead_views", "email"): (500, True),
    ("accounts", "account"): (500, False),
    ("accounts", "name_key"): (200, True),
}
_ACCOUNT_LISTS = {
    "ix_accounts_listed": ((), "leads > 0 OR relation IS NOT NULL"),
    "ix_accounts_relation": (("relation",), "relation IS NOT NULL"),
    "ix_accounts_qualified": ((), "qualified"),
    "ix_accounts_open_opportunity": ((), "open_opportunity"),
}
_BATCH = 500


def upgrade() -> None:
    word = sa.String(length=50).with_variant(sa.String(50, "C"), "postgresql")
    op.create_table(
        "lead_names",
        sa.Column("word", word, nullable=False),
        sa.Column("lead_id", sa.String(length=36), nullable=False),
        sa.PrimaryKeyConstraint("word", "lead_id", name=op.f("pk_lead_names")),
    )
    op.add_column("accounts", sa.Column("relation", sa.String(length=20)))
    op.add_column(
        "accounts", sa.Column("open_opportunity", sa.Boolean(), nullable=False, server_default=sa.false())
    )
    _order_by_characters("C")
    _fill_names(op.get_bind())
    _fill_accounts(op.get_bind())
    op.drop_index("ix_lead_views_owner", table_name="lead_views")
    op.create_index("ix_lead_views_owner_first_at_lead_id", "lead_views", ["owner", "first_at", "lead_id"])
    for name, (first, condition) in _ACCOUNT_LISTS.items():
        op.create_index(
            name,
            "accounts",
            [*first, sa.column("leads").desc(), "account"],
            postgresql_where=sa.text(condition),
            sqlite_where=sa.text(condition),
        )


def downgrade() -> None:
    for name in _ACCOUNT_LISTS:
        op.drop_index(name, table_name="accounts")
    op.drop_index("ix_lead_views_owner_first_at_lead_id", table_name="lead_views")
    op.create_index("ix_lead_views_owner", "lead_views", ["owner"])
    _order_by_characters("default")
    op.drop_column("accounts", "open_opportunity")
    op.drop_column("accounts", "relation")
    op.drop_table("lead_names")


def _order_by_characters(collation):
    if op.get_bind().dialect.name != "postgresql":
        return
    for (table, column), (length, is_nullable) in _C.items():
        kind = sa.String(length, collation)
        op.alter_column(
            table, column, type_=kind, existing_type=sa.String(length), existing_nullable=is_nullable
        )


def _fill_names(connection):
    views = sa.table("lead_views", sa.column("lead_id"), sa.column("name"))
    names = sa.table("lead_names", sa.column("word"), sa.column("lead_id"))
    named = sa.select(views.c.lead_id, views.c.name).where(views.c.name.is_not(None))
    last = ""
    while rows := connection.execute(
        named.where(views.c.lead_id > last).order_by(views.c.lead_id).limit(_BATCH)
    ).all():
        last = rows[-1].lead_id
        found = [{"word": word, "lead_id": row.lead_id} for row in rows for word in _words(row.name)]
        if found:
            connection.execute(sa.insert(names), found)


def _words(name):
    decomposed = unicodedata.normalize("NFKD", name).casefold()
    plain = "".join(char for char in decomposed if not unicodedata.combining(char))
    return list(dict.fromkeys(word[:50] for word in re.findall(r"[^\W_]+", plain)))[:6]


def _fill_accounts(connection):
    names = ("account", "knowledge", "relation", "open_opportunity")
    accounts = sa.table("accounts", *(sa.column(name) for name in names))
    told = sa.select(accounts.c.account, accounts.c.knowledge).where(accounts.c.knowledge.is_not(None))
    change = sa.update(accounts).where(accounts.c.account == sa.bindparam("_account"))
    change = change.values(relation=sa.bindparam("relation"), open_opportunity=sa.bindparam("open"))
    last = ""
    while rows := connection.execute(
        told.where(accounts.c.account > last).order_by(accounts.c.account).limit(_BATCH)
    ).all():
        last = rows[-1].account
        known = {row.account: msgspec.json.decode(row.knowledge) for row in rows}
        changes = [
            {
                "_account": account,
                "relation": data.get("relation", "none"),
                "open": data.get("open_opportunity", False),
            }
            for account, data in known.items()
            if account_key(data["domain"], None, "") == account  # an alias has the knowledge of its account
        ]
        if changes:
            connection.execute(change, changes)
