"""What was sent to endpoints or is to be, and having it sent: once to try, again, or all of a time again.

The router sends. What is asked of it here is stored as an order, which it carries out within a second.
"""

from __future__ import annotations

import asyncio
from datetime import datetime
from typing import Final

import msgspec
from msgspec import Struct
from sqlalchemy import RowMapping

from services.gateway.domain.arrival import invalid, refuse_unreal_times, uuid7
from services.gateway.handlers import paging
from services.gateway.handlers.bodies import json_body
from services.gateway.handlers.exchange import Answer, Call, json_answer
from services.gateway.handlers.waiting import pauses
from services.gateway.queries import deliveries as stored
from services.gateway.queries.delivery_orders import is_carried_out, place_order
from services.gateway.queries.subscriptions import find_subscription
from services.router.domain.delivery import DELIVER, delivery_id, destination_id
from services.router.tables import deliveries_between, not_erased
from shared.errors import FieldProblem, Reject
from shared.lead.events.parts import Time
from shared.storage.database import Tx
from shared.webhooks import (
    DeliveryOrder,
    FailedAttempt,
    QueuedOrder,
    ReplayOrder,
    RetryOrder,
    Subscription,
    TrialOrder,
)

REPLAYED_MAX: Final = 10_000
"""So many deliveries are sent again by one request, at most: they become due in one unit of work."""


class DeliveryView(Struct, frozen=True):
    """One event for one endpoint. While it is pending, `next_attempt_at` says when it is tried again.

    `attempts` counts since it was last asked for; `failures` are the attempts that were not taken, the
    latest of them, the oldest first.
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
    failures: list[FailedAttempt]


class Ordered(Struct, frozen=True):
    """It will be sent; what came of it is to be seen at `status_url`."""

    id: str
    status_url: str


class Replay(Struct, frozen=True, forbid_unknown_fields=True):
    """What is sent again: all that was made from `since` on and before `until`, or what failed of it."""

    since: Time
    until: Time | None = None
    failed_only: bool = False


class ReplayedDeliveries(Struct, frozen=True):
    """So many deliveries are sent again, under the ids that they had."""

    deliveries: int
    since: datetime
    until: datetime


_replay = msgspec.json.Decoder(Replay)


async def list_of_endpoint(call: Call) -> Answer:
    """Answer with a page of a subscription's deliveries, or of a queue's (`queue:NAME`), the newest first."""
    size, after = paging.limit(call), paging.after(call)
    endpoint = call.param("id")
    queues = await _destinations(call, endpoint)
    async with call.gateway.database.read() as tx:
        if endpoint not in queues and await find_subscription(tx, endpoint) is None:
            raise unknown_subscription()
        found = await stored.delivery_list(tx, endpoint, after, size + 1)
    places = [paging.Place(row["created_at"], row["id"]) for row in found]
    return json_answer(200, paging.page([_view(row) for row in found], places, size))


async def get_one(call: Call) -> Answer:
    """Answer with one delivery."""
    async with call.gateway.database.read() as tx:
        found = await stored.delivery(tx, call.param("id"))
    if found is None:
        raise _unknown()
    return json_answer(200, _view(found))


async def retry(call: Call) -> Answer:
    """Send one delivery now, whatever became of it before."""
    async with call.gateway.database.read() as tx:
        found = await stored.delivery(tx, call.param("id"))
        if found is None:
            raise _unknown()
        if await stored.is_erased(tx, found["lead_id"], DELIVER):
            raise Reject(409, "person-erased", "The person was erased", "There is nothing to send any more")
    endpoint = found["subscription_id"]
    if endpoint not in await _destinations(call, endpoint):
        await active_subscription(call, endpoint)
    order = await _order(call, RetryOrder(found["id"]))
    return await _told(call, order, found["id"])


async def try_subscription(call: Call) -> Answer:
    """Send an event of type `webhook.test` that means nothing."""
    to = await active_subscription(call, call.param("id"))
    order = await _order(call, TrialOrder(to.id))
    return await _told(call, order, delivery_id(order.id, to.id))


async def replay(call: Call) -> Answer:
    """Send again what was made for a subscription within a time."""
    wanted = await json_body(call, _replay)
    until = wanted.until or call.gateway.clock.now()
    refuse_unreal_times((("/since", wanted.since), ("/until", wanted.until)))
    if wanted.since >= until:
        raise invalid((FieldProblem("/since", "This time is not before the end"),))
    to = await active_subscription(call, call.param("id"))
    which = deliveries_between(to.id, wanted.since, until, failed_only=wanted.failed_only)
    async with call.gateway.database.read() as tx:
        count = await stored.count_at_most(tx, which & not_erased(DELIVER), REPLAYED_MAX + 1)
    if count > REPLAYED_MAX:
        detail = f"At most {REPLAYED_MAX} are sent again by one request; name a shorter time"
        raise Reject(422, "too-many-deliveries", "There are too many deliveries in that time", detail)
    if count:
        await _order(call, ReplayOrder(to.id, wanted.since, until, wanted.failed_only))
    return json_answer(202, ReplayedDeliveries(count, wanted.since, until))


async def active_subscription(call: Call, subscription_id: str) -> Subscription:
    """Return a subscription to which something can be sent now. Raises `Reject` (404, 409)."""
    async with call.gateway.database.read() as tx:
        found = await find_subscription(tx, subscription_id)
    if found is None:
        raise unknown_subscription()
    if found.state != "active":
        raise Reject(409, "subscription-disabled", "The subscription is disabled")
    return found


def unknown_subscription() -> Reject:
    """Return the rejection of a subscription that does not exist."""
    return Reject(404, "unknown-subscription", "There is no such subscription")


async def _destinations(call: Call, endpoint: str) -> frozenset[str]:
    """Return the ids of the queues' destinations; nothing when the endpoint is none by its name."""
    if not endpoint.startswith(destination_id("")):
        return frozenset()
    policy = (await call.gateway.policies.start()).policy
    queues = policy.routing.queues.items()
    return frozenset(destination_id(name) for name, queue in queues if queue.destination.url)


async def _order(call: Call, wanted: DeliveryOrder) -> QueuedOrder:
    now = call.gateway.clock.now()
    order = QueuedOrder(uuid7(now, call.gateway.random), wanted, now)
    async with call.gateway.database.begin() as tx:
        await place_order(tx, order)
    return order


async def _told(call: Call, order: QueuedOrder, id_: str) -> Answer:
    """Answer with the delivery as soon as it was tried."""
    for pause_s in pauses():
        await asyncio.sleep(pause_s)
        async with call.gateway.database.read() as tx:
            found = await _tried(tx, order, id_)
        if found is not None:
            return json_answer(200, _view(found))
    return json_answer(202, Ordered(id_, f"/v1/deliveries/{id_}"))


async def _tried(tx: Tx, order: QueuedOrder, id_: str) -> RowMapping | None:
    if not await is_carried_out(tx, order.id, DELIVER):
        return None
    found = await stored.delivery(tx, id_)
    return found if found is not None and (found["attempts"] or found["state"] != "pending") else None


def _view(row: RowMapping) -> DeliveryView:
    named = {name: row[name] for name in DeliveryView.__struct_fields__}
    return DeliveryView(**{**named, "failures": row["failures"] or []})


def _unknown() -> Reject:
    return Reject(404, "unknown-delivery", "There is no such delivery")
