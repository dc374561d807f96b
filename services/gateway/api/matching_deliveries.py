"""Webhook deliveries across endpoints: lists by filter, their count, and sending all that match again."""

from datetime import datetime, timedelta
from typing import Annotated, Final

from fastapi import APIRouter, Depends, Query, Security
from pydantic import Field
from sqlalchemy import select

from services.gateway.api.deliveries import DeliveryView, delivery_view
from services.gateway.api.lead_id import is_storable
from services.gateway.api_route import ApiModel, ApiRoute, RequestBody, Time, problem_responses
from services.gateway.audit import AuditTrail
from services.gateway.dependencies import Audit, CompleteList, Gateway, Page, Paging, caller
from services.gateway.domain.arrival import invalid, refuse_unreal_times, uuid7
from services.gateway.domain.endpoint_health import endpoint_health
from services.gateway.domain.subscriptions import SENT_EVENTS
from services.gateway.queries.deliveries import count_at_most, list_matching, recent_attempts, retry_progress
from services.gateway.queries.delivery_orders import find_order, place_order
from services.gateway.state import GatewayState
from services.gateway.tables import subscriptions
from services.router.domain.delivery import DELIVERY_ROLE, DeliveryState, destinations_of
from services.router.tables import deliveries_matching, not_erased
from shared.errors import FieldProblem, Reject
from shared.lead.events.registry import EVENT_TYPES
from shared.storage.database import Tx
from shared.storage.keyset import Cursor
from shared.webhooks import RETRIED_MAX, DeliveryFilter, QueuedOrder, RetryManyOrder

router = APIRouter(
    prefix="/v1/deliveries",
    tags=["Deliveries"],
    route_class=ApiRoute,
    dependencies=[Security(caller, scopes=["admin"])],
)

HEALTH_PERIOD: Final = timedelta(days=1)
FULL_TYPES: Final = {kind.short: kind.name for kind in EVENT_TYPES if kind.short in SENT_EVENTS}
_SENDABLE_AGAIN: Final = ("failed", "gone", "pending")

Names = Annotated[list[str], Field(max_length=50)]


class DeliveryQuery(ApiModel):
    """Which deliveries are meant: those that match everything that is said."""

    endpoint: Names = Field([], description="Ids of subscriptions, or `queue:NAME`, `rep:ID`, `manager:ID`")
    state: list[DeliveryState] = Field([], max_length=4, description="`failed` and `gone` are given up")
    event: Names = Field([], description=f"Short types: {', '.join(sorted(FULL_TYPES))}")
    lead: str | None = Field(None, max_length=500, description="The id of a lead")
    since: Time | None = Field(None, description="Created at this time or later")
    until: Time | None = Field(None, description="Created before this time")


class RetryMany(DeliveryQuery, RequestBody):
    """Which deliveries to send again. Without a state they are those that have not arrived."""


class MatchingDeliveries(ApiModel):
    """How many deliveries match, and how many of them one retry sends again; counting stops at 10,001."""

    deliveries: int
    sendable: int


class RetriedDeliveries(ApiModel):
    """So many deliveries are sent again, under the ids that they had; progress is at `status_url`."""

    id: str
    deliveries: int
    status_url: str


class RetryProgress(ApiModel):
    """How far a retry of many is: of its deliveries, how many wait, arrived, or were given up again."""

    id: str
    pending: int
    delivered: int
    given_up: int
    done: bool


class EndpointView(ApiModel):
    """An endpoint and how it answered in the last 24 hours, by its latest attempts (5,000 of all endpoints).

    `share` is the share of its attempts that arrived, null without one.
    """

    id: str
    url: str
    state: str
    events: list[str]
    attempts: int
    arrived: int
    share: float | None
    p95_ms: int | None
    last_failure_at: datetime | None
    last_failure: str | None
    fails_now: bool


async def delivery_filter(query: Annotated[DeliveryQuery, Query()]) -> DeliveryFilter:
    """Return the filter that the parameters mean. Raises `Reject` (422)."""
    return filter_of(query)


def filter_of(query: DeliveryQuery) -> DeliveryFilter:
    """Return the filter of a query. Raises `Reject` (422)."""
    refuse_unreal_times((("/since", query.since), ("/until", query.until)))
    if unknown := [name for name in query.event if name not in FULL_TYPES]:
        detail = f"There is no event {unknown[0][:100]}; there are {', '.join(sorted(FULL_TYPES))}"
        raise invalid((FieldProblem("/event", detail),))
    if not all(map(is_storable, (*query.endpoint, query.lead or ""))):
        raise invalid((FieldProblem("/endpoint", "It holds a control character"),))
    return DeliveryFilter(
        endpoints=tuple(query.endpoint),
        states=tuple(query.state),
        events=tuple(FULL_TYPES[name] for name in query.event),
        lead_id=query.lead,
        since=query.since,
        until=query.until,
    )


Matching = Annotated[DeliveryFilter, Depends(delivery_filter)]


@router.get("", summary="List deliveries to all endpoints, the newest first")
async def get_all_deliveries(which: Matching, gateway: Gateway, paging: Paging) -> Page[DeliveryView]:
    async with gateway.database.read() as tx:
        rows = await list_matching(tx, which, paging.after, paging.limit + 1)
    return paging.page(
        [delivery_view(row) for row in rows], [Cursor(row["created_at"], row["id"]) for row in rows]
    )


@router.get("/count", summary="Count the deliveries that match, up to 10,001")
async def get_delivery_count(which: Matching, gateway: Gateway) -> MatchingDeliveries:
    async with gateway.database.read() as tx:
        return MatchingDeliveries(
            deliveries=await count_at_most(tx, deliveries_matching(which), RETRIED_MAX + 1),
            sendable=await count_sendable(gateway, tx, which),
        )


@router.get("/endpoints", summary="List the endpoints and how they answered in the last 24 hours")
async def get_endpoints(gateway: Gateway) -> CompleteList[EndpointView]:
    await gateway.policies.start()
    async with gateway.database.read() as tx:
        return CompleteList(data=await list_endpoints(gateway, tx))


@router.post(
    "/retry",
    status_code=202,
    responses=problem_responses(409),
    summary="Send all deliveries again that match, at most 10,000",
    description="The newest come first. Those to a disabled or deleted endpoint and those about erased "
    "people are left out. Count before: `GET /v1/deliveries/count` takes the same filter.",
)
async def post_retry(body: RetryMany, gateway: Gateway, audit: Audit) -> RetriedDeliveries:
    await gateway.policies.start()
    return await retry_matching(gateway, audit, filter_of(body))


@router.get(
    "/retries/{id}",
    summary="Return how far a retry of many deliveries is, for a day",
    responses=problem_responses(404),
)
async def get_retry(id: str, gateway: Gateway) -> RetryProgress:  # noqa: A002 - the name in the path
    async with gateway.database.read() as tx:
        return await progress_of(tx, id)


async def progress_of(tx: Tx, retry_id: str) -> RetryProgress:
    """Return how far a retry is. Raises `Reject` (404)."""
    order = await find_order(tx, retry_id)
    if not isinstance(order, RetryManyOrder):
        raise Reject(
            404,
            "unknown-retry",
            "There is no such retry, or it is older than a day",
            f"No retry has the id {retry_id[:100]!r}; the answer that accepted it has its `status_url`",
        )
    counts = await retry_progress(tx, retry_id)
    pending = counts.get("pending", 0)
    return RetryProgress(
        id=retry_id,
        pending=pending,
        delivered=counts.get("delivered", 0),
        given_up=counts.get("failed", 0) + counts.get("gone", 0),
        done=bool(counts) and not pending,
    )


async def retry_matching(
    gateway: GatewayState, audit: AuditTrail, which: DeliveryFilter
) -> RetriedDeliveries:
    """Have the matching deliveries sent again that can be. Raises `Reject` (409) when there is none."""
    async with gateway.database.read() as tx:
        sendable = await _sendable(gateway, tx, which)
        count = await count_at_most(
            tx, deliveries_matching(sendable) & not_erased(DELIVERY_ROLE), RETRIED_MAX
        )
    if not count or not sendable.endpoints:
        detail = "None matches, or their endpoints are disabled"
        raise Reject(409, "nothing-to-send", "There is nothing to send again", detail)
    now = gateway.clock.now()
    order = QueuedOrder(uuid7(now, gateway.random), RetryManyOrder(sendable), now)
    async with gateway.database.begin() as tx:
        await place_order(tx, order)
        await audit.record(tx, "delivery.retried", order.id, deliveries=count)
    return RetriedDeliveries(id=order.id, deliveries=count, status_url=f"/v1/deliveries/retries/{order.id}")


async def count_sendable(gateway: GatewayState, tx: Tx, which: DeliveryFilter) -> int:
    """Return how many of the matching deliveries a retry sends, at most 10,000."""
    sendable = await _sendable(gateway, tx, which)
    if not sendable.endpoints:
        return 0
    return await count_at_most(tx, deliveries_matching(sendable) & not_erased(DELIVERY_ROLE), RETRIED_MAX)


async def _sendable(gateway: GatewayState, tx: Tx, which: DeliveryFilter) -> DeliveryFilter:
    """Return the filter for those of the matching deliveries that can be sent; without endpoints: none."""
    active = select(subscriptions.c.id).where(subscriptions.c.state == "active")
    known = {*(await tx.execute(active)).scalars(), *destinations_of(gateway.policies.active().policy)}
    return DeliveryFilter(
        endpoints=tuple(sorted(known & {*which.endpoints} if which.endpoints else known)),
        states=which.states or _SENDABLE_AGAIN,
        events=which.events,
        lead_id=which.lead_id,
        since=which.since,
        until=which.until,
    )


async def list_endpoints(gateway: GatewayState, tx: Tx) -> list[EndpointView]:
    """Return the subscriptions, the newest first, and then the destinations that the policy names."""
    health = endpoint_health(await recent_attempts(tx, gateway.clock.now() - HEALTH_PERIOD))
    columns = (subscriptions.c.id, subscriptions.c.url, subscriptions.c.state, subscriptions.c.events)
    newest = select(*columns).order_by(subscriptions.c.created_at.desc()).limit(200)
    known = [tuple(row) for row in await tx.execute(newest)]
    known += [
        (id_, destination.url, "active", ["lead.*"])
        for id_, destination in destinations_of(gateway.policies.active().policy).items()
    ]
    views = []
    for id_, url, state, events in known:
        found = health.get(id_)
        views.append(
            EndpointView(
                id=id_,
                url=str(url),
                state=state,
                events=events,
                attempts=found.attempts if found else 0,
                arrived=found.arrived if found else 0,
                share=found.share if found else None,
                p95_ms=found.p95_ms if found else None,
                last_failure_at=found.last_failure_at if found else None,
                last_failure=found.last_failure if found else None,
                fails_now=found.fails_now if found else False,
            )
        )
    return views
