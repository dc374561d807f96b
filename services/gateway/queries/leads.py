"""Questions about leads, answered from the ledger's tables: the view, the timeline, the list."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import msgspec
from msgspec import Struct
from sqlalchemy import ColumnElement, RowMapping, Select, and_, case, exists, or_, select

from services.enricher.tables import lead_aliases
from services.gateway.queries.ownership import Ownership, ownership
from services.ledger.tables import dead_letters, events, lead_views
from shared.lead.events.registry import BY_NAME as EVENTS_BY_NAME
from shared.storage.database import Tx
from shared.storage.keyset import Cursor, after_cursor
from shared.worker.tables import inputs

RECEIVED = "baton.lead.received.v1"
OUTCOME = "baton.outcome.received.v1"
_DEAD_LETTERED = "dead_lettered"
_UNDECIDED = ("enriched", "scored")
_FROM_ENRICHED = ("account", "person", "company", "provenance", "enrichment")
_FROM_ROUTED = ("sla", "brief", "trigger", "policy_versions")

View = dict[str, Any]


class LeadFilter(Struct, frozen=True):
    """Which leads a list has; None: any. `after` is the cursor of the last lead of the page before."""

    lead_id: str | None = None
    email: str | None = None
    account: str | None = None
    queue: str | None = None
    owner: str | None = None
    status: str | None = None
    after: Cursor | None = None


async def surviving_lead(tx: Tx, lead_id: str) -> str:
    """Return the lead that answers to this id: itself, or the one that it is an alias of."""
    found = await tx.execute(select(lead_aliases.c.lead_id).where(lead_aliases.c.alias_id == lead_id))
    return found.scalar_one_or_none() or lead_id


async def lead_view(tx: Tx, lead_id: str) -> View | None:
    """Return the view of a lead by its id or an alias, or None when nothing of it has arrived yet."""
    lead_id = await surviving_lead(tx, lead_id)
    views = await tx.execute(select(lead_views).where(lead_views.c.lead_id == lead_id))
    row = views.mappings().one_or_none()
    if row is None:
        return await _received_only(tx, lead_id)
    stages = {
        stage: row[f"{stage}_id"] for stage in ("enriched", "scored", "routed", "owned") if row[f"{stage}_id"]
    }
    wanted = select(events.c.id, events.c.data).where(events.c.id.in_(sorted(set(stages.values()))))
    data = {found.id: msgspec.json.decode(found.data) for found in await tx.execute(wanted)}
    outcomes = await _data_of(tx, lead_id, OUTCOME)
    view = assemble(dict(row), {stage: data[id_] for stage, id_ in stages.items() if id_ in data}, outcomes)
    view["sla"] = _clock(view["sla"], await ownership(tx, lead_id))
    return await _with_dead_letter(tx, view, list(stages.values()))


def assemble(
    row: Mapping[str, Any], stages: Mapping[str, Mapping[str, Any]], outcomes: Sequence[View]
) -> View:
    """Put a view together from the latest event of each stage. Pure."""
    enriched, scored = stages.get("enriched", {}), stages.get("scored", {})
    routed, owned = stages.get("routed", {}), stages.get("owned", {})
    latest = scored or enriched or routed
    view: View = {
        "lead_id": row["lead_id"],
        "status": row["status"],
        "revision": row["revision"],
        "sequence": max(row["routed_sequence"], row["owned_sequence"]),
        **{name: (enriched or latest).get(name) for name in _FROM_ENRICHED},
        "score": scored.get("score") or routed.get("score"),
        "decision": owned.get("decision") or routed.get("decision"),
        "owner": row["owner"],
        **{name: routed.get(name) for name in _FROM_ROUTED},
        "outcomes": list(outcomes),
    }
    view["account"] = row["account"]
    view["trigger"] = view["trigger"] or scored.get("trigger") or enriched.get("trigger")
    view["policy_versions"] = view["policy_versions"] or {
        "scored": scored.get("policy_version"),
        "routed": None,
    }
    return view


def _clock(told: View | None, now: Ownership) -> View | None:
    """Return the owner's clock: as it is now where the router knows the lead, else as it was told."""
    if now.sequence == 0:
        return told and {"accept_by": told.get("accept_by"), "accepted_at": None}
    return {"accept_by": now.accept_by, "accepted_at": now.accepted_at}


async def lead_list(tx: Tx, wanted: LeadFilter, limit: int) -> list[RowMapping]:
    """Return at most `limit` leads, the newest first: rows of `lead_views`, the status as a view has it."""
    shown = case((_is_stuck(), _DEAD_LETTERED), else_=lead_views.c.status).label("status")
    statement = select(*(column for column in lead_views.c if column.name != "status"), shown)
    for name in ("lead_id", "email", "account", "queue", "owner"):
        value = getattr(wanted, name)
        if value is not None:
            statement = statement.where(lead_views.c[name] == value)
    if wanted.status is not None:
        statement = statement.where(_has_status(wanted.status))
    if wanted.after is not None:
        statement = statement.where(after_cursor(wanted.after, lead_views.c.first_at, lead_views.c.lead_id))
    statement = statement.order_by(lead_views.c.first_at.desc(), lead_views.c.lead_id.desc()).limit(limit)
    return list((await tx.execute(statement)).mappings())


def _has_status(status: str) -> ColumnElement[bool]:
    if status == _DEAD_LETTERED:
        return _is_stuck()
    recorded = lead_views.c.status == status
    return and_(recorded, ~_is_stuck()) if status in _UNDECIDED else recorded


def _is_stuck() -> ColumnElement[bool]:
    """Say of a row what `_with_dead_letter` says of a view: its latest event lies among the dead letters."""
    latest = (lead_views.c.enriched_id, lead_views.c.scored_id)
    letter = exists().where(dead_letters.c.event_id.in_(latest), dead_letters.c.replayed_at.is_(None))
    return and_(lead_views.c.status.in_(_UNDECIDED), letter)


async def timeline(tx: Tx, lead_id: str) -> list[View]:
    """Return every event of the lead and what led to them, in order, with the outcome where it is known."""
    lead_id = await surviving_lead(tx, lead_id)
    own = select(events.c.causation_id).where(events.c.subject == lead_id, events.c.causation_id != "")
    related = or_(events.c.subject == lead_id, events.c.id.in_(own))
    statement = select(events).where(related).order_by(events.c.at, events.c.recorded_at, events.c.id)
    rows = [dict(row) for row in (await tx.execute(statement)).mappings()]
    letters = await _letters(tx, lead_id, [row["id"] for row in rows])
    outcomes = await _claimed_outcomes(tx, rows) | lead_outcomes(rows)
    outcomes |= {letter["event_id"]: _DEAD_LETTERED for letter in letters if letter["replayed_at"] is None}
    return [_entry(row, outcomes.get(row["id"])) for row in rows]


def lead_outcomes(rows: Sequence[Mapping[str, Any]]) -> dict[str, str]:
    """Return what became of each received lead among the events of a lead: its one recorded outcome. Pure.

    A form is `routed` or `suppressed` by the decision of its revision, `merged` when a later revision was
    decided before its own could be. One that is not decided yet is left out.
    """
    revisions = {
        row["causation_id"]: row["revision"] for row in rows if row["type"] == "baton.lead.enriched.v1"
    }
    decided = {
        row["revision"]: row["type"].split(".")[2]
        for row in rows
        if row["type"] in ("baton.lead.routed.v1", "baton.lead.suppressed.v1")
    }
    outcomes: dict[str, str] = {}
    for row in rows:
        revision = revisions.get(row["id"])
        if row["type"] != RECEIVED or revision is None:
            continue
        if revision in decided:
            outcomes[row["id"]] = decided[revision]
        elif any(later > revision for later in decided):
            outcomes[row["id"]] = "merged"
    return outcomes


async def _claimed_outcomes(tx: Tx, rows: Sequence[Mapping[str, Any]]) -> dict[str, str]:
    """Return what the keeper of its topic made of every input that is not a lead: those are decided later."""
    keepers = {row["id"]: EVENTS_BY_NAME[row["type"]].topic.keeper for row in rows if row["type"] != RECEIVED}
    wanted = select(inputs.c.id, inputs.c.role, inputs.c.outcome).where(inputs.c.id.in_(list(keepers)))
    return {row.id: row.outcome for row in await tx.execute(wanted) if row.role == keepers[row.id]}


async def _received_only(tx: Tx, lead_id: str) -> View | None:
    """Return the view of a lead of which only the form has been recorded."""
    forms = select(events).where(events.c.subject == lead_id, events.c.type == RECEIVED).order_by(events.c.at)
    form = (await tx.execute(forms)).mappings().first()
    if form is None:
        letters = await _letters(tx, lead_id, [])
        return None if not letters else _bare(lead_id, _DEAD_LETTERED, letters[0]["record_key"])
    view = _bare(lead_id, "received", form["partition_key"].encode() or None)
    data = msgspec.json.decode(form["data"])
    view |= {"person": data.get("person") or {}, "company": data.get("company") or {}}
    return await _with_dead_letter(tx, view, [form["id"]])


def _bare(lead_id: str, status: str, key: bytes | None) -> View:
    names = (*_FROM_ENRICHED, "score", "decision", "owner", *_FROM_ROUTED)
    view: View = {"lead_id": lead_id, "status": status, "revision": 0, "sequence": 0}
    return view | dict.fromkeys(names) | {"account": key and key.decode("utf-8", "replace"), "outcomes": []}


async def _with_dead_letter(tx: Tx, view: View, event_ids: Sequence[str]) -> View:
    """Mark the view when its latest event lies among the dead letters, and was not replayed."""
    letters = await _letters(tx, view["lead_id"], event_ids)
    stuck = {letter["event_id"] for letter in letters if letter["replayed_at"] is None}
    if view["status"] not in ("routed", "suppressed") and stuck & set(event_ids):
        view["status"] = _DEAD_LETTERED
    return view


async def _letters(tx: Tx, lead_id: str, event_ids: Sequence[str]) -> list[Mapping[str, Any]]:
    about = or_(dead_letters.c.subject == lead_id, dead_letters.c.event_id.in_(event_ids))
    found = select(dead_letters.c.event_id, dead_letters.c.record_key, dead_letters.c.replayed_at)
    return [dict(row) for row in (await tx.execute(found.where(about))).mappings()]


async def _data_of(tx: Tx, lead_id: str, event_type: str) -> list[View]:
    statement: Select[tuple[str]] = (
        select(events.c.data)
        .where(and_(events.c.subject == lead_id, events.c.type == event_type))
        .order_by(events.c.at)
    )
    return [msgspec.json.decode(text) for (text,) in await tx.execute(statement)]


def _entry(row: Mapping[str, Any], outcome: str | None) -> View:
    entry: View = {"id": row["id"], "type": row["type"], "at": row["at"], "source": row["source"]}
    if outcome is not None:
        entry["outcome"] = outcome
    return entry | {"data": msgspec.json.decode(row["data"])}
