"""`POST /v1/leads` and `POST /v1/signals`: the two paths that are faster than FastAPI can be.

Of what a durable 202 costs, the framework's part is larger than all else together (ADR 7 has the figures).
So these two are looked up by method and path before FastAPI's middleware and answered by plain ASGI. They
are documented by FastAPI all the same: `router` has a route for each whose function is its signature only.
Every rule is the one of the other endpoints: keys, bodies and problems come from the same functions.
"""

from collections.abc import Awaitable, Callable, Mapping
from time import perf_counter
from typing import Annotated, Final

from fastapi import APIRouter, Body, Response
from msgspec import UNSET, Meta, Struct, UnsetType
from starlette.requests import ClientDisconnect
from starlette.types import Receive, Scope, Send

from services.gateway.api_route import ApiRoute, problem_responses
from services.gateway.dependencies import IdempotencyKey, Intake, find_principal, new_arrival, require_scope
from services.gateway.domain.arrival import Arrival
from services.gateway.error_handlers import as_reject, internal_error, problem_response
from services.gateway.intake.leads import AcceptedLead, accept_leads
from services.gateway.intake.signals import AcceptedSignal, accept_signals
from services.gateway.middleware import RequestMetrics, request_span
from services.gateway.request_body import ITEMS_MAX, read_body, require_json
from services.gateway.state import GatewayState
from shared.errors import DataError, Reject, Retry
from shared.lead.events.lead_received import LeadReceivedV1
from shared.lead.events.signal_received import SignalReceivedV1
from shared.web.event_schema import MsgspecType
from shared.web.problem import Problem

Accept = Callable[[GatewayState, bytes, Arrival], Awaitable[bytes | Response]]
Headers = Mapping[bytes, bytes]

PATHS: Final[Mapping[str, Accept]] = {"/v1/leads": accept_leads, "/v1/signals": accept_signals}


class IntakeLane:
    """An ASGI application for `POST` on `PATHS`."""

    def __init__(self, state: GatewayState, request_metrics: RequestMetrics) -> None:
        self._gateway = state
        self._metrics = request_metrics

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        began = perf_counter()
        path: str = scope["path"]
        try:
            answer = await self._answer(path, scope, receive)
        except ClientDisconnect:
            return
        if isinstance(answer, bytes):
            status = 202
            headers = [(b"content-type", b"application/json"), (b"content-length", b"%d" % len(answer))]
            await send({"type": "http.response.start", "status": 202, "headers": headers})
            await send({"type": "http.response.body", "body": answer})
        else:
            status = answer.status_code
            await answer(scope, receive, send)
        self._metrics.observe(path, "POST", status, perf_counter() - began)

    async def _answer(self, path: str, scope: Scope, receive: Receive) -> bytes | Response:
        """Return the body of a 202, or a whole response. Raises `ClientDisconnect`."""
        gateway = self._gateway
        headers: Headers = dict(scope["headers"])
        try:
            principal = await find_principal(gateway, headers.get(b"authorization", b""), scope)
            require_scope(principal, "intake")
            require_json(headers.get(b"content-type", b"").decode("latin-1"))
            raw = await read_body(headers, receive)
            key = headers.get(b"idempotency-key")
            with request_span(gateway, f"POST {path}", headers) as traceparent:
                arrival = new_arrival(
                    gateway,
                    traceparent,
                    None if key is None else key.decode("latin-1"),
                    scope=(principal.key_id, path),
                    has_api_key=True,
                )
                return await PATHS[path](gateway, raw, arrival)
        except Reject as reject:
            return problem_response(reject)
        except (Retry, DataError) as error:
            return problem_response(as_reject(error))
        except ClientDisconnect:
            raise
        except Exception as error:  # noqa: BLE001 - the last line: whatever it is, the client gets a problem
            return problem_response(internal_error(path, error))


class LeadResult(Struct, frozen=True, omit_defaults=True):
    """One item of a list: accepted, or a problem."""

    index: int
    lead_id: str | UnsetType = UNSET
    event_id: str | UnsetType = UNSET
    status_url: str | UnsetType = UNSET
    problem: Problem | UnsetType = UNSET


class LeadResults(Struct, frozen=True):
    """The result of each item of a list, in its order."""

    results: list[LeadResult]


class SignalResult(Struct, frozen=True, omit_defaults=True):
    """One item of a list: accepted, or a problem."""

    index: int
    event_id: str | UnsetType = UNSET
    problem: Problem | UnsetType = UNSET


class SignalResults(Struct, frozen=True):
    """The result of each item of a list, in its order."""

    results: list[SignalResult]


_ListType = MsgspecType(Meta(min_length=1, max_length=ITEMS_MAX))
OneLead = Annotated[LeadReceivedV1, MsgspecType()]
LeadList = Annotated[list[LeadReceivedV1], _ListType]
OneSignal = Annotated[SignalReceivedV1, MsgspecType()]
SignalList = Annotated[list[SignalReceivedV1], _ListType]
LeadAnswer = Annotated[AcceptedLead, MsgspecType()] | Annotated[LeadResults, MsgspecType()]
SignalAnswer = Annotated[AcceptedSignal, MsgspecType()] | Annotated[SignalResults, MsgspecType()]

router = APIRouter(tags=["Intake"], route_class=ApiRoute, responses=problem_responses(422))


@router.post("/v1/leads", status_code=202, summary=f"Take a lead, or a list of up to {ITEMS_MAX}")
async def post_leads(
    body: Annotated[OneLead | LeadList, Body()], caller: Intake, idempotency_key: IdempotencyKey = None
) -> LeadAnswer:
    """Of a list each item is accepted or rejected by itself; the answer is 422 when none is accepted."""
    raise NotImplementedError  # the lane answers


@router.post(
    "/v1/signals",
    status_code=202,
    summary=f"Take a buying signal or a later activity, or a list of up to {ITEMS_MAX}",
)
async def post_signals(
    body: Annotated[OneSignal | SignalList, Body()], caller: Intake, idempotency_key: IdempotencyKey = None
) -> SignalAnswer:
    """Of a list each item is accepted or rejected by itself; the answer is 422 when none is accepted."""
    raise NotImplementedError  # the lane answers
