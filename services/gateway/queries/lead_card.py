"""The state of one lead for a person who works it.

It is what `find_lead_view` says, in four statements: without outcomes, rejections and instants.
"""

from __future__ import annotations

import msgspec
from sqlalchemy import func, select

from services.enricher.tables import lead_aliases
from services.gateway.domain.lead_view import View, assemble_view, current_sla
from services.gateway.queries.lead_view import find_lead_view
from services.gateway.queries.ownership import find_ownership
from services.ledger.tables import events, lead_views
from shared.storage.database import Tx

_STAGES = ("enriched", "scored", "routed", "owned", "briefed")


async def find_lead_card(tx: Tx, lead_id: str) -> View | None:
    """Return the view of a lead, None when nothing of it is recorded. The id may be an alias."""
    alias = select(lead_aliases.c.lead_id).where(lead_aliases.c.alias_id == lead_id).scalar_subquery()
    survivor = func.coalesce(alias, lead_id)
    row = (
        (await tx.execute(select(lead_views).where(lead_views.c.lead_id == survivor)))
        .mappings()
        .one_or_none()
    )
    if row is None:
        return await find_lead_view(tx, lead_id)  # on its way: it has a form or a dead letter at most
    ids = {stage: row[f"{stage}_id"] for stage in _STAGES if row[f"{stage}_id"]}
    found = await tx.execute(
        select(events.c.id, events.c.data).where(events.c.id.in_(sorted(set(ids.values()))))
    )
    data = {event.id: msgspec.json.decode(event.data) for event in found}
    view = assemble_view(dict(row), {stage: data[id_] for stage, id_ in ids.items() if id_ in data}, [])
    owned = await find_ownership(tx, row["lead_id"])
    view["joined"] = owned.joined
    view["sla"] = current_sla(view["sla"], (owned.accept_by, owned.accepted_at) if owned.sequence else None)
    view["first_at"], view["motion"] = row["first_at"], row["motion"]
    view["assigned_at"] = owned.opened_at

    return view
