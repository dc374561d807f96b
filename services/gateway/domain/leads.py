"""The intake decision for leads: the event that a body becomes, or what is wrong with the body. Pure."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final, Literal

import msgspec
from msgspec import structs

from services.gateway.domain.arrival import (
    Arrival,
    domain_problem,
    invalid,
    is_blank,
    refuse_too_large,
    refuse_unreal_times,
)
from services.gateway.domain.received import Received, received_event
from services.gateway.domain.sources import HookSource
from services.gateway.domain.trust import refuse_reserved_fields, trusted_lead
from shared.errors import FieldProblem
from shared.lead.bounds import LEAD_BYTES_MAX
from shared.lead.events.lead_received import LeadReceivedV1
from shared.lead.identity import account_key, identify_contact
from shared.lead.normalise.emails import Email, normalise_email

LEAD_RECEIVED: Final = "baton.lead.received.v1"

Status = Literal[
    "received", "enriched", "scored", "routed", "suppressed", "dead_lettered", "won", "lost", "disqualified"
]
"""How far a lead has come, or how it ended."""

_encode = msgspec.json.Encoder().encode
_NEEDED = "One of person.email, person.phone, person.linkedin_url and company.domain is needed"


ReceivedLead = Received[LeadReceivedV1]


def receive_lead(
    body: LeadReceivedV1,
    raw: bytes,
    arrival: Arrival,
    source: HookSource | None = None,
    email: Email | None = None,
    *,
    activity: str | None = None,
) -> ReceivedLead:
    """Return the event that `body` becomes. `raw` is the body as it came and is published as it is.

    `email` is the person's address where it is parsed already, `activity` what a vendor's preset says that
    the form is.

    A lead from a source, as `forms` read it, is published with what the source adds to it in place of `raw`.

    Raises `Reject` (422) when no field identifies a person or a company. An e-mail address that is given must
    be readable, even beside a phone number: it is what the reply is sent to.
    """
    content = structs.replace(body, event_id=None) if body.event_id else body
    if source is None:
        refuse_reserved_fields(body)
    else:
        body = trusted_lead(body, source, arrival.at, activity)
        raw = _encode(body)
    activity_times = [
        (f"/activities/{index}/at", activity.at) for index, activity in enumerate(body.activities)
    ]
    refuse_too_large("lead", raw, LEAD_BYTES_MAX)
    refuse_unreal_times(
        (
            ("/source/submitted_at", body.source.submitted_at),
            ("/consent/at", body.consent.at),
            ("/company/last_funding_at", body.company.last_funding_at),
            *activity_times,
        )
    )
    person, domain = body.person, body.company.domain
    address = email or normalise_email(person.email)
    account = account_key(domain, address, "", arrival.shared_hosts)
    identity = identify_contact(person, body.company, address, arrival.shared_hosts)
    if identity is None or (identity.kind != "email" and not is_blank(person.email)):
        raise invalid(tuple(_contact_problems(body, address)) or (FieldProblem("", _NEEDED),))
    return received_event(
        LEAD_RECEIVED,
        body,
        arrival,
        subject=identity.lead_id,
        key=account or identity.lead_id,
        raw=raw,
        content=content,
        name=("event_id", body.event_id) if body.event_id else (),
        # Form plugins number their entries per form.
        scope=_name_scope(body, source) if body.event_id else (),
    )


def _name_scope(body: LeadReceivedV1, source: HookSource | None) -> tuple[str, ...]:
    scope = ("form", body.source.form_id or "")
    return scope if source is None or source.preset is None else ("vendor", source.preset.vendor, *scope)


def with_lead(received: ReceivedLead, lead: LeadReceivedV1) -> ReceivedLead:
    """Return a received lead whose event has another body and the same id."""
    event = structs.replace(received.event, data=lead, raw=_encode(lead))
    return structs.replace(received, event=event)


def _contact_problems(body: LeadReceivedV1, address: Email | None) -> Iterator[FieldProblem]:
    """Yield what is wrong with the contact details: the e-mail address alone, or each of the others."""
    person = body.person
    if address is None and not is_blank(person.email):
        yield FieldProblem("/person/email", "This is not an e-mail address")
        return
    if not is_blank(person.phone):
        yield FieldProblem("/person/phone", "This is not a phone number; national ones need a country")
    if not is_blank(person.linkedin_url):
        yield FieldProblem("/person/linkedin_url", "This is not the URL of a personal LinkedIn profile")
    if not is_blank(body.company.domain):
        yield domain_problem("/company/domain", body.company.domain)
