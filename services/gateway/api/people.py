"""`/v1/people`: erasure of a person, and the export of everything that is stored about one."""

from collections.abc import Sequence
from datetime import datetime
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Query, Request, Response, Security
from msgspec import structs
from pydantic import AfterValidator

from services.gateway.api_route import ApiModel, ApiRoute, problem_responses
from services.gateway.dependencies import Audit, Gateway, caller
from services.gateway.domain.email_query import with_plus_sign, with_plus_signs
from services.gateway.erasure import erase_person, find_person
from services.gateway.intake.rejected_store import find_mentions
from services.gateway.queries.audit import entries_about_person
from services.gateway.queries.lead_view import find_lead_view
from services.gateway.queries.person_export import stored_rows
from services.gateway.queries.timeline import list_timeline
from services.gateway.responses import json_response
from shared.errors import Reject
from shared.lead.identity import Identity, identify
from shared.lead.normalise.emails import normalise_email

router = APIRouter(
    prefix="/v1/people",
    tags=["People"],
    route_class=ApiRoute,
    dependencies=[Security(caller, scopes=["admin"])],
)

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
    `deliveries` who was sent what and `delivery_attempts` what was answered, `audit` who did what with the
    person's leads and data, `dead_letters` and `rejected_submissions` what could not be read,
    `account_contacts` where data providers named the person at an account, `known_entities` the ids that
    vendors of forms and signals have for the person.
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
    known_entities: list[dict[str, Any]]
    delivery_attempts: list[dict[str, Any]]
    audit: list[dict[str, Any]]


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


@router.delete(
    "",
    status_code=202,
    summary="Erase a person in every role",
    description="By e-mail address, phone number or LinkedIn profile. Also a person of whom nothing is known"
    " yet: what is still on its way is erased too.",
    responses=problem_responses(409),
)
async def delete_person(
    identities: IdentifiedPerson, request: Request, gateway: Gateway, audit: Audit
) -> ErasureReceipt:
    erasure = await erase_person(gateway, identities, request.state.traceparent, audit)
    return ErasureReceipt(**structs.asdict(erasure))


@router.get(
    "/export",
    summary="Return everything that is stored about a person",
    response_model=PersonExport,
    responses=problem_responses(409),
)
async def export_person(identities: IdentifiedPerson, gateway: Gateway, audit: Audit) -> Response:
    person = await find_person(gateway, identities)
    lead_id = person.lead_ids[0]
    async with gateway.database.begin() as tx:
        await audit.record(tx, "person.exported", lead_id)
    async with gateway.database.read() as tx:
        view, timeline = await find_lead_view(tx, lead_id), await list_timeline(tx, lead_id)
        stored = await stored_rows(tx, person)
    rejected = await find_mentions(gateway.database, person.identifiers)
    trail = await entries_about_person(gateway.database, person.lead_ids, person.identifiers)
    email = (view or {}).get("person") or {}
    return json_response(
        {
            "email": email.get("email"),
            "lead_ids": list(person.lead_ids),
            "identifiers": sorted(person.identifiers),
            "leads": [view] if view is not None else [],
            "timeline": timeline,
            **stored,
            "audit": [structs.asdict(entry) for entry in trail],
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
