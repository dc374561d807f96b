"""`/v1/people`: erasure of a person, and the export of everything that is stored about one."""

from collections.abc import Sequence
from datetime import datetime
from typing import Annotated, Any, Final

from fastapi import APIRouter, Depends, Query, Request, Response, Security
from pydantic import AfterValidator

from services.gateway.api_route import ApiModel, ApiRoute, problem_responses
from services.gateway.dependencies import Gateway, caller
from services.gateway.domain.arrival import SOURCE, uuid7
from services.gateway.domain.email_query import with_plus_sign, with_plus_signs
from services.gateway.intake.rejected_store import delete_mentions, find_mentions
from services.gateway.queries.idempotency import forget_subjects
from services.gateway.queries.lead_view import find_lead_view
from services.gateway.queries.people import StoredPerson, leads_of_person, stored_person
from services.gateway.queries.person_export import stored_rows
from services.gateway.queries.timeline import list_timeline
from services.gateway.responses import json_response
from services.gateway.state import GatewayState
from shared.errors import Reject
from shared.lead.events.envelope import Event, encode
from shared.lead.events.person_erased import PersonErasedV1
from shared.lead.identity import Identity, identify
from shared.lead.mentions import hashes_of_person
from shared.lead.normalise.emails import normalise_email

router = APIRouter(
    prefix="/v1/people",
    tags=["People"],
    route_class=ApiRoute,
    dependencies=[Security(caller, scopes=["admin"])],
)

PERSON_ERASED: Final = "baton.person.erased.v1"
Email = Annotated[
    str | None,
    AfterValidator(with_plus_signs),
    Query(description="The person's e-mail address; a blank is a plus"),
]
Phone = Annotated[str | None, Query(description="The person's phone number, with its country code")]
LinkedinUrl = Annotated[str | None, Query(description="The URL of the person's LinkedIn profile")]


class ErasureReceipt(ApiModel):
    """The erasure is durably in the stream; every role carries it out within seconds."""

    receipt_id: str
    lead_ids: list[str]
    requested_at: datetime


class PersonExport(ApiModel):
    """Everything that is stored about a person, by the part of Baton that stores it.

    `leads` is the view of the lead and `timeline` every event; `records` are the merged lead records,
    `provider_answers` what data providers said, `scores` and `assignments` the results of the decisions,
    `deliveries` who was sent what, `dead_letters` and `rejected_submissions` what could not be read,
    `account_contacts` where data providers named the person at an account.
    """

    email: str | None
    lead_ids: list[str]
    identifiers: list[str]
    leads: list[dict[str, Any]]
    timeline: list[dict[str, Any]]
    records: list[dict[str, Any]]
    provider_answers: list[dict[str, Any]]
    scores: list[dict[str, Any]]
    assignments: list[dict[str, Any]]
    deliveries: list[dict[str, Any]]
    dead_letters: list[dict[str, Any]]
    account_contacts: list[dict[str, Any]]
    rejected_submissions: list[dict[str, Any]]


async def person_identities(
    email: Email = None, phone: Phone = None, linkedin_url: LinkedinUrl = None
) -> Sequence[Identity]:
    """Return the identity that each given parameter means. Raises `Reject` (422)."""
    address = identify(email) if normalise_email(email) else None
    number = identify(phone=with_plus_sign(phone)) if phone else None
    profile = identify(linkedin_url=linkedin_url)
    identities = []
    for name, given, identity, meaning in (
        ("email", email, address, "an e-mail address"),
        ("phone", phone, number, "a phone number with its country code"),
        ("linkedin_url", linkedin_url, profile, "the URL of a LinkedIn profile"),
    ):
        if given is not None and identity is None:
            raise Reject(422, f"invalid-{name.partition('_')[0]}", f"The parameter {name} is not {meaning}")
        identities += [identity] if identity else []
    if not identities:
        raise Reject(422, "invalid-email", "One of email, phone and linkedin_url is needed")
    return identities


IdentifiedPerson = Annotated[Sequence[Identity], Depends(person_identities)]


async def find_person(gateway: GatewayState, identities: Sequence[Identity]) -> StoredPerson:
    """Return what a person is stored under. Raises `Reject` (409) when several people are meant."""
    async with gateway.database.read() as tx:
        found = await leads_of_person(tx, identities)
        if len(found) > len(identities):
            detail = f"{len(found)} leads share it; name one of them by e-mail: {', '.join(found)}"
            raise Reject(409, "several-people", "Several people share this phone number or profile", detail)
        return await stored_person(tx, found, identities)


@router.delete(
    "",
    status_code=202,
    summary="Erase a person in every role",
    description="By e-mail address, phone number or LinkedIn profile. Also a person of whom nothing is known"
    " yet: what is still on its way is erased too.",
    responses=problem_responses(409),
)
async def erase_person(identities: IdentifiedPerson, request: Request, gateway: Gateway) -> ErasureReceipt:
    person = await find_person(gateway, identities)
    lead_ids = list(person.lead_ids)
    hashed = next((name for name in sorted(person.identifiers) if name.startswith("email:")), None)
    now = gateway.clock.now()
    event = Event(
        id=uuid7(now, gateway.random),
        source=SOURCE,
        type=PERSON_ERASED,
        subject=lead_ids[0],
        time=now,
        data=PersonErasedV1(
            lead_ids=lead_ids,
            email_hash=gateway.keyed_hash(hashed or identities[0].identifiers[0]),
            at=now,
            accounts=list(person.accounts),
            mentions=hashes_of_person(person.identifiers, person.people, gateway.keyed_hash),
        ),
        key=lead_ids[0],
        traceparent=request.state.traceparent,
    )
    await gateway.publisher.publish((encode(event),))
    async with gateway.database.begin() as tx:
        await forget_subjects(tx, lead_ids)
    await delete_mentions(gateway.database, person.identifiers)
    await gateway.database.truncate_log()
    return ErasureReceipt(receipt_id=event.id, lead_ids=lead_ids, requested_at=now)


@router.get(
    "/export",
    summary="Return everything that is stored about a person",
    response_model=PersonExport,
    responses=problem_responses(409),
)
async def export_person(identities: IdentifiedPerson, gateway: Gateway) -> Response:
    person = await find_person(gateway, identities)
    lead_id = person.lead_ids[0]
    async with gateway.database.read() as tx:
        view, timeline = await find_lead_view(tx, lead_id), await list_timeline(tx, lead_id)
        stored = await stored_rows(tx, person)
    rejected = await find_mentions(gateway.database, person.identifiers)
    email = (view or {}).get("person") or {}
    return json_response(
        {
            "email": email.get("email"),
            "lead_ids": list(person.lead_ids),
            "identifiers": sorted(person.identifiers),
            "leads": [view] if view is not None else [],
            "timeline": timeline,
            **stored,
            "rejected_submissions": [
                {
                    "id": one.id,
                    "source": one.source,
                    "received_at": one.received_at,
                    "cause": one.cause,
                    "body": one.body.decode("utf-8", "replace"),
                }
                for one in rejected
            ],
        }
    )
