"""The events behind a lead's latest decision, from the ledger's tables."""

from __future__ import annotations

from typing import Any, Final

import msgspec
from sqlalchemy import RowMapping, and_, or_, select

from services.gateway.domain.explain import DecisionRecord, RecordedChange
from services.ledger.tables import events, lead_views
from shared.lead.events.lead_enriched import LeadEnrichedV1
from shared.lead.events.lead_routed import LeadRoutedV1
from shared.lead.events.lead_scored import LeadScoredV1
from shared.lead.events.lead_suppressed import LeadSuppressedV1
from shared.lead.events.ownership_change import OwnershipChange
from shared.lead.events.registry import BY_NAME
from shared.storage.database import Tx

_OWNERSHIP_CHANGES: Final = [
    name for name, event_type in BY_NAME.items() if issubclass(event_type.model, OwnershipChange)
]


async def find_decision(tx: Tx, lead_id: str) -> DecisionRecord | None:
    """Return the record of the latest decision on a lead, None when it has no view. The id is no alias."""
    found = await tx.execute(select(lead_views).where(lead_views.c.lead_id == lead_id))
    view = found.mappings().one_or_none()
    if view is None:
        return None
    ids = [view[f"{stage}_id"] for stage in ("enriched", "scored", "routed") if view[f"{stage}_id"]]
    later_change = and_(
        events.c.subject == lead_id,
        events.c.type.in_(_OWNERSHIP_CHANGES),
        events.c.sequence > view["routed_sequence"],
    )
    rows = await tx.execute(select(events).where(or_(events.c.id.in_(ids), later_change)))
    by_id = {row["id"]: row for row in rows.mappings() if row["type"] in BY_NAME}
    data = {id_: _decode(row) for id_, row in by_id.items()}
    routed = data.get(view["routed_id"])
    scored = data.get(view["scored_id"])
    if routed is not None:
        # The view's `scored_id` may be newer than the decision: show what the decision followed from.
        cause = await tx.execute(
            select(events).where(events.c.id == by_id[view["routed_id"]]["causation_id"])
        )
        row = cause.mappings().one_or_none()
        cause_data = _decode(row) if row is not None and row["type"] in BY_NAME else None
        scored = cause_data if isinstance(cause_data, LeadScoredV1) else scored
    enriched = data.get(view["enriched_id"])
    changes = [
        RecordedChange(id_, by_id[id_]["type"], change)
        for id_, change in data.items()
        if isinstance(change, OwnershipChange)
    ]
    return DecisionRecord(
        lead_id=lead_id,
        enriched=enriched if isinstance(enriched, LeadEnrichedV1) else None,
        scored=scored if isinstance(scored, LeadScoredV1) else None,
        routed=routed if isinstance(routed, LeadRoutedV1 | LeadSuppressedV1) else None,
        routed_id=view["routed_id"],
        changes=sorted(changes, key=lambda change: change.data.sequence),
    )


def _decode(row: RowMapping) -> Any:
    return msgspec.json.decode(row["data"], type=BY_NAME[row["type"]].model)
