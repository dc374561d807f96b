"""Takes in what vendors post: reads it by the preset of the source, and does what becomes of each item."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from datetime import datetime
from typing import Any, Final, cast

import msgspec
from msgspec import UNSET, Struct, UnsetType, structs

from services.gateway.audit import AuditTrail
from services.gateway.domain.arrival import Arrival, uuid7
from services.gateway.domain.audit import Author
from services.gateway.domain.known_entities import NO_ENTITIES, Entity, EntityId, entity_key
from services.gateway.domain.leads import ReceivedLead, with_lead
from services.gateway.domain.pending_fetches import PendingFetch, fetch_id
from services.gateway.domain.preset_items import PresetItem
from services.gateway.domain.preset_outcomes import (
    Decided,
    ErasureNotice,
    Fetch,
    Ignored,
    UnknownEntity,
    decide_item,
    entities_named,
    entities_of_item,
)
from services.gateway.domain.received import Received
from services.gateway.domain.rejected import RejectedSubmission, detail_of
from services.gateway.domain.sources import HookSource
from services.gateway.erasure import erase_person
from services.gateway.intake.rejected_store import delete_waiting
from services.gateway.intake.vendor_items import ITEM_DOCUMENT, HookRequest, VendorReading, read_request
from services.gateway.publish_once import publish_list
from services.gateway.state import GatewayState
from shared.errors import Reject
from shared.lead.events.envelope import Event
from shared.lead.events.lead_received import LeadReceivedV1
from shared.lead.identity import Identity, identify
from shared.web.client_address import UNKNOWN
from shared.web.problem import Problem, document

_READ_AT_ONCE_BYTES_MAX: Final = 64 * 1024
"""A larger body is read in a thread, so that it holds up no other request."""

Prepare = Callable[[ReceivedLead], Awaitable[ReceivedLead]]
"""What a lead goes through before it is published, such as the check of a captcha. Raises `Reject`."""


class ItemResult(Struct, frozen=True, omit_defaults=True):
    """What became of one item: a lead, a signal, or what else its members say.

    `ignored` says why nothing is made of it, `erased` is the receipt of an erasure. `pending`: the lead is
    still to be fetched. `parked`: the item waits for a record that tells whom its id means.
    """

    index: int
    lead_id: str | UnsetType = UNSET
    event_id: str | UnsetType = UNSET
    status_url: str | UnsetType = UNSET
    ignored: str | UnsetType = UNSET
    erased: str | UnsetType = UNSET
    pending: bool | UnsetType = UNSET
    parked: str | UnsetType = UNSET
    problem: Problem | UnsetType = UNSET


class TakenItems(Struct, frozen=True):
    """The results of all items, in their order, and the rejections of those that were refused, by index."""

    reading: VendorReading
    results: Sequence[ItemResult]
    rejected: Mapping[int, Reject]


async def take_request(
    gateway: GatewayState,
    source: HookSource,
    sent: HookRequest,
    arrival: Arrival,
    prepare: Prepare | None = None,
) -> TakenItems:
    """Read a request and take its items in. Raises `Reject` for a body that cannot be read, and `Retry`."""
    if source.preset is None:
        raise TypeError(f"{source.name} is not the source of a vendor")
    if len(sent.raw) > _READ_AT_ONCE_BYTES_MAX:
        reading = await asyncio.to_thread(read_request, source.preset, sent, arrival.at)
    else:
        reading = read_request(source.preset, sent, arrival.at)
    return await take_items(gateway, source, reading, arrival, prepare)


async def take_items(
    gateway: GatewayState,
    source: HookSource,
    reading: VendorReading,
    arrival: Arrival,
    prepare: Prepare | None = None,
    *,
    parks: bool = True,
) -> TakenItems:
    """Publish the leads and signals of a request, and do what else becomes of them.

    When it returns, every item that is not refused is durable. Events come before erasures, as they may be of
    the same person. An item that names somebody by an unknown id is parked, without `parks` it is refused.
    Raises `Retry`, `DataError`.
    """
    work = _VendorPost(gateway, source, reading, arrival)
    decided = await work.decide_all(prepare)
    await gateway.fetches.put(work.fetches(decided))
    received = [(index, one) for index, one in enumerate(decided) if isinstance(one, Received)]
    events: list[Event[Any] | Reject] = await publish_list(gateway, [one for _, one in received])
    if not source.public:
        pairs = zip(reading.items, decided, strict=True)
        found = [entities_of_item(item, one) for item, one in pairs if not isinstance(one, Reject)]
        known = {id_: entity for one in found for id_, entity in one.items()}
        await gateway.entities.remember(source.kind, known)
    published = {index: event for (index, _), event in zip(received, events, strict=True)}
    results: list[ItemResult] = []
    rejected: dict[int, Reject] = {}
    for index, one in enumerate(decided):
        try:
            result = await work.result(index, published.get(index, one), parks=parks)
        except Reject as reject:
            rejected[index], result = reject, ItemResult(index, problem=document(reject))
        gateway.metrics.vendor_items.labels(source.name, outcome_word(result)).inc()
        if result.ignored is not UNSET:
            gateway.ignored.count(source.name)
        results.append(result)
    return TakenItems(reading, results, rejected)


class _VendorPost:
    """One request of a vendor, with what is known of the ids in it."""

    def __init__(
        self, gateway: GatewayState, source: HookSource, reading: VendorReading, arrival: Arrival
    ) -> None:
        self._gateway = gateway
        self._source = source
        self._vendor = source.kind
        self._reading = reading
        self._arrival = arrival
        self._entities = NO_ENTITIES

    async def decide_all(self, prepare: Prepare | None) -> list[Decided | Reject]:
        """Return what becomes of each item, after its lead was prepared. Raises `Retry`.

        What the ids in the request mean is looked up for items that need it; a lead with contact details of
        its own does not.
        """
        items = self._reading.items
        decided = [self._decide(item) if item.do == "lead" else None for item in items]
        unclear = {
            index for index, one in enumerate(decided) if one is None or isinstance(one, UnknownEntity)
        }
        named = entities_named([items[index] for index in unclear])
        self._entities = await self._gateway.entities.find(self._vendor, named)
        return [
            await self._prepared(self._decide(item) if one is None or index in unclear else one, prepare)
            for index, (item, one) in enumerate(zip(items, decided, strict=True))
        ]

    async def _prepared(self, decided: Decided | Reject, prepare: Prepare | None) -> Decided | Reject:
        is_lead = isinstance(decided, Received) and isinstance(decided.event.data, LeadReceivedV1)
        if prepare is None or not is_lead:
            return decided
        try:
            return await prepare(cast("ReceivedLead", decided))
        except Reject as reject:
            return reject

    def _decide(self, item: PresetItem) -> Decided | Reject:
        try:
            return decide_item(item, self._source, self._arrival, self._entities)
        except Reject as reject:
            return reject

    def fetches(self, decided: Sequence[Decided | Reject]) -> list[PendingFetch]:
        """Return the leads that are to be fetched."""
        source, arrival = self._source.name, self._arrival
        return [
            PendingFetch(
                id=fetch_id(source, one.provider, one.parameters),
                source=source,
                provider=one.provider,
                parameters=dict(one.parameters),
                item=self._reading.document(item),
                received_at=arrival.at,
                traceparent=arrival.traceparent,
                attempts=0,
                due_at=arrival.at,
                detail="",
            )
            for item, one in zip(self._reading.items, decided, strict=True)
            if isinstance(one, Fetch)
        ]

    async def result(self, index: int, one: Event[Any] | Decided | Reject, *, parks: bool) -> ItemResult:
        """Return the result of an item; erase or park it. Raises `Reject`."""
        if isinstance(one, UnknownEntity) and parks:
            kept = item_submission(self._gateway, self._source, self._reading, index, one)
            waits_for = entity_key(self._vendor, one.entity)
            await self._gateway.rejected.keep(structs.replace(kept, waits_for=waits_for))
            return ItemResult(index, parked=one.detail)
        if isinstance(one, Reject):
            raise one
        if isinstance(one, Event):
            if isinstance(one.data, LeadReceivedV1):
                return ItemResult(index, one.subject, one.id, f"/v1/leads/{one.subject}")
            return ItemResult(index, event_id=one.id)
        if isinstance(one, ErasureNotice):
            return await self._erase(index, one)
        if isinstance(one, Fetch):
            return ItemResult(index, pending=True)
        if isinstance(one, Ignored):
            return ItemResult(index, ignored=one.reason or "ignored")
        raise TypeError(f"an item is never {type(one).__name__}")

    async def _erase(self, index: int, notice: ErasureNotice) -> ItemResult:
        """Erase the person of a notice, and what waits for the id. Raises `Reject`."""
        external_id = notice.by.get("external_id")
        known = self._entities.get(EntityId("person", external_id)) if external_id else None
        identities = named_identities(notice, known)
        if external_id is not None:
            waits_for = entity_key(self._vendor, EntityId("person", external_id))
            await delete_waiting(self._gateway.database, waits_for)
        if not identities:
            return ItemResult(index, ignored="nobody is known by this id")
        gateway, name = self._gateway, self._source.name
        audit = AuditTrail(Author(f"source:{name}", name, None, UNKNOWN), gateway.clock, gateway.random)
        erasure = await erase_person(gateway, identities, self._arrival.traceparent, audit)
        return ItemResult(index, erased=erasure.receipt_id)


def item_submission(
    gateway: GatewayState, source: HookSource, reading: VendorReading, index: int, reject: Reject
) -> RejectedSubmission:
    """Return an item of a request as it is kept, so that it can be replayed by itself."""
    body, now = reading.document(reading.items[index]), gateway.clock.now()
    return RejectedSubmission(
        id=uuid7(now, gateway.random),
        source=source.name,
        received_at=now,
        status=reject.status,
        cause=reject.kind,
        detail=detail_of(reject),
        content_type=ITEM_DOCUMENT,
        idempotency_key="",
        size=len(body),
        body=body,
    )


def named_identities(notice: ErasureNotice, known: Entity | None) -> list[Identity]:
    """Return the identities of the person whom a notice names, none where an id says nothing.

    Raises `Reject` (422) for contact details that are none.
    """
    found = [identify(notice.by.get("email")), identify(phone=notice.by.get("phone"))]
    if known is not None:
        found.append(identify(known.email))
        if known.lead_id and not known.email:
            found.append(Identity(known.lead_id, "domain", (f"lead:{known.lead_id}",)))
    identities = [identity for identity in found if identity is not None]
    if not identities and not notice.by.keys() >= {"external_id"}:
        raise Reject(422, "nobody-named", "The body does not say whose data it is about")
    return identities


def outcome_word(result: ItemResult) -> str:
    """Return the word by which a result is counted."""
    words = {"problem": "rejected", "lead_id": "lead", "event_id": "signal"}
    members = ("problem", "lead_id", "event_id", "ignored", "erased", "pending", "parked")
    name = next(member for member in members if getattr(result, member) is not UNSET)
    return words.get(name, name)


def submitted_at(received: ReceivedLead, at: datetime) -> ReceivedLead:
    """Return a lead with the time when it arrived first, unless the form says when it was sent."""
    lead = received.event.data
    if lead.source.submitted_at is not None:
        return received
    origin = msgspec.structs.replace(lead.source, submitted_at=at)
    return with_lead(received, msgspec.structs.replace(lead, source=origin))
