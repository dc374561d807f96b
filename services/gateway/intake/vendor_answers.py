"""Answers the posts of vendors: one lead or signal as always, several items with a result for each."""

from typing import Annotated, Any, Final

import structlog
from fastapi import Request, Response
from msgspec import UNSET, Struct, structs

from services.gateway.domain.arrival import Arrival
from services.gateway.domain.leads import ReceivedLead
from services.gateway.domain.preset_items import evaluation_of
from services.gateway.domain.sources import HookSource
from services.gateway.intake.captcha import verify_captcha
from services.gateway.intake.vendor_intake import ItemResult, TakenItems, item_submission, take_request
from services.gateway.intake.vendor_items import HookRequest
from services.gateway.responses import json_response
from services.gateway.state import GatewayState
from shared.errors import FieldProblem, Reject
from shared.web.event_schema import MsgspecType

log = structlog.get_logger()

_COUNTED: Final = ("ignored", "erased", "pending", "parked")


class ItemResults(Struct, frozen=True):
    """The result of each item of a request, in its order."""

    results: list[ItemResult]


class NothingMade(Struct, frozen=True, omit_defaults=True):
    """No lead and no signal was made of the items: how many were ignored, erase somebody, or wait."""

    ignored: int = 0
    erased: int = 0
    pending: int = 0
    parked: int = 0


VendorAnswer = (
    Annotated[ItemResult, MsgspecType()]
    | Annotated[ItemResults, MsgspecType()]
    | Annotated[NothingMade, MsgspecType()]
)


async def accept_vendor_request(
    gateway: GatewayState, source: HookSource, request: Request, arrival: Arrival
) -> Response:
    """Take in what a vendor posted; return a success once all of it that is not refused is durable.

    Raises `Reject` when nothing of it is accepted, and `Retry`. Of several items those that are refused are
    kept by themselves, so that they can be replayed.
    """

    async def prepare(received: ReceivedLead) -> ReceivedLead:
        if source.captcha is None:
            return received
        return await verify_captcha(gateway, source.name, source.captcha, received)

    sent = await sent_request(request)
    taken = await take_request(gateway, source, sent, arrival, prepare)
    if taken.rejected and len(taken.rejected) == len(taken.results):
        raise rejection_of_all(taken)
    for index, reject in taken.rejected.items():
        gateway.metrics.rejected_submissions.labels(source.name, reject.kind).inc()
        log.warning("submission rejected", source=source.name, cause=reject.kind, kept=True)
        await gateway.rejected.keep(item_submission(gateway, source, taken.reading, index, reject))
    answer = answer_of(taken)
    if source.preset is None:
        return json_response(answer, 202)
    if source.preset.success_body is not None:
        read = taken.reading.request
        wanted = evaluation_of(source.preset, read).value(source.preset.success_body, read.root)
        answer |= wanted if isinstance(wanted, dict) else {}
    return json_response(answer, source.preset.success_status)


async def sent_request(request: Request) -> HookRequest:
    """Return a request as it came. Raises `Reject` (413, 415)."""
    raw = await request.body()
    content_type = request.headers.get("content-type", "")
    return HookRequest(raw, content_type, dict(request.headers), dict(request.query_params))


def answer_of(taken: TakenItems) -> dict[str, Any]:
    """Return the answer to a post of which something was accepted, as JSON has it."""
    results = [structs.asdict(result) for result in taken.results]
    shown = [{name: value for name, value in result.items() if value is not UNSET} for result in results]
    counts = {name: sum(name in result for result in shown) for name in _COUNTED}
    if sum(counts.values()) == len(shown) and (len(shown) <= 1 or counts["ignored"] == len(shown)):
        return {name: count for name, count in counts.items() if count or (name == "ignored" and not shown)}
    if len(shown) == 1:
        return {name: value for name, value in shown[0].items() if name != "index"}
    return {"results": shown}


def rejection_of_all(taken: TakenItems) -> Reject:
    """Return the rejection of a request whose items were all refused: that of the only one, or of all."""
    if len(taken.results) == 1:
        return taken.rejected[0]
    errors = tuple(
        FieldProblem(f"/{index}{error.pointer}", error.detail)
        for index, reject in sorted(taken.rejected.items())
        for error in (reject.errors or (FieldProblem("", reject.detail or reject.title),))
    )
    return Reject(422, "none-accepted", "No item of the request was accepted", errors=errors)
