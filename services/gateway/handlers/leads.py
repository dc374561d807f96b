"""What is known of leads: the view, the timeline, the list."""

from __future__ import annotations

from datetime import datetime
from typing import Any, Final, get_args

from msgspec import UNSET, Struct, UnsetType, structs
from sqlalchemy import RowMapping

from services.gateway.domain.leads import Status
from services.gateway.handlers import paging
from services.gateway.handlers.exchange import Answer, Call, json_answer
from services.gateway.handlers.routing import Parameter
from services.gateway.queries.leads import LeadFilter, lead_list, lead_view, surviving_lead, timeline
from shared.errors import Reject
from shared.lead.events.lead_enriched import Enrichment
from shared.lead.events.outcome_received import OutcomeReceivedV1
from shared.lead.events.parts import Company, Person, Provenance, Trigger
from shared.lead.events.routing import Brief
from shared.lead.events.scoring import Score
from shared.lead.identity import identify

FILTERS: Final = (
    Parameter("email", "Only the lead of this e-mail address"),
    Parameter("account", "Only leads of this account key"),
    Parameter("queue", "Only leads in this queue"),
    Parameter("owner", "Only leads of this rep"),
    Parameter("status", f"Only leads in this state: {', '.join(get_args(Status))}"),
)
_ID_LENGTH_MAX = 200


class LeadSummary(Struct, frozen=True):
    """A lead in a list. `first_at`: when it was first heard of."""

    lead_id: str
    status: Status
    revision: int
    account: str
    email: str | None
    queue: str | None
    owner: str | None
    first_at: datetime


class LeadSla(Struct, frozen=True):
    """The owner's clock as it is now: it ends when the lead is accepted, and a snooze puts it off."""

    accept_by: datetime | None
    accepted_at: datetime | None


class LeadView(Struct, frozen=True):
    """Where a lead stands, from the latest event of each stage; what no stage has said yet is null."""

    lead_id: str
    status: Status
    revision: int
    sequence: int
    account: str
    person: Person | None
    company: Company | None
    provenance: Provenance | None
    score: Score | None
    decision: dict[str, Any] | None
    owner: str | None
    sla: LeadSla | None
    brief: Brief | None
    trigger: Trigger | None
    enrichment: Enrichment | None
    policy_versions: dict[str, str | None] | None
    outcomes: list[OutcomeReceivedV1]


class TimelineEntry(Struct, frozen=True, omit_defaults=True):
    """One event. `outcome`: what became of it, where that is known."""

    id: str
    type: str
    at: datetime
    source: str
    data: dict[str, Any]
    outcome: str | UnsetType = UNSET


class Timeline(Struct, frozen=True):
    """Every event of a lead and what led to them, in order."""

    data: list[TimelineEntry]


async def get_lead(call: Call) -> Answer:
    """Answer with the view of a lead."""
    lead_id = lead_id_of(call)
    async with call.gateway.database.read() as tx:
        view = await lead_view(tx, lead_id)
    if view is None:
        raise not_yet_known()
    return json_answer(200, view)


async def get_timeline(call: Call) -> Answer:
    """Answer with every event of a lead, in order."""
    lead_id = lead_id_of(call)
    async with call.gateway.database.read() as tx:
        entries = await timeline(tx, lead_id)
    if not entries:
        raise not_yet_known()
    return json_answer(200, {"data": entries})


async def get_leads(call: Call) -> Answer:
    """Answer with a page of leads, the newest first."""
    size, wanted = paging.limit(call), _filter(call)
    async with call.gateway.database.read() as tx:
        if wanted.lead_id is not None:
            wanted = structs.replace(wanted, lead_id=await surviving_lead(tx, wanted.lead_id))
        rows = await lead_list(tx, wanted, size + 1)
    places = [paging.Place(row["first_at"], row["lead_id"]) for row in rows]
    return json_answer(200, paging.page([_summary(row) for row in rows], places, size))


def lead_id_of(call: Call) -> str:
    """Return the id in the path; what cannot be one is not known."""
    lead_id = call.param("id")
    if len(lead_id) > _ID_LENGTH_MAX or not is_storable(lead_id):
        raise not_yet_known()
    return lead_id


def is_storable(text: str) -> bool:
    """Tell whether the database can be asked for this text at all."""
    return "\0" not in text and text.isprintable()


def not_yet_known() -> Reject:
    """Return the rejection of an id of which nothing has been recorded, perhaps only so far."""
    return Reject(404, "not-yet-known", "Nothing is known of this lead yet", headers=(("retry-after", "1"),))


def _filter(call: Call) -> LeadFilter:
    query = call.query
    given = {parameter.name: query.get(parameter.name) for parameter in FILTERS}
    if not all(is_storable(value) for value in given.values() if value is not None):
        raise Reject(422, "invalid-filter", "A filter holds a control character")
    if given["status"] is not None and given["status"] not in get_args(Status):
        raise Reject(422, "invalid-filter", "There is no such status", ", ".join(get_args(Status)))
    # An address is looked up as the lead that it names: tags, dots and merges make no difference then.
    identity = identify(given["email"]) if given["email"] is not None else None
    if identity is not None:
        given["email"] = None
    lead_id = identity.lead_id if identity else None
    return LeadFilter(**given, lead_id=lead_id, after=paging.after(call))


def _summary(row: RowMapping) -> LeadSummary:
    return LeadSummary(**{name: row[name] for name in LeadSummary.__struct_fields__})
