"""The events behind a decision on a lead, from the ledger's tables."""

from __future__ import annotations

from math import inf
from typing import Any, Final

import msgspec
from sqlalchemy import RowMapping, and_, or_, select

from services.gateway.domain.explain import DecisionRecord, GivenBy, RecordedChange
from services.ledger.tables import events, lead_views
from shared.lead.events.lead_enriched import LeadEnrichedV1
from shared.lead.events.lead_routed import LeadRoutedV1
from shared.lead.events.lead_scored import LeadScoredV1
from shared.lead.events.lead_suppressed import LeadSuppressedV1
from shared.lead.events.ownership_change import OwnershipChange
from shared.lead.events.registry import BY_MODEL, BY_NAME
from shared.storage.database import Tx

_EARLIER_MAX: Final = 50
"""The events before a decision among which the one is looked for that gave the lead to its owner."""
_SCORED: Final = BY_MODEL[LeadScoredV1].name
_ROUTINGS: Final = frozenset(
    name for name, event in BY_NAME.items() if issubclass(event.model, LeadRoutedV1 | LeadSuppressedV1)
)
_OWNERSHIP_CHANGES: Final = frozenset(
    name for name, event in BY_NAME.items() if issubclass(event.model, OwnershipChange)
)


async def find_decision(tx: Tx, lead_id: str, decision: str | None = None) -> DecisionRecord | None:
    """Return the record of a decision on a lead, None when the lead has no view. The id is no alias.

    `decision` is the id or the sequence of an event of the router; without it, the latest routing is taken.
    When there is no such decision, the record has none.
    """
    found = await tx.execute(select(lead_views).where(lead_views.c.lead_id == lead_id))
    view = found.mappings().one_or_none()
    if view is None:
        return None
    decided = select(events.c.id, events.c.type, events.c.sequence, events.c.causation_id).where(
        events.c.subject == lead_id, events.c.type.in_(_ROUTINGS | _OWNERSHIP_CHANGES)
    )
    in_order = sorted((await tx.execute(decided)).mappings(), key=lambda row: row["sequence"] or 0)
    chosen = _chosen(in_order, decision)
    end = inf
    if chosen is not None:
        following = (row["sequence"] for row in in_order if row["type"] in _ROUTINGS)
        end = next((number for number in following if number > chosen["sequence"]), inf)
    changed = [
        row
        for row in in_order
        if chosen and row["type"] in _OWNERSHIP_CHANGES and chosen["sequence"] < row["sequence"] < end
    ]
    ids = [view[f"{stage}_id"] for stage in ("enriched", "scored") if view[f"{stage}_id"]]
    ids += [row["id"] for row in (chosen, *changed) if row]
    rows = await tx.execute(select(events).where(events.c.id.in_(ids)))
    data = {row["id"]: _decode(row) for row in rows.mappings() if row["type"] in BY_NAME}
    routed = data.get(chosen["id"]) if chosen else None
    given = None
    if chosen and routed and not isinstance(routed, LeadSuppressedV1) and routed.decision.change == "kept":
        earlier = [row for row in in_order if row["sequence"] < chosen["sequence"]][-_EARLIER_MAX:]
        given = await _given_by(tx, earlier)
    # The view's score may be newer than the decision: show what the decision followed from.
    scored = await _scored_before(tx, lead_id, routed, chosen["causation_id"]) if chosen and routed else None
    latest, enriched = data.get(view["scored_id"]), data.get(view["enriched_id"])
    return DecisionRecord(
        lead_id=lead_id,
        enriched=enriched if isinstance(enriched, LeadEnrichedV1) else None,
        scored=scored or (latest if isinstance(latest, LeadScoredV1) else None),
        routed=routed,
        routed_id=chosen["id"] if chosen else None,
        routed_type=chosen["type"] if chosen else None,
        given=given,
        changes=[
            RecordedChange(row["id"], row["type"], data[row["id"]]) for row in changed if row["id"] in data
        ],
    )


def _chosen(in_order: list[RowMapping], decision: str | None) -> RowMapping | None:
    """Return the decision of that id or sequence, without one the latest routing."""
    if decision is None:
        return next((row for row in reversed(in_order) if row["type"] in _ROUTINGS), None)
    return next((row for row in in_order if decision in (row["id"], str(row["sequence"]))), None)


async def _given_by(tx: Tx, earlier: list[RowMapping]) -> GivenBy | None:
    """Return which of these events gave the lead to the last rep; of a move, the first of its two events."""
    rows = await tx.execute(select(events).where(events.c.id.in_([row["id"] for row in earlier])))
    decided = [(row["id"], _decode(row)) for row in rows.mappings()]
    gave = [
        GivenBy(event_id, data.sequence, data.occurred_at, data.decision.owner)
        for event_id, data in decided
        if not isinstance(data, LeadSuppressedV1) and data.decision.change in ("assigned", "moved")
    ]
    last = max(gave, key=lambda one: one.sequence, default=None)
    same = (one for one in gave if last and (one.at, one.owner) == (last.at, last.owner))
    return min(same, key=lambda one: one.sequence, default=None)


async def _scored_before(tx: Tx, lead_id: str, routed: Any, cause: str) -> LeadScoredV1 | None:
    """Return the score that a decision followed from; None when it is not recorded (any more)."""
    caused = events.c.id == cause
    sequence = routed.decision.scored_sequence
    if sequence is not None:
        numbered = and_(events.c.subject == lead_id, events.c.sequence == sequence)
        caused = or_(caused, numbered)
    found = await tx.execute(select(events).where(caused, events.c.type == _SCORED))
    scored = [_decode(row) for row in found.mappings()]
    exact = (one for one in scored if sequence in (None, one.sequence))
    return next(exact, None)


def _decode(row: RowMapping) -> Any:
    return msgspec.json.decode(row["data"], type=BY_NAME[row["type"]].model)
