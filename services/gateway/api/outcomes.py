"""`/v1/outcomes`: what came of leads, one at a time or as a list (JSON or CSV)."""

import asyncio
from typing import Annotated, Any, Final

import msgspec
from fastapi import APIRouter, Request, Response

from services.gateway.api_route import ApiModel, ApiRoute, problem_responses
from services.gateway.batch import NONE_ACCEPTED, batch_response, validate_items
from services.gateway.dependencies import Gateway, RequestArrival, Seller
from services.gateway.domain.csv_table import TableRow, UnreadableRow
from services.gateway.domain.outcome_table import outcome_fields, read_outcome_csv
from services.gateway.posted_outcomes import PostedOutcome, outcome_events, read_outcome
from services.gateway.publish_once import publish_list, publish_received
from services.gateway.request_body import (
    ITEMS_MAX,
    decoded_strictly,
    is_json_type,
    is_list,
    items,
    list_too_long,
    media_type,
    parse_json,
    unsupported_type,
)
from services.gateway.responses import json_response
from shared.errors import Reject
from shared.lead.events.outcome_received import OutcomeReceivedV1
from shared.web.event_schema import MsgspecType
from shared.web.problem import Problem

router = APIRouter(prefix="/v1/outcomes", tags=["Lead actions"], route_class=ApiRoute)

_CSV: Final = "text/csv"
_OUTCOME: Final[dict[str, Any]] = {"$ref": "#/components/schemas/OutcomeReceivedV1"}
_outcome = msgspec.json.Decoder(OutcomeReceivedV1)


class AcceptedOutcome(ApiModel):
    """The outcome is durably in the stream."""

    event_id: str


class OutcomeResult(ApiModel):
    """One item of a list: accepted, with its `event_id`, or rejected, with a `problem`."""

    index: int
    event_id: str = ""
    problem: Annotated[Problem, MsgspecType()] | None = None


class OutcomeResults(ApiModel):
    """The result of every item of a list, in its order."""

    results: list[OutcomeResult]


@router.post(
    "",
    status_code=202,
    summary=f"Record what came of a lead, or up to {ITEMS_MAX} outcomes as a list (JSON or CSV)",
    description="A rep's key may do so for its own leads only. A rejection does what the policy says of its "
    "reason; a reason that the policy does not name is 422, and so is a `rep` who neither is in the team nor "
    "ever was. The event records who acted: the name of the key, and the rep. An outcome counts at its `at`, "
    "whenever it arrives. The same `external_id` with the same body is one outcome. Columns of CSV are the "
    "fields, or as CRMs head them.",
    response_model=AcceptedOutcome | OutcomeResults,
    response_model_exclude_unset=True,
    responses={
        **problem_responses(400, 403, 413, 415),
        422: {
            "description": f"Not an outcome or a list of them, or: {NONE_ACCEPTED}",
            **problem_responses(422)[422],
        },
    },
    openapi_extra={
        "requestBody": {
            "required": True,
            "content": {
                "application/json": {
                    "schema": {
                        "anyOf": [
                            _OUTCOME,
                            {"type": "array", "items": _OUTCOME, "minItems": 1, "maxItems": ITEMS_MAX},
                        ]
                    }
                },
                _CSV: {"schema": {"type": "string"}},
            },
        }
    },
)
async def post_outcomes(
    request: Request, principal: Seller, arrival: RequestArrival, gateway: Gateway
) -> Response:
    kind = media_type(request.headers.get("content-type", ""))
    raw = await request.body()
    policy = (await gateway.policies.start()).policy

    def read(item: bytes, _index: int) -> PostedOutcome:
        return read_outcome(decoded_strictly(item, _outcome), parse_json(item), principal, policy)

    if kind == _CSV:
        # In a thread: of a megabyte of broken quotes it takes a second.
        columns, rows = await asyncio.to_thread(read_outcome_csv, raw, ITEMS_MAX + 1)
        if not rows:
            raise Reject(422, "empty-list", "There is no row under the header")
        if len(rows) > ITEMS_MAX:
            raise list_too_long(len(rows))

        def read_row(row: TableRow | UnreadableRow, index: int) -> PostedOutcome:
            return read(msgspec.json.encode(outcome_fields(row, columns)), index)

        found = validate_items(rows, read_row)
    elif not is_json_type(kind):
        raise unsupported_type("application/json", _CSV)
    elif not is_list(raw):
        (received,) = await outcome_events(gateway, principal, [read(raw, 0)], arrival)
        if isinstance(received, Reject):
            raise received
        event = await publish_received(gateway, received)
        return json_response({"event_id": event.id}, 202)
    else:
        found = validate_items(items(raw), read)
    results = await publish_list(gateway, await outcome_events(gateway, principal, found, arrival))
    return batch_response(results, lambda event: {"event_id": event.id})
