"""Lists show who a lead is and why it is here; the clocks of a queue, a rep and all queues are in order.

What present leads say is taken from their recorded events, so that lists are complete at once.
"""

import msgspec
import sqlalchemy as sa
from alembic import op

revision = "0032"
down_revision = "0031"
branch_labels = None
depends_on = None

_COLUMNS = {
    "rule": sa.String(length=200),
    "reason": sa.String(length=200),
    "name": sa.String(length=401),
    "title": sa.String(length=200),
    "company": sa.String(length=200),
    "source": sa.String(length=200),
    "grade": sa.String(length=200),
    "band": sa.String(length=20),
    "total": sa.Integer(),
    "trigger": sa.String(length=200),
    "quote": sa.String(length=200),
}
_VIEW_INDEXES = ("rule", "grade", "source")
_CLOCKS = {
    "ix_assignments_queue_clock": (["queue", "accept_by", "lead_id"], " AND accepted_at IS NULL"),
    "ix_assignments_clock": (["accept_by", "lead_id"], " AND accepted_at IS NULL"),
    "ix_assignments_rep_clock": (["rep", "accept_by", "lead_id"], ""),
    "ix_assignments_accepted": (["accepted_at", "lead_id"], " AND accepted_at IS NOT NULL"),
}
_BATCH = 500
_QUOTE_LENGTH_MAX = 200


def upgrade() -> None:
    for name, kind in _COLUMNS.items():
        op.add_column("lead_views", sa.Column(name, kind))
    _fill(op.get_bind())
    for name in _VIEW_INDEXES:
        columns = [name, "first_at", "lead_id"]
        op.create_index(op.f(f"ix_lead_views_{'_'.join(columns)}"), "lead_views", columns)
    _create_partial(
        "ix_lead_views_suppressed", "lead_views", ["reason", "first_at", "lead_id"], "reason IS NOT NULL"
    )
    for name, (columns, condition) in _CLOCKS.items():
        _create_partial(name, "assignments", columns, f"closed_at IS NULL{condition}")


def downgrade() -> None:
    for name in _CLOCKS:
        op.drop_index(name, table_name="assignments")
    op.drop_index("ix_lead_views_suppressed", table_name="lead_views")
    for name in _VIEW_INDEXES:
        op.drop_index(op.f(f"ix_lead_views_{name}_first_at_lead_id"), table_name="lead_views")
    for name in _COLUMNS:
        op.drop_column("lead_views", name)


def _create_partial(name, table, columns, condition):
    op.create_index(
        name, table, columns, postgresql_where=sa.text(condition), sqlite_where=sa.text(condition)
    )


def _fill(connection):
    views = sa.table(
        "lead_views", *(sa.column(name) for name in ("lead_id", "scored_id", "owned_id", *_COLUMNS))
    )
    events = sa.table("events", sa.column("id"), sa.column("data"))
    stages = sa.select(views.c.lead_id, views.c.scored_id, views.c.owned_id).order_by(views.c.lead_id)
    change = sa.update(views).where(views.c.lead_id == sa.bindparam("_lead_id"))
    change = change.values({name: sa.bindparam(name) for name in _COLUMNS})
    last = ""
    while rows := connection.execute(stages.where(views.c.lead_id > last).limit(_BATCH)).all():
        last = rows[-1].lead_id
        ids = [id_ for row in rows for id_ in (row.scored_id, row.owned_id) if id_]
        found = connection.execute(sa.select(events).where(events.c.id.in_(ids)))
        data = {row.id: msgspec.json.decode(row.data) for row in found}
        changes = [
            {"_lead_id": row.lead_id, **_values(data.get(row.scored_id, {}), data.get(row.owned_id, {}))}
            for row in rows
        ]
        connection.execute(change, changes)


def _values(scored, owned):
    person, company = scored.get("person") or {}, scored.get("company") or {}
    score, news = scored.get("score") or {}, scored.get("news") or scored.get("trigger") or {}
    decision = owned.get("decision") or {}
    names = (person.get("first_name"), person.get("last_name"))
    texts = (scored.get("message"), *(one["text"] for one in scored.get("earlier_messages") or ()))
    written = (" ".join((text or "").split()) for text in texts)
    quote = next((text for text in written if text), None)
    if quote is not None and len(quote) > _QUOTE_LENGTH_MAX:
        quote = f"{quote[: _QUOTE_LENGTH_MAX - 1].rstrip()}…"
    return {
        "rule": decision.get("rule"),
        "reason": decision.get("reason"),
        "name": " ".join(name for name in names if name) or None,
        "title": person.get("title"),
        "company": company.get("name"),
        "source": (scored.get("source") or {}).get("name"),
        "grade": score.get("grade"),
        "band": score.get("band"),
        "total": score.get("total"),
        "trigger": news.get("type"),
        "quote": quote,
    }
