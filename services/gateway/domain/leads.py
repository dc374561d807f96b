"""The intake decision for leads: who is it, and which event follows; or what is wrong with the body. Pure."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from typing import Final, Literal

from msgspec import Struct

from services.gateway.domain.arrival import SOURCE, Arrival, invalid, is_blank, refuse_unreal_times
from shared.errors import FieldProblem
from shared.lead.events.envelope import Event
from shared.lead.events.lead_received import LeadReceivedV1
from shared.lead.identity import Identity, account_key, identify
from shared.lead.ids import derive_id
from shared.lead.normalise.emails import Email, normalise_email

LEAD_RECEIVED: Final = "baton.lead.received.v1"

Status = Literal["received", "enriched", "scored", "routed", "suppressed", "dead_lettered"]
"""How far a lead has come."""

_NEEDED = "One of person.email, person.phone, person.linkedin_url and company.domain is needed"


class Received(Struct, frozen=True):
    """An accepted lead. The lead id is provisional: the enricher may merge it into another."""

    event: Event[LeadReceivedV1]
    lead_id: str


def receive_lead(body: LeadReceivedV1, raw: bytes, arrival: Arrival) -> Received:
    """Return the event that `body` becomes; `raw` is the body as it came and is published as it is.

    Raises `Reject` (422) when nothing in it names a person or a company.
    """
    _refuse_wrong(body)
    address = normalise_email(body.person.email)
    identity = _identity(body, address)
    event = Event(
        id=_event_id(body, arrival),
        source=SOURCE,
        type=LEAD_RECEIVED,
        subject=identity.lead_id,
        time=arrival.at,
        data=body,
        raw=raw,
        key=account_key(body.company.domain, address, identity.lead_id),
        traceparent=arrival.traceparent,
    )
    return Received(event, identity.lead_id)


def _event_id(body: LeadReceivedV1, arrival: Arrival) -> str:
    if body.event_id:
        return derive_id(LEAD_RECEIVED, "", f"event_id:{body.event_id}", 0)
    return arrival.event_id(LEAD_RECEIVED)


def _refuse_wrong(body: LeadReceivedV1) -> None:
    if body.trigger is not None:
        raise invalid((FieldProblem("/trigger", "This field is set by Baton alone"),))
    refuse_unreal_times(_times(body))


def _times(body: LeadReceivedV1) -> Iterator[tuple[str, datetime | None]]:
    yield "/source/submitted_at", body.source.submitted_at
    yield "/consent/at", body.consent.at
    yield "/company/last_funding_at", body.company.last_funding_at
    for index, activity in enumerate(body.activities):
        yield f"/activities/{index}/at", activity.at


def _identity(body: LeadReceivedV1, address: Email | None) -> Identity:
    person, domain = body.person, body.company.domain
    identity = identify(address, person.phone, person.linkedin_url, domain, person.country)
    if identity is not None and (identity.kind == "email" or is_blank(person.email)):
        return identity
    if not is_blank(person.email) and address is None:
        raise invalid((FieldProblem("/person/email", "This is not an e-mail address"),))
    raise invalid(tuple(_unreadable(body)) or (FieldProblem("", _NEEDED),))


def _unreadable(body: LeadReceivedV1) -> Iterator[FieldProblem]:
    person = body.person
    if not is_blank(person.phone):
        yield FieldProblem("/person/phone", "This is not a phone number; national ones need person.country")
    if not is_blank(person.linkedin_url):
        yield FieldProblem("/person/linkedin_url", "This is not the URL of a personal LinkedIn profile")
    if not is_blank(body.company.domain):
        yield FieldProblem("/company/domain", "This is not a domain")
