"""The events behind a lead's latest decision, from the ledger's tables."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final, TypeVar

import msgspec
from msgspec import Struct
from sqlalchemy import ColumnElement, RowMapping, and_, or_, select

from services.ledger.tables import events, lead_views
from shared.lead.events.lead_enriched import LeadEnrichedV1
from shared.lead.events.lead_routed import LeadRoutedV1
from shared.lead.events.lead_scored import LeadScoredV1
from shared.lead.events.lead_suppressed import LeadSuppressedV1
from shared.lead.events.ownership_change import OwnershipChange
from shared.lead.events.registry import BY_NAME
from shared.storage.database import Tx

D = TypeVar("D", bound=Struct)

_CHANGES: Final = [name for name, each in BY_NAME.items() if issubclass(each.model, OwnershipChange)]


class Recorded(Struct, frozen=True):
    """One event, decoded."""

    id: str
    type: str
    causation_id: str
    data: Struct


class Behind(Struct, frozen=True):
    """The events of each stage. `scored` is the one that `routed` followed from, if there is a decision."""

    enriched: LeadEnrichedV1 | None
    scored: LeadScoredV1 | None
    routed: LeadRoutedV1 | LeadSuppressedV1 | None
    routed_id: str | None
    changes: Sequence[tuple[Recorded, OwnershipChange]]


async def behind_decision(tx: Tx, lead_id: str) -> Behind | None:
    """Return the events behind the latest decision on a lead, None without a view. The id is no alias."""
    found = await tx.execute(select(lead_views).where(lead_views.c.lead_id == lead_id))
    view = found.mappings().one_or_none()
    if view is None:
        return None
    ids = {name: view[f"{name}_id"] for name in ("enriched", "scored", "routed")}
    by_id = await _events(tx, lead_id, view, [id_ for id_ in ids.values() if id_])
    routed = by_id.get(ids["routed"])
    cause = routed.causation_id if routed else ""
    if cause and cause not in by_id:
        by_id |= await _by_id(tx, events.c.id == cause)
    changes = [(row, row.data) for row in by_id.values() if isinstance(row.data, OwnershipChange)]
    return Behind(
        enriched=_data(LeadEnrichedV1, by_id.get(ids["enriched"])),
        scored=_data(LeadScoredV1, by_id.get(cause)) or _data(LeadScoredV1, by_id.get(ids["scored"])),
        routed=_data(LeadRoutedV1, routed) or _data(LeadSuppressedV1, routed),
        routed_id=ids["routed"],
        changes=sorted(changes, key=lambda change: change[1].sequence),
    )


async def _events(tx: Tx, lead_id: str, view: RowMapping, ids: list[str]) -> dict[str, Recorded]:
    """Return the events of these ids, and what was said of the lead's owner after its routing."""
    of_lead = and_(events.c.subject == lead_id, events.c.type.in_(_CHANGES))
    later = and_(of_lead, events.c.sequence > view["routed_sequence"])
    return await _by_id(tx, or_(events.c.id.in_(ids), later))


async def _by_id(tx: Tx, wanted: ColumnElement[bool]) -> dict[str, Recorded]:
    rows = (await tx.execute(select(events).where(wanted))).mappings()
    return {row["id"]: _recorded(row) for row in rows if row["type"] in BY_NAME}


def _data(kind: type[D], recorded: Recorded | None) -> D | None:
    return recorded.data if recorded is not None and isinstance(recorded.data, kind) else None


def _recorded(row: RowMapping) -> Recorded:
    model = BY_NAME[row["type"]].model
    return Recorded(row["id"], row["type"], row["causation_id"], msgspec.json.decode(row["data"], type=model))
