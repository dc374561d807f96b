"""`baton.lead.received.v1`: somebody showed interest. Also the body of `POST /v1/leads`."""

from __future__ import annotations

from typing import Annotated

from msgspec import Meta, Struct

from shared.lead.events.event_type import event
from shared.lead.events.parts import (
    Activities,
    Answers,
    Company,
    Consent,
    LongText,
    Origin,
    Person,
    SourceTrust,
    Trigger,
)
from shared.lead.identity import identify_contact
from shared.messaging.manifest import LEADS_RECEIVED


def contact_lead_id(data: LeadReceivedV1) -> str:
    """Return the lead id that the contact details give, "" when they identify nobody."""
    identity = identify_contact(data.person, data.company)
    return identity.lead_id if identity else ""


@event("baton.lead.received.v1", LEADS_RECEIVED, subject=contact_lead_id, default=True)
class LeadReceivedV1(Struct, frozen=True, omit_defaults=True):
    """One form, import line or API call. One of e-mail, phone, LinkedIn URL or company domain is needed.

    `trigger` is set by the scorer alone, on a lead that it makes for an account nobody wrote from.
    `trust` is set by the gateway alone, for what came through a source; None means a known source.
    """

    event_id: Annotated[str, Meta(min_length=1, max_length=200)] | None = None
    person: Person = Person()
    company: Company = Company()
    source: Origin = Origin()
    message: LongText | None = None
    answers: Answers = {}
    activities: Activities = []
    consent: Consent = Consent()
    trigger: Trigger | None = None
    trust: SourceTrust | None = None
