"""Shows what a vendor's request would become, for the preview of a source and for the command line."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from msgspec import UNSET, Struct, UnsetType

from services.gateway.domain.arrival import Arrival
from services.gateway.domain.form_preview import reading_warnings, unmapped_labels
from services.gateway.domain.known_entities import NO_ENTITIES, Entities
from services.gateway.domain.preset_outcomes import (
    ErasureNotice,
    Fetch,
    Ignored,
    UnknownEntity,
    decide_item,
)
from services.gateway.domain.received import Received
from services.gateway.domain.sources import HookSource
from services.gateway.intake.vendor_items import VendorReading
from shared.errors import Reject
from shared.lead.events.lead_received import LeadReceivedV1
from shared.lead.events.signal_received import SignalReceivedV1
from shared.web.problem import Problem, document


class PreviewedItem(Struct, frozen=True, omit_defaults=True):
    """What one item would become: exactly one of lead, signal, ignore, erase, fetch, parked and problem.

    `unmapped` are the labels that stand for no field of a lead, whose values are answers. `warnings` say what
    cannot be used as it is meant.
    """

    index: int
    lead: LeadReceivedV1 | UnsetType = UNSET
    signal: SignalReceivedV1 | UnsetType = UNSET
    ignore: str | UnsetType = UNSET
    erase: Mapping[str, str] | UnsetType = UNSET
    fetch: Mapping[str, Any] | UnsetType = UNSET
    parked: str | UnsetType = UNSET
    problem: Problem | UnsetType = UNSET
    lead_id: str | UnsetType = UNSET
    account: str | UnsetType = UNSET
    unmapped: list[str] = []
    warnings: list[str] = []


def preview_items(
    source: HookSource, reading: VendorReading, arrival: Arrival, entities: Entities = NO_ENTITIES
) -> Sequence[PreviewedItem]:
    """Return what the items of a request would become. Nothing is stored or published."""
    return [preview_item(source, reading, index, arrival, entities) for index in range(len(reading.items))]


def preview_item(
    source: HookSource, reading: VendorReading, index: int, arrival: Arrival, entities: Entities
) -> PreviewedItem:
    try:
        decided = decide_item(reading.items[index], source, arrival, entities)
    except Reject as reject:
        if isinstance(reject, UnknownEntity):
            return PreviewedItem(index, parked=reject.detail)
        return PreviewedItem(index, problem=document(reject))
    if not isinstance(decided, Received):
        return preview_without_event(index, decided)
    data = decided.event.data
    if isinstance(data, SignalReceivedV1):
        return PreviewedItem(index, signal=data, account=decided.event.key)
    return PreviewedItem(
        index,
        lead=data,
        lead_id=decided.lead_id,
        account=decided.event.key,
        unmapped=unmapped_labels(data, source),
        warnings=reading_warnings(data, source),
    )


def preview_without_event(index: int, decided: Ignored | ErasureNotice | Fetch) -> PreviewedItem:
    if isinstance(decided, Ignored):
        return PreviewedItem(index, ignore=decided.reason)
    if isinstance(decided, ErasureNotice):
        return PreviewedItem(index, erase=decided.by)
    return PreviewedItem(index, fetch={"provider": decided.provider, "with": decided.parameters})
