"""Webhook subscriptions: who hears of what, and the secret that signs it, which is shown once."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Annotated, Any

import msgspec
from msgspec import UNSET, Meta, Struct, UnsetType, structs

from services.gateway.domain.arrival import uuid7
from services.gateway.domain.subscriptions import NewSubscription, check
from services.gateway.handlers import paging
from services.gateway.handlers.bodies import json_body, optional_json_body
from services.gateway.handlers.deliveries import unknown_subscription
from services.gateway.handlers.exchange import Answer, Call, json_answer
from services.gateway.queries import subscriptions as stored
from shared.storage.rows import IdentityMap, Put
from shared.web.signing import new_secret
from shared.webhooks import SealedSecret, Subscription, SubscriptionState, sealed_for

_SECRET_BYTES = 32

_new = msgspec.json.Decoder(NewSubscription)


class SubscriptionView(Struct, frozen=True):
    """A subscription without its secrets."""

    id: str
    url: str
    events: list[str]
    filter: dict[str, Any] | None
    state: SubscriptionState
    created_at: datetime


class SubscriptionChange(Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """What is to be otherwise; the rest stays. A `filter` of null takes all of the events."""

    url: Annotated[str, Meta(min_length=1, max_length=2_048)] | UnsetType = UNSET
    events: Annotated[list[str], Meta(min_length=1, max_length=50)] | UnsetType = UNSET
    filter: dict[str, Any] | UnsetType | None = UNSET
    state: SubscriptionState | UnsetType = UNSET


class CreatedSubscription(SubscriptionView, frozen=True):
    """A new subscription; its secret is shown here and never again."""

    secret: str


class Rotation(Struct, frozen=True, forbid_unknown_fields=True):
    """For how many seconds the secret of before signs too; with 0 it ends at once, as a lost one should."""

    overlap_s: Annotated[int, Meta(ge=0, le=7 * 86_400)] = 86_400


class RotatedSecret(CreatedSubscription, frozen=True):
    """The new secret, shown here and never again. Until `previous_until` both sign every delivery."""

    previous_until: datetime


_change = msgspec.json.Decoder(SubscriptionChange)
_rotation = msgspec.json.Decoder(Rotation)


async def create(call: Call) -> Answer:
    """Begin to send events to a URL."""
    wanted = await json_body(call, _new)
    check(wanted)
    call.gateway.egress.accept_url(wanted.url)
    secret = new_secret(call.gateway.random(_SECRET_BYTES))
    subscription = _made(call, wanted, secret)
    rows = IdentityMap()
    rows.apply((Put(subscription),))
    async with call.gateway.database.begin() as tx:
        await tx.write(rows)
    told = CreatedSubscription(**msgspec.structs.asdict(_view(subscription)), secret=secret)
    return json_answer(201, told)


async def list_all(call: Call) -> Answer:
    """Answer with a page of subscriptions, the newest first."""
    size, after = paging.limit(call), paging.after(call)
    async with call.gateway.database.read() as tx:
        found = await stored.list_subscriptions(tx, after, size + 1)
    places = [paging.Place(one.created_at, one.id) for one in found]
    return json_answer(200, paging.page([_view(one) for one in found], places, size))


async def get_one(call: Call) -> Answer:
    """Answer with one subscription."""
    async with call.gateway.database.read() as tx:
        found = await stored.find_subscription(tx, call.param("id"))
    if found is None:
        raise unknown_subscription()
    return json_answer(200, _view(found))


async def change(call: Call) -> Answer:
    """Change where events are sent, which, or whether at all."""
    wanted = await json_body(call, _change)
    async with call.gateway.database.begin() as tx:
        rows = IdentityMap(await tx.load(Subscription, "id", [call.param("id")], lock=True))
        before = rows.get(Subscription, call.param("id"))
        if before is None:
            raise unknown_subscription()
        given = {name: value for name, value in structs.asdict(wanted).items() if value is not UNSET}
        after = structs.replace(before, **given, updated_at=call.gateway.clock.now())
        check(NewSubscription(after.url, after.events, after.filter))
        if after.url != before.url:
            call.gateway.egress.accept_url(after.url)
        rows.apply((Put(after),))
        await tx.write(rows)
    return json_answer(200, _view(after))


async def rotate_secret(call: Call) -> Answer:
    """Give a subscription a new secret. What was valid signs beside it for a while."""
    wanted = await optional_json_body(call, _rotation, Rotation())
    secret, now = new_secret(call.gateway.random(_SECRET_BYTES)), call.gateway.clock.now()
    async with call.gateway.database.begin() as tx:
        rows = IdentityMap(await tx.load(Subscription, "id", [call.param("id")], lock=True))
        before = rows.get(Subscription, call.param("id"))
        if before is None:
            raise unknown_subscription()
        sealed = call.gateway.vault.seal(secret, purpose=sealed_for(before.id))
        after = before.rotated(sealed, now, timedelta(seconds=wanted.overlap_s))
        rows.apply((Put(after),))
        await tx.write(rows)
    ends = max((each.until for each in after.secrets if each.until), default=now)
    told = RotatedSecret(**structs.asdict(_view(after)), secret=secret, previous_until=ends)
    return json_answer(200, told)


async def delete(call: Call) -> Answer:
    """End a subscription. What is under way may still be sent."""
    async with call.gateway.database.begin() as tx:
        found = await stored.delete_subscription(tx, call.param("id"))
    if not found:
        raise unknown_subscription()
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
        secrets=[SealedSecret(call.gateway.vault.seal(secret, purpose=sealed_for(id_)))],
        created_at=now,
        updated_at=now,
    )


def _view(one: Subscription) -> SubscriptionView:
    return SubscriptionView(one.id, one.url, one.events, one.filter, one.state, one.created_at)
