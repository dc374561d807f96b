"""Replays rejected submissions: reads them as their source reads now, and removes those that are accepted."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Final

import msgspec
from msgspec import UNSET, Struct, UnsetType
from starlette.types import Message

from services.gateway.domain.arrival import Arrival
from services.gateway.domain.known_entities import entity_key
from services.gateway.domain.leads import ReceivedLead
from services.gateway.domain.preset_outcomes import UnknownEntity
from services.gateway.domain.rejected import RejectedSubmission
from services.gateway.domain.sources import HookSource
from services.gateway.intake.forms import receive_form
from services.gateway.intake.leads import publish_lead
from services.gateway.intake.signals import AcceptedSignal, accept_signals
from services.gateway.intake.vendor_intake import ItemResult, submitted_at, take_items
from services.gateway.intake.vendor_items import ITEM_DOCUMENT, HookRequest, read_document, read_request
from services.gateway.queries.rejected import delete_rejected, find_rejected, set_waits_for
from services.gateway.request_body import ApiRequest
from services.gateway.state import GatewayState
from shared.errors import DataError, Reject
from shared.web.problem import Problem, document

_TOGETHER: Final = 50

_signal = msgspec.json.Decoder(AcceptedSignal)


class ReplayResult(Struct, frozen=True, omit_defaults=True):
    """What became of one submission: the event that it is now, or the problem that it still has."""

    id: str
    lead_id: str | UnsetType = UNSET
    event_id: str | UnsetType = UNSET
    problem: Problem | UnsetType = UNSET


async def replay_submissions(
    gateway: GatewayState, source: HookSource, ids: Sequence[str], traceparent: str
) -> list[ReplayResult]:
    """Replay submissions of a source in the order of `ids`; return the result of each.

    The id of an event follows from its submission: to replay one twice, because the first replay was cut
    short, gives the same event. Raises `Retry`; what was accepted until then is removed.
    """
    results: list[ReplayResult] = []
    for begin in range(0, len(ids), _TOGETHER):
        chunk = ids[begin : begin + _TOGETHER]
        async with gateway.database.read() as tx:
            found = await find_rejected(tx, source.name, gateway.clock.now(), chunk)
        replayed = await asyncio.gather(
            *(_replay(gateway, source, found[id_], traceparent) for id_ in chunk if id_ in found)
        )
        accepted = [result.id for result in replayed if result.problem is UNSET]
        if accepted:
            async with gateway.database.begin() as tx:
                await delete_rejected(tx, accepted)
        by_id = {result.id: result for result in replayed}
        results += (by_id.get(id_) or ReplayResult(id_, problem=document(_UNKNOWN)) for id_ in chunk)
    return results


_UNKNOWN: Final = Reject(404, "unknown-submission", "The source has no such rejected submission")
_CUT: Final = Reject(413, "body-too-large", "The body is too large", "Only its beginning is kept")


async def _replay(
    gateway: GatewayState, source: HookSource, submission: RejectedSubmission, traceparent: str
) -> ReplayResult:
    key = submission.idempotency_key or f"rejected:{submission.id}"
    arrival = Arrival(
        submission.received_at,
        gateway.random,
        traceparent,
        key,
        scope=("source", source.name),
        shared_hosts=gateway.shared_hosts,
    )
    try:
        if not submission.is_complete:
            raise _CUT
        if source.preset is not None:
            return await replay_vendor(gateway, source, submission, arrival)
        if source.hook == "signals":
            answer = await accept_signals(gateway, submission.body, arrival, source)
            event_id = _signal.decode(answer).event_id if isinstance(answer, bytes) else UNSET
            return ReplayResult(submission.id, event_id=event_id)
        received = await receive_form(_request_of(submission), source, arrival)
        accepted = await publish_lead(gateway, submitted_at(received, submission.received_at))
    except (Reject, DataError) as error:
        reject = error if isinstance(error, Reject) else Reject(422, "unusable-value", str(error))
        if submission.waits_for is not None:
            await _wait_for(gateway, source, submission, reject)
        return ReplayResult(submission.id, problem=document(reject))
    return ReplayResult(submission.id, lead_id=accepted.lead_id, event_id=accepted.event_id)


async def _wait_for(
    gateway: GatewayState, source: HookSource, submission: RejectedSubmission, reject: Reject
) -> None:
    """Record what a parked item waits for now: another entity, or nothing that Baton could notice."""
    waits_for = None
    if source.preset is not None and isinstance(reject, UnknownEntity):
        waits_for = entity_key(source.preset.vendor, reject.entity)
    if waits_for != submission.waits_for:
        async with gateway.database.begin() as tx:
            await set_waits_for(tx, submission.id, waits_for)


async def replay_vendor(
    gateway: GatewayState, source: HookSource, submission: RejectedSubmission, arrival: Arrival
) -> ReplayResult:
    """Replay a request of a vendor, or one item of it. Raises `Reject` as long as a part of it is refused."""

    async def prepare(received: ReceivedLead) -> ReceivedLead:
        return submitted_at(received, submission.received_at)

    assert source.preset is not None  # noqa: S101 - the caller has looked
    if submission.content_type == ITEM_DOCUMENT:
        reading = read_document(source.preset, submission.body, arrival.at)
    else:
        sent = HookRequest(submission.body, submission.content_type)
        reading = read_request(source.preset, sent, arrival.at)
    taken = await take_items(gateway, source, reading, arrival, prepare, parks=False)
    for reject in taken.rejected.values():
        raise reject
    made = [result for result in taken.results if result.event_id is not UNSET]
    first = made[0] if made else ItemResult(0)
    return ReplayResult(submission.id, lead_id=first.lead_id, event_id=first.event_id)


def _request_of(submission: RejectedSubmission) -> ApiRequest:
    """Return the request that the submission came with, as far as a form is read from it."""
    headers = (
        [(b"content-type", submission.content_type.encode("latin-1"))] if submission.content_type else []
    )

    async def receive() -> Message:
        return {"type": "http.request", "body": submission.body}

    return ApiRequest({"type": "http", "method": "POST", "path": "", "headers": headers}, receive)
