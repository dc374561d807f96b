"""`/v1/outcomes`: what came of leads, one at a time or as a list (JSON or CSV)."""

import asyncio
from collections.abc import Mapping, Sequence
from typing import Annotated, Any, Final

import msgspec
from fastapi import APIRouter, Request, Response
from msgspec import Struct, structs

from services.gateway.api_route import ApiModel, ApiRoute, problem_responses
from services.gateway.batch import NONE_ACCEPTED, batch_response, validate_items
from services.gateway.dependencies import Gateway, RequestArrival, Seller
from services.gateway.domain.access import Principal
from services.gateway.domain.actions import acting_rep, actor_of, check_reason, forbidden, rep_faults
from services.gateway.domain.arrival import Arrival, invalid
from services.gateway.domain.csv_table import TableRow, UnreadableRow
from services.gateway.domain.outcome_table import outcome_fields, read_outcome_csv
from services.gateway.domain.outcomes import OUTCOME_RECEIVED, lead_of_outcome
from services.gateway.domain.received import Received, received_event
from services.gateway.domain.trust import refuse_reserved_fields
from services.gateway.publish_once import publish_list, publish_received
from services.gateway.queries.lead_view import surviving_leads
from services.gateway.queries.ownership import find_former_reps, find_owners
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
from services.gateway.state import GatewayState
from shared.errors import Reject
from shared.lead.events.outcome_received import OutcomeReceivedV1
from shared.lead.identity import account_key
from shared.policy.models import Policy
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


class ToldOutcome(Struct, frozen=True):
    """An outcome that a client told: as it was read, as it came, and in the name of which rep.

    `lead_id` may be an alias. A rep whom the team does not have `must_be_former`.
    """

    body: OutcomeReceivedV1
    given: Mapping[str, Any]
    lead_id: str
    rep: str | None
    must_be_former: bool


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

    def told(item: bytes, _index: int) -> ToldOutcome:
        return _told(decoded_strictly(item, _outcome), parse_json(item), principal, policy)

    if kind == _CSV:
        # In a thread: of a megabyte of broken quotes it takes a second.
        columns, rows = await asyncio.to_thread(read_outcome_csv, raw, ITEMS_MAX + 1)
        if not rows:
            raise Reject(422, "empty-list", "There is no row under the header")
        if len(rows) > ITEMS_MAX:
            raise list_too_long(len(rows))

        def told_by_row(row: TableRow | UnreadableRow, index: int) -> ToldOutcome:
            return told(msgspec.json.encode(outcome_fields(row, columns)), index)

        found = validate_items(rows, told_by_row)
    elif not is_json_type(kind):
        raise unsupported_type("application/json", _CSV)
    elif not is_list(raw):
        (received,) = await _received(gateway, principal, [told(raw, 0)], arrival)
        if isinstance(received, Reject):
            raise received
        event = await publish_received(gateway, received)
        return json_response({"event_id": event.id}, 202)
    else:
        found = validate_items(items(raw), told)
    results = await publish_list(gateway, await _received(gateway, principal, found, arrival))
    return batch_response(results, lambda event: {"event_id": event.id})


def _told(
    body: OutcomeReceivedV1, given: Mapping[str, Any], principal: Principal, policy: Policy
) -> ToldOutcome:
    """Return an outcome as its client may tell it, as far as no table is asked. Raises `Reject`."""
    refuse_reserved_fields(body)
    lead_id = lead_of_outcome(body)
    if body.type == "rejected":
        check_reason(policy.routing, body.reason)
    rep = acting_rep(principal, body.rep)
    faults = tuple(rep_faults(policy, "/rep", rep)) if rep is not None else ()
    # A rep who has left the team may have won the lead before.
    if rep is not None and faults and not rep.isprintable():
        raise invalid(faults)
    return ToldOutcome(body, given, lead_id, rep, bool(faults))


async def _received(
    gateway: GatewayState, principal: Principal, told: Sequence[ToldOutcome | Reject], arrival: Arrival
) -> list[Received[OutcomeReceivedV1] | Reject]:
    """Return the event of each outcome, or why it is refused: the rep is unknown, the lead another rep's."""
    readable = [one for one in told if isinstance(one, ToldOutcome)]
    policy = (await gateway.policies.start()).policy
    async with gateway.database.read() as tx:
        survivors = await surviving_leads(tx, {one.lead_id for one in readable})
        former = await find_former_reps(tx, {one.rep for one in readable if one.rep and one.must_be_former})
        leads = {survivors.get(one.lead_id, one.lead_id) for one in readable}
        owners = {} if principal.may("manager") else await find_owners(tx, leads)

    def received(one: ToldOutcome | Reject, index: int) -> Received[OutcomeReceivedV1]:
        if isinstance(one, Reject):
            raise one
        if one.rep is not None and one.must_be_former and one.rep not in former:
            raise invalid(tuple(rep_faults(policy, "/rep", one.rep)))
        lead_id = survivors.get(one.lead_id, one.lead_id)
        if not principal.may("manager") and owners.get(lead_id) != one.rep:
            raise forbidden("The lead is not this rep's")
        # The key may be renamed before the request is repeated.
        content = structs.replace(one.body, rep=one.rep)
        actor = actor_of(principal, one.rep)
        by = {"rep": one.rep} if one.rep else {}
        return received_event(
            OUTCOME_RECEIVED,
            structs.replace(content, actor=actor),
            structs.replace(arrival, index=index),
            subject=lead_id,
            key=account_key(None, one.body.email, lead_id),
            content=content,
            name=("external_id", one.body.external_id) if one.body.external_id else (),
            # As it came, with who acted.
            raw=msgspec.json.encode({**one.given, **by, "actor": actor}),
        )

    return validate_items(told, received)
