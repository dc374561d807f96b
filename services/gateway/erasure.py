"""Erases a person in every role: what `DELETE /v1/people` does, and a vendor's notice of a deletion."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Final

from msgspec import Struct

from services.gateway.audit import AuditTrail
from services.gateway.domain.arrival import SOURCE, uuid7
from services.gateway.intake.entity_store import forget_entities
from services.gateway.intake.fetch_store import forget_fetches
from services.gateway.intake.provider_posts import forget_posts
from services.gateway.intake.rejected_store import delete_mentions
from services.gateway.queries.audit import redact_audit
from services.gateway.queries.idempotency import forget_subjects
from services.gateway.queries.people import StoredPerson, leads_of_person, stored_person
from services.gateway.state import GatewayState
from shared.errors import Reject
from shared.lead.events.envelope import Event, encode
from shared.lead.events.person_erased import PersonErasedV1
from shared.lead.identity import Identity
from shared.lead.mentions import hashes_of_person

PERSON_ERASED: Final = "baton.person.erased.v1"


class RequestedErasure(Struct, frozen=True):
    """An erasure that is durably in the stream; every role carries it out within seconds."""

    receipt_id: str
    lead_ids: list[str]
    requested_at: datetime


async def find_person(gateway: GatewayState, identities: Sequence[Identity]) -> StoredPerson:
    """Return what a person is stored under. Raises `Reject` (409) when several people are meant."""
    async with gateway.database.read() as tx:
        found = await leads_of_person(tx, identities)
        if len(found) > len(identities):
            detail = f"{len(found)} leads share it; name one of them by e-mail: {', '.join(found)}"
            raise Reject(409, "several-people", "Several people share this phone number or profile", detail)
        return await stored_person(tx, found, identities)


async def erase_person(
    gateway: GatewayState, identities: Sequence[Identity], traceparent: str, audit: AuditTrail
) -> RequestedErasure:
    """Erase the person with these identities, also one of whom nothing is known yet.

    Raises `Reject` (409) when several people are meant, and `Retry`.
    """
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
        traceparent=traceparent,
    )
    async with gateway.database.begin() as tx:
        await audit.record(tx, "person.erased", event.id, leads=len(lead_ids))
    await gateway.publisher.publish((encode(event),))
    async with gateway.database.begin() as tx:
        await forget_subjects(tx, lead_ids)
    await redact_audit(gateway.database, lead_ids, person.identifiers)
    await delete_mentions(gateway.database, person.identifiers)
    await forget_fetches(gateway.database, person.identifiers)
    await forget_posts(gateway.database, person.identifiers)
    await forget_entities(gateway.database, lead_ids)
    await gateway.database.truncate_log()
    return RequestedErasure(event.id, lead_ids, now)
