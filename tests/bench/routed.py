"""Routed leads as the router writes them, each for the endpoint of one rep, and subscriptions to them."""

from __future__ import annotations

import os
import uuid
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from typing import Any

import msgspec
from msgspec.structs import replace

from services.router.domain.dispatch import dispatch
from shared.lead.events.envelope import Event, encode
from shared.lead.events.lead_routed import LeadRoutedV1
from shared.lead.events.parts import Company, Person
from shared.messaging.port import Outgoing
from shared.storage.database import Database
from shared.storage.rows import IdentityMap, Put
from shared.vault import Vault
from shared.web.signing import new_secret
from shared.webhooks import SealedSecret, Subscription, sealed_for
from tests.support.routing_policies import default_routing_policy
from tests.support.scored_leads import AT, lead_id, scored_event, scored_lead

_TRACEPARENT = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-00"
_MESSAGE = "We lose two days a week to hand-made reports and want to have that solved before the summer."


def _routed() -> LeadRoutedV1:
    """Return a lead that the built-in rules have routed."""
    person = Person(email="ana@kestrel.example", first_name="Ana", last_name="Lee", title="VP Sales")
    company = Company(name="Kestrel", domain="kestrel.example", employees=200, industry="software")
    scored = replace(scored_lead(message=_MESSAGE), person=person, company=company)
    step = dispatch(IdentityMap(), default_routing_policy(), scored_event(scored), AT)
    return next(emit.data for emit in step.emits if isinstance(emit.data, LeadRoutedV1))


def rep_of(number: int) -> str:
    """Return the rep whose leads an endpoint receives."""
    return f"rep-{number}"


def routed(reps: Iterable[int]) -> list[Outgoing]:
    """Return the record of a new lead for each of these reps, written now."""
    template, run = _routed(), uuid.uuid4().hex[:8]
    records: list[Outgoing] = []
    for serial, rep in enumerate(reps):
        account = f"{run}-{serial}.example"
        data = replace(
            template,
            lead_id=lead_id(f"{run}-{serial}"),
            account=account,
            decision=replace(template.decision, owner=rep_of(rep)),
        )
        event: Event[Any] = Event(
            id=str(uuid.uuid4()),
            source="/baton/router",
            type="baton.lead.routed.v1",
            subject=data.lead_id,
            time=datetime.now(UTC),
            data=data,
            raw=msgspec.json.encode(data),
            key=account,
            traceparent=_TRACEPARENT,
        )
        records.append(encode(event))
    return records


async def subscribe(database: Database, key: bytes, urls: Sequence[str], *, own: bool) -> None:
    """Subscribe each URL to `lead.routed`: with `own` to the leads of the rep of its number, else to all."""
    vault, now = Vault(key, os.urandom), datetime.now(UTC)
    rows = IdentityMap()
    for number, url in enumerate(urls):
        id_ = f"endpoint-{number:05}"
        secret = SealedSecret(vault.seal(new_secret(os.urandom(32)), purpose=sealed_for(id_)))
        wanted = {"decision.owner": rep_of(number)} if own else None
        rows.apply([Put(Subscription(id_, url, ["lead.routed"], wanted, "active", [secret], now, now))])
    async with database.begin() as tx:
        await tx.write(rows)
