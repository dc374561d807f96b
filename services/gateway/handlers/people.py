"""The rights of a person: to be forgotten, and to see what is held."""

from __future__ import annotations

from datetime import datetime
from typing import Any, Final

from msgspec import Struct

from services.gateway.domain.arrival import SOURCE, uuid7
from services.gateway.handlers.exchange import Answer, Call, json_answer
from services.gateway.handlers.intake import traced
from services.gateway.handlers.routing import Parameter
from services.gateway.queries.leads import lead_view, timeline
from services.gateway.queries.people import ids_of_person
from shared.errors import Reject
from shared.lead.events.envelope import Event, encode
from shared.lead.events.person_erased import PersonErasedV1
from shared.lead.identity import Identity, identify
from shared.lead.normalise.emails import normalise_email

PERSON_ERASED: Final = "baton.person.erased.v1"
EMAIL: Final = (Parameter("email", "The person's e-mail address", required=True),)


class Receipt(Struct, frozen=True):
    """The erasure is in the stream, durably; every role forgets the person within seconds."""

    receipt_id: str
    lead_ids: list[str]
    requested_at: datetime


class Export(Struct, frozen=True):
    """What is held of a person: where each of their leads stands, and every event about it."""

    email: str
    leads: list[dict[str, Any]]
    timeline: list[dict[str, Any]]


async def erase(call: Call) -> Answer:
    """Let every role forget a person, whether or not anything is known of them yet."""
    identity = _person(call)
    async with call.gateway.database.read() as tx:
        lead_ids = await ids_of_person(tx, identity.lead_id)
    with traced(call, "DELETE /v1/people") as traceparent:
        event = _erased(call, identity, lead_ids, traceparent)
        await call.gateway.publisher.publish((encode(event),))
    return json_answer(202, Receipt(event.id, lead_ids, event.time))


async def export(call: Call) -> Answer:
    """Answer with everything that is held of a person."""
    identity = _person(call)
    async with call.gateway.database.read() as tx:
        lead, *_ = await ids_of_person(tx, identity.lead_id)
        view = await lead_view(tx, lead)
        entries = await timeline(tx, lead)
    held = Export(call.query["email"], [view] if view is not None else [], entries)
    return json_answer(200, held)


def _erased(call: Call, identity: Identity, lead_ids: list[str], traceparent: str) -> Event[PersonErasedV1]:
    now = call.gateway.clock.now()
    return Event(
        id=uuid7(now, call.gateway.random),
        source=SOURCE,
        type=PERSON_ERASED,
        subject=lead_ids[0],
        time=now,
        data=PersonErasedV1(
            lead_ids=lead_ids, email_hash=call.gateway.keyed_hash(identity.identifiers[0]), at=now
        ),
        key=lead_ids[0],
        traceparent=traceparent,
    )


def _person(call: Call) -> Identity:
    email = call.query.get("email", "")
    identity = identify(email) if normalise_email(email) else None
    if identity is None:
        raise Reject(422, "invalid-email", "The parameter email is not an e-mail address")
    return identity
