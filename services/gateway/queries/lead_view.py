"""The view of one lead, from the events that the ledger recorded and the router's assignments."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from operator import itemgetter
from typing import Any

import msgspec
from sqlalchemy import ColumnElement, exists, or_, select

from services.enricher.tables import lead_aliases
from services.gateway.domain.lead_view import (
    DEAD_LETTERED,
    LEAD_RECEIVED,
    UNDECIDED,
    View,
    assemble_view,
    current_sla,
    view_before_enrichment,
)
from services.gateway.domain.outcomes import OUTCOME_RECEIVED, happened_outcomes
from services.gateway.queries.ownership import find_ownership, find_rejections
from services.ledger.domain.instants import LeadInstants, instants_of
from services.ledger.domain.lead_history import LeadHistoryRow
from services.ledger.tables import dead_letters, events, lead_views
from services.router.tables import notified_leads
from shared.storage.database import Tx


async def surviving_lead(tx: Tx, lead_id: str) -> str:
    """Return the id of the lead that an id stands for: itself, or the lead that it is an alias of."""
    found = await tx.execute(select(lead_aliases.c.lead_id).where(lead_aliases.c.alias_id == lead_id))
    return found.scalar_one_or_none() or lead_id


async def surviving_leads(tx: Tx, lead_ids: Collection[str]) -> dict[str, str]:
    """Return for each of these ids that is an alias the lead that it stands for."""
    columns = select(lead_aliases.c.alias_id, lead_aliases.c.lead_id)
    found = await tx.execute(columns.where(lead_aliases.c.alias_id.in_(lead_ids)))
    return {row.alias_id: row.lead_id for row in found}


async def ids_of_lead(tx: Tx, lead_id: str) -> list[str]:
    """Return the id of a lead that is no alias, and all ids that are aliases of it."""
    aliases = select(lead_aliases.c.alias_id).where(lead_aliases.c.lead_id == lead_id)
    return [lead_id, *sorted((await tx.execute(aliases)).scalars())]


def is_no_alias(lead_id: ColumnElement[str]) -> ColumnElement[bool]:
    """Return the condition that no other lead answers for an id: a lead that was merged is listed no more."""
    return ~exists().where(lead_aliases.c.alias_id == lead_id)


async def find_lead_view(tx: Tx, lead_id: str) -> View | None:
    """Return the view of a lead, None when nothing of it is recorded yet. The id is no alias."""
    views = await tx.execute(select(lead_views).where(lead_views.c.lead_id == lead_id))
    row = views.mappings().one_or_none()
    if row is None:
        return await _view_before_enrichment(tx, lead_id)
    names = ("enriched", "scored", "routed", "owned", "briefed")
    stages = {stage: row[f"{stage}_id"] for stage in names if row[f"{stage}_id"]}
    columns = select(events.c.id, events.c.data, events.c.causation_id)
    found = (await tx.execute(columns.where(events.c.id.in_(sorted(set(stages.values())))))).all()
    data = {event.id: msgspec.json.decode(event.data) for event in found}
    causes = {event.id: event.causation_id or event.id for event in found}
    lead_ids = await ids_of_lead(tx, lead_id)
    received = select(events.c.at, events.c.data).where(
        events.c.subject.in_(lead_ids), events.c.type == OUTCOME_RECEIVED
    )
    recorded = await tx.execute(received.order_by(events.c.at, events.c.id))
    outcomes = happened_outcomes((row.at, msgspec.json.decode(row.data)) for row in recorded)
    outcomes += await find_rejections(tx, lead_ids)
    view = assemble_view(
        {**row, "cause_id": causes.get(row["enriched_id"])},
        {stage: data[id_] for stage, id_ in stages.items() if id_ in data},
        [outcome for _at, outcome in sorted(outcomes, key=itemgetter(0))],
    )
    owned = await find_ownership(tx, lead_id)
    view["joined"] = owned.joined
    view["sla"] = current_sla(view["sla"], (owned.accept_by, owned.accepted_at) if owned.sequence else None)
    view["clock"] = await find_instants(tx, lead_ids)
    return await _with_dead_letter(tx, view, list(stages.values()))


async def find_instants(tx: Tx, lead_ids: Sequence[str]) -> LeadInstants:
    """Return the instants of a lead, by its id and those of the leads that were merged into it."""
    histories = await tx.load(LeadHistoryRow, "lead_id", lead_ids)
    notified_at = select(notified_leads.c.at).where(notified_leads.c.lead_id.in_(lead_ids))
    notified = min((await tx.execute(notified_at)).scalars(), default=None)
    return instants_of([row.history for row in histories], notified)


async def _view_before_enrichment(tx: Tx, lead_id: str) -> View | None:
    """Return the view of a lead that is not enriched yet."""
    forms = select(events).where(events.c.subject == lead_id, events.c.type == LEAD_RECEIVED)
    form = (await tx.execute(forms.order_by(events.c.at))).mappings().first()
    if form is None:
        letters = await find_dead_letters(tx, lead_id, [])
        if not letters:
            return None
        key: bytes | None = letters[0]["record_key"]
        account = key.decode("utf-8", "replace") if key else None
        return view_before_enrichment(lead_id, DEAD_LETTERED, account)
    data = msgspec.json.decode(form["data"])
    view = view_before_enrichment(lead_id, "received", form["partition_key"] or None, form["id"])
    view |= {"person": data.get("person") or {}, "company": data.get("company") or {}}
    view["clock"] = await find_instants(tx, [lead_id])
    return await _with_dead_letter(tx, view, [form["id"]])


async def _with_dead_letter(tx: Tx, view: View, event_ids: Sequence[str]) -> View:
    """Return the view with the status of a dead letter if one of these events has one, not yet replayed."""
    letters = await find_dead_letters(tx, view["lead_id"], event_ids)
    stuck = {letter["event_id"] for letter in letters if letter["replayed_at"] is None}
    if view["status"] in UNDECIDED and stuck & set(event_ids):
        view["status"] = DEAD_LETTERED
    return view


async def find_dead_letters(tx: Tx, lead_id: str, event_ids: Sequence[str]) -> list[dict[str, Any]]:
    """Return `event_id`, `record_key` and `replayed_at` of the dead letters of a lead or of these events."""
    concerned = or_(dead_letters.c.subject == lead_id, dead_letters.c.event_id.in_(event_ids))
    columns = select(dead_letters.c.event_id, dead_letters.c.record_key, dead_letters.c.replayed_at)
    return [dict(row) for row in (await tx.execute(columns.where(concerned))).mappings()]
