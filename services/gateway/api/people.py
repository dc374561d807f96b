"""`/v1/people`: erasure of a person, and the export of everything that is stored about one."""

from datetime import datetime
from typing import Annotated, Any, Final

from fastapi import APIRouter, Depends, Query, Request, Response, Security
from pydantic import AfterValidator

from services.gateway.api_route import ApiModel, ApiRoute
from services.gateway.dependencies import Gateway, caller
from services.gateway.domain.arrival import SOURCE, uuid7
from services.gateway.domain.email_query import with_plus_signs
from services.gateway.queries.idempotency import forget_subjects
from services.gateway.queries.lead_view import find_lead_view
from services.gateway.queries.people import ids_of_person
from services.gateway.queries.timeline import list_timeline
from services.gateway.responses import json_response
from shared.errors import Reject
from shared.lead.events.envelope import Event, encode
from shared.lead.events.person_erased import PersonErasedV1
from shared.lead.identity import Identity, identify
from shared.lead.normalise.emails import normalise_email

router = APIRouter(
    prefix="/v1/people",
    tags=["People"],
    route_class=ApiRoute,
    dependencies=[Security(caller, scopes=["admin"])],
)

PERSON_ERASED: Final = "baton.person.erased.v1"
Email = Annotated[
    str, AfterValidator(with_plus_signs), Query(description="The person's e-mail address; a blank is a plus")
]


class ErasureReceipt(ApiModel):
    """The erasure is durably in the stream; every role carries it out within seconds."""

    receipt_id: str
    lead_ids: list[str]
    requested_at: datetime


class PersonExport(ApiModel):
    """Everything that is stored about a person: the view of each of their leads, and every event."""

    email: str
    leads: list[dict[str, Any]]
    timeline: list[dict[str, Any]]


async def person_identity(email: Email) -> Identity:
    """Return the identity of the person with an e-mail address. Raises `Reject` (422)."""
    identity = identify(email) if normalise_email(email) else None
    if identity is None:
        raise Reject(422, "invalid-email", "The parameter email is not an e-mail address")
    return identity


IdentifiedPerson = Annotated[Identity, Depends(person_identity)]


@router.delete(
    "",
    status_code=202,
    summary="Erase a person in every role",
    description="Also a person of whom nothing is known yet: what is still on its way is erased too.",
)
async def erase_person(person: IdentifiedPerson, request: Request, gateway: Gateway) -> ErasureReceipt:
    async with gateway.database.read() as tx:
        lead_ids = await ids_of_person(tx, person.lead_id)
    now = gateway.clock.now()
    email_hash = gateway.keyed_hash(person.identifiers[0])
    event = Event(
        id=uuid7(now, gateway.random),
        source=SOURCE,
        type=PERSON_ERASED,
        subject=lead_ids[0],
        time=now,
        data=PersonErasedV1(lead_ids=lead_ids, email_hash=email_hash, at=now),
        key=lead_ids[0],
        traceparent=request.state.traceparent,
    )
    await gateway.publisher.publish((encode(event),))
    async with gateway.database.begin() as tx:
        await forget_subjects(tx, lead_ids)
    return ErasureReceipt(receipt_id=event.id, lead_ids=lead_ids, requested_at=now)


@router.get("/export", summary="Return everything that is stored about a person", response_model=PersonExport)
async def export_person(email: Email, person: IdentifiedPerson, gateway: Gateway) -> Response:
    async with gateway.database.read() as tx:
        lead_id, *_ = await ids_of_person(tx, person.lead_id)
        view, timeline = await find_lead_view(tx, lead_id), await list_timeline(tx, lead_id)
    leads = [view] if view is not None else []
    return json_response({"email": email, "leads": leads, "timeline": timeline})
