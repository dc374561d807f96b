"""Takes in what vendors post: reads it by the preset of the source, and does what becomes of each item."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from datetime import datetime
from typing import Any

import msgspec
from msgspec import UNSET, Struct, UnsetType

from services.gateway.domain.arrival import Arrival
from services.gateway.domain.leads import ReceivedLead, with_lead
from services.gateway.domain.preset_items import PresetItem
from services.gateway.domain.preset_outcomes import Decided, ErasureNotice, Fetch, Ignored, decide_item
from services.gateway.domain.received import Received
from services.gateway.domain.sources import HookSource
from services.gateway.erasure import erase_person
from services.gateway.intake.vendor_items import HookRequest, VendorReading, read_request
from services.gateway.publish_once import publish_list
from services.gateway.state import GatewayState
from shared.errors import Reject
from shared.lead.events.envelope import Event
from shared.lead.events.lead_received import LeadReceivedV1
from shared.lead.identity import Identity, identify
from shared.web.problem import Problem, document

Prepare = Callable[[ReceivedLead], Awaitable[ReceivedLead]]
"""What a lead goes through before it is published, such as the check of a captcha. Raises `Reject`."""


class ItemResult(Struct, frozen=True, omit_defaults=True):
    """What became of one item: a lead, a signal, nothing (`ignored` says why), an erasure, or a problem."""

    index: int
    lead_id: str | UnsetType = UNSET
    event_id: str | UnsetType = UNSET
    status_url: str | UnsetType = UNSET
    ignored: str | UnsetType = UNSET
    erased: str | UnsetType = UNSET
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
    return await take_items(gateway, source, read_request(source.preset, sent, arrival.at), arrival, prepare)


async def take_items(
    gateway: GatewayState,
    source: HookSource,
    reading: VendorReading,
    arrival: Arrival,
    prepare: Prepare | None = None,
) -> TakenItems:
    """Publish the leads and signals of a request, and do what else becomes of them.

    Raises `Retry`, `DataError`.     When it returns, every item that is not refused is durable. Events come
    before erasures, as they may be of the same person.
    """
    decided = [await decided_item(source, item, arrival, prepare) for item in reading.items]
    received = [(index, one) for index, one in enumerate(decided) if isinstance(one, Received)]
    events: list[Event[Any] | Reject] = await publish_list(gateway, [one for _, one in received])
    published = {index: event for (index, _), event in zip(received, events, strict=True)}
    results: list[ItemResult] = []
    rejected: dict[int, Reject] = {}
    for index, one in enumerate(decided):
        try:
            result = await result_of(gateway, index, published.get(index, one), arrival)
        except Reject as reject:
            rejected[index], result = reject, ItemResult(index, problem=document(reject))
        gateway.metrics.vendor_items.labels(source.name, outcome_word(one)).inc()
        results.append(result)
    return TakenItems(reading, results, rejected)


async def decided_item(
    source: HookSource, item: PresetItem, arrival: Arrival, prepare: Prepare | None
) -> Decided | Reject:
    try:
        decided = decide_item(item, source, arrival)
        if (
            prepare is not None
            and isinstance(decided, Received)
            and isinstance(decided.event.data, LeadReceivedV1)
        ):
            return await prepare(decided)
    except Reject as reject:
        return reject
    return decided


async def result_of(
    gateway: GatewayState, index: int, one: Event[Any] | Decided | Reject, arrival: Arrival
) -> ItemResult:
    """Return the result of an item. Raises `Reject`."""
    if isinstance(one, Reject):
        raise one
    if isinstance(one, Event):
        if isinstance(one.data, LeadReceivedV1):
            return ItemResult(index, one.subject, one.id, f"/v1/leads/{one.subject}")
        return ItemResult(index, event_id=one.id)
    if isinstance(one, ErasureNotice):
        erasure = await erase_person(gateway, named_identities(one), arrival.traceparent)
        return ItemResult(index, erased=erasure.receipt_id)
    if isinstance(one, Fetch):
        detail = f"No provider with the integration {one.provider} is configured"
        raise Reject(422, "fetch-failed", "The lead cannot be fetched", detail)
    if isinstance(one, Ignored):
        return ItemResult(index, ignored=one.reason or "ignored")
    raise TypeError(f"an item is never {type(one).__name__}")


def named_identities(erasure: ErasureNotice) -> list[Identity]:
    """Return the identities of the person whom an erasure names. Raises `Reject` (422)."""
    found = [identify(erasure.by.get("email")), identify(phone=erasure.by.get("phone"))]
    identities = [identity for identity in found if identity is not None]
    if not identities:
        raise Reject(422, "nobody-named", "The body does not say whose data it is about")
    return identities


def outcome_word(one: Decided | Reject) -> str:
    if isinstance(one, Received):
        return "lead" if isinstance(one.event.data, LeadReceivedV1) else "signal"
    if isinstance(one, Reject):
        return "rejected"
    return (
        "ignored" if isinstance(one, Ignored) else "erased" if isinstance(one, ErasureNotice) else "fetched"
    )


def submitted_at(received: ReceivedLead, at: datetime) -> ReceivedLead:
    """Return a lead with the time when it arrived first, unless the form says when it was sent."""
    lead = received.event.data
    if lead.source.submitted_at is not None:
        return received
    origin = msgspec.structs.replace(lead.source, submitted_at=at)
    return with_lead(received, msgspec.structs.replace(lead, source=origin))
