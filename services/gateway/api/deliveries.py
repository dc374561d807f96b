"""Webhook deliveries: what was sent or will be, test events, retry and replay.

The router sends. What is requested here is stored as an order, which the router carries out within a second.
"""

import asyncio
from datetime import datetime
from typing import Final

from fastapi import APIRouter, Response, Security
from sqlalchemy import RowMapping

from services.gateway.api.subscriptions import require_subscription
from services.gateway.api_route import ApiModel, ApiRoute, RequestBody, Time, problem_responses
from services.gateway.audit import AuditTrail
from services.gateway.dependencies import Audit, Gateway, Page, Paging, caller
from services.gateway.domain.arrival import invalid, refuse_unreal_times, uuid7
from services.gateway.not_found import not_found
from services.gateway.polling import poll_delays
from services.gateway.queries.deliveries import (
    count_at_most,
    find_delivery,
    find_delivery_with_request,
    is_erased,
    list_attempts,
    list_deliveries,
)
from services.gateway.queries.delivery_orders import is_carried_out, place_order
from services.gateway.responses import json_response
from services.gateway.state import GatewayState
from services.router.domain.delivery import DELIVERY_ROLE, delivery_id, destinations_of
from services.router.tables import deliveries_between, not_erased
from shared.errors import FieldProblem, Reject
from shared.storage.database import Tx
from shared.storage.keyset import Cursor
from shared.webhooks import (
    QueuedOrder,
    ReplayOrder,
    RetryOrder,
    Subscription,
    TrialOrder,
)

router = APIRouter(
    prefix="/v1",
    tags=["Deliveries"],
    route_class=ApiRoute,
    dependencies=[Security(caller, scopes=["admin"])],
)

REPLAYED_MAX: Final = 10_000
"""The most deliveries that one request sends again: they become due in one unit of work."""
_WAITS: Final = "200 with the delivery once it was tried; 202 when that takes longer."


class DeliveryFailure(ApiModel):
    """A failed attempt. `status` is null when the endpoint did not answer."""

    at: datetime
    status: int | None
    error: str


class DeliveryView(ApiModel):
    """One event for one endpoint. While it is pending, `next_attempt_at` is the time of the next attempt.

    `attempts` counts since the delivery was last requested; `failures` are the latest failed attempts, the
    oldest first.
    """

    id: str
    subscription_id: str
    event_id: str
    event_type: str
    lead_id: str
    url: str
    state: str
    attempts: int
    next_attempt_at: datetime | None
    last_status: int | None
    last_error: str | None
    created_at: datetime
    delivered_at: datetime | None
    failures: list[DeliveryFailure]


class DeliveryAttemptView(ApiModel):
    """One attempt, which took `ms` milliseconds. `error` is null when it arrived.

    `answer` is the beginning of the response's body, at most 2,000 bytes.
    """

    at: datetime
    ms: int
    status: int | None
    error: str | None
    answer: str | None


class DeliveryRequest(ApiModel):
    """What is sent. Each attempt also has `webhook-timestamp` and `webhook-signature` of its time."""

    headers: dict[str, str]
    body: str


class DeliveryDetail(DeliveryView):
    """A delivery with its attempts of the last 14 days, the newest first, and with what is sent.

    `request` is null when the event is not kept any more, or the person was erased.
    """

    history: list[DeliveryAttemptView]
    request: DeliveryRequest | None


class AcceptedDelivery(ApiModel):
    """The delivery will be sent; its state is at `status_url`."""

    id: str
    status_url: str


class Replay(RequestBody):
    """Which deliveries to send again: those created from `since` on and before `until`, all or the failed."""

    since: Time
    until: Time | None = None
    failed_only: bool = False


class ReplayedDeliveries(ApiModel):
    """How many deliveries are sent again, under the ids that they had."""

    deliveries: int
    since: datetime
    until: datetime


@router.get(
    "/subscriptions/{id}/deliveries",
    summary="List the deliveries of a subscription, the newest first",
    description=(
        "`queue:NAME`, `rep:ID` or `manager:ID` in place of an id lists the deliveries to the destination "
        "of a queue, a rep or a manager."
    ),
    responses=problem_responses(404),
)
async def get_deliveries(id: str, gateway: Gateway, paging: Paging) -> Page[DeliveryView]:  # noqa: A002
    is_destination = await _is_destination(gateway, id)
    async with gateway.database.read() as tx:
        if not is_destination:
            await require_subscription(tx, id)
        rows = await list_deliveries(tx, id, paging.after, paging.limit + 1)
    cursors = [Cursor(row["created_at"], row["id"]) for row in rows]
    return paging.page([delivery_view(row) for row in rows], cursors)


@router.get(
    "/deliveries/{id}",
    summary="Return a delivery, its attempts and what is sent",
    responses=problem_responses(404),
)
async def get_delivery(id: str, gateway: Gateway) -> DeliveryDetail:  # noqa: A002 - the name in the path
    async with gateway.database.read() as tx:
        return await delivery_detail(tx, id)


async def delivery_detail(tx: Tx, delivery_id: str) -> DeliveryDetail:
    """Return a delivery with its attempts and its request. Raises `Reject` (404)."""
    found = await find_delivery_with_request(tx, delivery_id, DELIVERY_ROLE)
    if found is None:
        raise not_found("delivery", "delivery", delivery_id, "GET /v1/subscriptions/{id}/deliveries")
    row, body = found
    attempts = await list_attempts(tx, delivery_id)
    request = None
    if body is not None:
        headers = {"content-type": "application/json", "webhook-id": row["event_id"]}
        request = {"headers": headers, "body": body.decode(errors="replace")}
    return DeliveryDetail.model_validate(
        {
            **{name: value for name, value in row.items() if name in DeliveryDetail.model_fields},
            "failures": row["failures"] or [],
            "history": [dict(attempt) for attempt in attempts],
            "request": request,
        }
    )


@router.post(
    "/deliveries/{id}/retry",
    summary="Send a delivery now, whatever its state is",
    description=_WAITS,
    response_model=DeliveryView,
    responses={202: {"model": AcceptedDelivery}, **problem_responses(404, 409)},
)
async def retry_delivery(id: str, gateway: Gateway, audit: Audit) -> Response:  # noqa: A002 - in the path
    return _tried(id, await order_retry(gateway, audit, id))


async def order_retry(gateway: GatewayState, audit: AuditTrail, id_: str) -> RowMapping | None:
    """Have a delivery sent now and return it once it was, None when that takes long.

    Raises `Reject` (404, 409).
    """
    async with gateway.database.read() as tx:
        found = await _require_delivery(tx, id_)
        if await is_erased(tx, found["lead_id"], DELIVERY_ROLE):
            raise Reject(409, "person-erased", "The person was erased", "There is nothing to send any more")
    if not await _is_destination(gateway, found["subscription_id"]):
        await _require_active(gateway, found["subscription_id"])
    now = gateway.clock.now()
    order = QueuedOrder(uuid7(now, gateway.random), RetryOrder(id_), now)
    async with gateway.database.begin() as tx:
        await place_order(tx, order)
        await audit.record(tx, "delivery.retried", id_, endpoint=found["subscription_id"])
    return await await_attempt(gateway, order, id_)


@router.post(
    "/subscriptions/{id}/test",
    summary="Send an event of type `webhook.test`, which has no business meaning",
    description=_WAITS,
    response_model=DeliveryView,
    responses={202: {"model": AcceptedDelivery}, **problem_responses(404, 409)},
)
async def send_test_event(id: str, gateway: Gateway, audit: Audit) -> Response:  # noqa: A002 - in the path
    subscription = await _require_active(gateway, id)
    now = gateway.clock.now()
    order = QueuedOrder(uuid7(now, gateway.random), TrialOrder(subscription.id), now)
    async with gateway.database.begin() as tx:
        await place_order(tx, order)
        await audit.record(tx, "subscription.tested", id)
    sent = delivery_id(order.id, subscription.id)
    return _tried(sent, await await_attempt(gateway, order, sent))


@router.post(
    "/subscriptions/{id}/replay",
    status_code=202,
    summary="Send the deliveries of a time range again, under the same ids",
    responses=problem_responses(404, 409),
)
async def replay_deliveries(
    id: str,  # noqa: A002 - the name in the path
    body: Replay,
    gateway: Gateway,
    audit: Audit,
) -> ReplayedDeliveries:
    until = body.until or gateway.clock.now()
    refuse_unreal_times((("/since", body.since), ("/until", body.until)))
    if body.since >= until:
        raise invalid((FieldProblem("/since", "This time is not before the end"),))
    subscription = await _require_active(gateway, id)
    in_range = deliveries_between(subscription.id, body.since, until, failed_only=body.failed_only)
    async with gateway.database.read() as tx:
        count = await count_at_most(tx, in_range & not_erased(DELIVERY_ROLE), REPLAYED_MAX + 1)
    if count > REPLAYED_MAX:
        detail = f"At most {REPLAYED_MAX} are sent again by one request; name a shorter time"
        raise Reject(422, "too-many-deliveries", "There are too many deliveries in that time", detail)
    if count:
        now = gateway.clock.now()
        replay = ReplayOrder(subscription.id, body.since, until, body.failed_only)
        between = f"{body.since.isoformat()}/{until.isoformat()}"
        async with gateway.database.begin() as tx:
            await place_order(tx, QueuedOrder(uuid7(now, gateway.random), replay, now))
            await audit.record(tx, "subscription.replayed", id, between=between, deliveries=count)
    return ReplayedDeliveries(deliveries=count, since=body.since, until=until)


async def _require_active(gateway: GatewayState, subscription_id: str) -> Subscription:
    """Return a subscription to which something can be sent now. Raises `Reject` (404, 409)."""
    async with gateway.database.read() as tx:
        subscription = await require_subscription(tx, subscription_id)
    if subscription.state != "active":
        raise Reject(409, "subscription-disabled", "The subscription is disabled")
    return subscription


async def _require_delivery(tx: Tx, id_: str) -> RowMapping:
    found = await find_delivery(tx, id_)
    if found is None:
        raise not_found("delivery", "delivery", id_, "GET /v1/subscriptions/{id}/deliveries")
    return found


async def _is_destination(gateway: GatewayState, endpoint: str) -> bool:
    """Return whether an endpoint is a destination that the active policy names."""
    return endpoint in destinations_of((await gateway.policies.start()).policy)


async def await_attempt(gateway: GatewayState, order: QueuedOrder, id_: str) -> RowMapping | None:
    """Return the delivery once the order led to an attempt, None after `WAIT_S`."""
    for delay_s in poll_delays():
        await asyncio.sleep(delay_s)
        async with gateway.database.read() as tx:
            found = (
                await find_delivery(tx, id_) if await is_carried_out(tx, order.id, DELIVERY_ROLE) else None
            )
        if found is not None and (found["attempts"] or found["state"] != "pending"):
            return found
    return None


def _tried(id_: str, found: RowMapping | None) -> Response:
    """Return the delivery that was tried, or 202 for one that was not yet."""
    if found is None:
        return json_response({"id": id_, "status_url": f"/v1/deliveries/{id_}"}, 202)
    return json_response(delivery_view(found).model_dump(mode="json"))


def delivery_view(row: RowMapping) -> DeliveryView:
    """Return a delivery as the API shows it."""
    return DeliveryView.model_validate({**dict(row), "failures": row["failures"] or []})
