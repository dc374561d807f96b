"""The parameter of endpoints that publish an event: what its envelope takes from the request."""

from typing import Annotated, Final

from fastapi import Depends, Header, Request

from services.gateway.dependencies import Gateway
from services.gateway.domain.arrival import Arrival
from services.gateway.state import GatewayState
from shared.errors import Reject

IDEMPOTENCY_KEY_LENGTH_MAX: Final = 200

IdempotencyKey = Annotated[
    str | None,
    Header(
        description="Requests with the same key give the same event, however often they are sent",
        json_schema_extra={"minLength": 1, "maxLength": IDEMPOTENCY_KEY_LENGTH_MAX},
    ),
]


def arrival_of(gateway: GatewayState, traceparent: str, idempotency_key: str | None) -> Arrival:
    """Return what events take from a request that comes now. Raises `Reject` (422) for a bad key."""
    if idempotency_key is not None and not 1 <= len(idempotency_key) <= IDEMPOTENCY_KEY_LENGTH_MAX:
        detail = f"Between 1 and {IDEMPOTENCY_KEY_LENGTH_MAX} characters are allowed"
        raise Reject(422, "invalid-idempotency-key", "The Idempotency-Key is not valid", detail)
    return Arrival(gateway.clock.now(), gateway.random, traceparent, idempotency_key or "")


async def request_arrival(
    request: Request, gateway: Gateway, idempotency_key: IdempotencyKey = None
) -> Arrival:
    """Return time, trace and idempotency key of the request. Raises `Reject` (422) for a bad key."""
    return arrival_of(gateway, request.state.traceparent, idempotency_key)


RequestArrival = Annotated[Arrival, Depends(request_arrival)]
