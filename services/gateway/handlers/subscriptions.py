"""Webhook subscriptions: who hears of what, and the secret that signs it, which is shown once."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any

import msgspec
from msgspec import UNSET, Meta, Struct, UnsetType, structs

from services.gateway.domain.arrival import uuid7
from services.gateway.domain.subscriptions import NewSubscription, check
from services.gateway.handlers import paging
from services.gateway.handlers.bodies import json_body
from services.gateway.handlers.exchange import Answer, Call, json_answer
from shared.errors import Reject
from shared.http.signing import new_secret
from shared.runtime.rows import Put, Rows
from shared.sql.queries import subscriptions as stored
from shared.sql.queries.deliveries import delivery_list
from shared.sql.queries.subscriptions import State, Subscription, sealed_for

_SECRET_BYTES = 32

_new = msgspec.json.Decoder(NewSubscription)


class SubscriptionView(Struct, frozen=True):
    """A subscription without its secrets."""

    id: str
    url: str
    events: list[str]
    filter: dict[str, Any] | None
    state: State
    created_at: datetime


class SubscriptionChange(Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """What is to be otherwise; the rest stays. A `filter` of null takes all of the events."""

    url: Annotated[str, Meta(min_length=1, max_length=2_048)] | UnsetType = UNSET
    events: Annotated[list[str], Meta(min_length=1, max_length=50)] | UnsetType = UNSET
    filter: dict[str, Any] | UnsetType | None = UNSET
    state: State | UnsetType = UNSET


class DeliveryView(Struct, frozen=True):
    """One event for one subscription. While it is pending, `next_attempt_at` says when it is tried again."""

    id: str
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


class CreatedSubscription(SubscriptionView, frozen=True):
    """A new subscription; its secret is shown here and never again."""

    secret: str


_change = msgspec.json.Decoder(SubscriptionChange)


async def create(call: Call) -> Answer:
    """Begin to send events to a URL."""
    wanted = await json_body(call, _new)
    check(wanted)
    call.gateway.egress.accept_url(wanted.url)
    secret = new_secret(call.gateway.random(_SECRET_BYTES))
    subscription = _made(call, wanted, secret)
    rows = Rows()
    rows.apply((Put(subscription),))
    async with call.gateway.database.begin() as tx:
        await tx.write(rows)
    told = CreatedSubscription(**msgspec.structs.asdict(_view(subscription)), secret=secret)
    return json_answer(201, told)


async def list_all(call: Call) -> Answer:
    """Answer with a page of subscriptions, the newest first."""
    size, after = paging.limit(call), paging.after(call)
    async with call.gateway.database.read() as tx:
        found = await stored.subscription_list(tx, after, size + 1)
    places = [paging.Place(one.created_at, one.id) for one in found]
    return json_answer(200, paging.page([_view(one) for one in found], places, size))


async def get_one(call: Call) -> Answer:
    """Answer with one subscription."""
    async with call.gateway.database.read() as tx:
        found = await stored.subscription(tx, call.param("id"))
    if found is None:
        raise _unknown()
    return json_answer(200, _view(found))


async def change(call: Call) -> Answer:
    """Change where events are sent, which, or whether at all."""
    wanted = await json_body(call, _change)
    async with call.gateway.database.begin() as tx:
        rows = Rows(await tx.load(Subscription, "id", [call.param("id")], lock=True))
        before = rows.get(Subscription, call.param("id"))
        if before is None:
            raise _unknown()
        given = {name: value for name, value in structs.asdict(wanted).items() if value is not UNSET}
        after = structs.replace(before, **given, updated_at=call.gateway.clock.now())
        check(NewSubscription(after.url, after.events, after.filter))
        if after.url != before.url:
            call.gateway.egress.accept_url(after.url)
        rows.apply((Put(after),))
        await tx.write(rows)
    return json_answer(200, _view(after))


async def deliveries(call: Call) -> Answer:
    """Answer with a page of what was sent or is to be, the newest first."""
    size, after = paging.limit(call), paging.after(call)
    async with call.gateway.database.read() as tx:
        if await stored.subscription(tx, call.param("id")) is None:
            raise _unknown()
        found = await delivery_list(tx, call.param("id"), after, size + 1)
    places = [paging.Place(row["created_at"], row["id"]) for row in found]
    views = [DeliveryView(**{name: row[name] for name in DeliveryView.__struct_fields__}) for row in found]
    return json_answer(200, paging.page(views, places, size))


async def delete(call: Call) -> Answer:
    """End a subscription. What is under way may still be sent."""
    async with call.gateway.database.begin() as tx:
        found = await stored.delete_subscription(tx, call.param("id"))
    if not found:
        raise _unknown()
    return Answer(204, b"", ())


def _made(call: Call, wanted: NewSubscription, secret: str) -> Subscription:
    now = call.gateway.clock.now()
    id_ = uuid7(now, call.gateway.random)
    return Subscription(
        id=id_,
        url=wanted.url,
        events=list(dict.fromkeys(wanted.events)),
        filter=wanted.filter,
        state="active",
        secrets=[call.gateway.vault.seal(secret, purpose=sealed_for(id_))],
        created_at=now,
        updated_at=now,
    )


def _view(one: Subscription) -> SubscriptionView:
    return SubscriptionView(one.id, one.url, one.events, one.filter, one.state, one.created_at)


def _unknown() -> Reject:
    return Reject(404, "unknown-subscription", "There is no such subscription")
