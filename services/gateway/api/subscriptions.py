"""`/v1/subscriptions`: webhook subscriptions, and the secrets that sign their deliveries."""

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Annotated, Any
from urllib.parse import urlsplit

from fastapi import APIRouter, Security
from msgspec import structs
from pydantic import AfterValidator, Field

from services.gateway.api_route import ApiModel, ApiRoute, RequestBody, problem_responses
from services.gateway.dependencies import Audit, Gateway, Page, Paging, caller
from services.gateway.domain.arrival import invalid, uuid7
from services.gateway.domain.event_filters import filter_problems
from services.gateway.domain.subscriptions import EVENT_NAMES, check_event_name
from services.gateway.not_found import not_found
from services.gateway.queries.subscriptions import delete_subscription, find_subscription, list_subscriptions
from shared.errors import Reject
from shared.storage.database import Tx
from shared.storage.keyset import Cursor
from shared.storage.rows import IdentityMap, Put
from shared.web.signing import new_secret
from shared.webhooks import SealedSecret, Subscription, SubscriptionState, sealed_for

router = APIRouter(
    prefix="/v1/subscriptions",
    tags=["Subscriptions"],
    route_class=ApiRoute,
    dependencies=[Security(caller, scopes=["admin"])],
)

_SECRET_BYTES = 32

WebhookUrl = Annotated[str, Field(min_length=1, max_length=2_048)]
EventName = Annotated[
    str, AfterValidator(check_event_name), Field(json_schema_extra={"enum": [*EVENT_NAMES]})
]
EventNames = Annotated[list[EventName], Field(min_length=1, max_length=50)]
FilterBody = Annotated[
    dict[str, Any],
    Field(
        examples=[
            {"decision.queue": ["sdr", "bdr"]},
            {"all": [{"field": "decision.queue", "eq": "sdr"}, {"field": "score.total", "gte": 60}]},
        ]
    ),
]


class NewSubscription(RequestBody):
    """The subscription to create. `events` are short types (`lead.routed`), families (`lead.*`) or `*`.

    `filter` is a condition of the policy language over dotted paths into the event's data, such as
    `{"field": "score.total", "gte": 60}`, joined by `all`, `any` and `not`. `{"decision.queue": "sdr"}` is
    short for `all` of `eq`, and of `in` where the value is a list. At least one of the events has to be able
    to match; events that cannot are not sent.
    """

    url: WebhookUrl
    events: EventNames
    filter: FilterBody | None = None


class SubscriptionChange(RequestBody):
    """The fields to change; what is left out stays. A `filter` of null removes the filter."""

    # Only fields that the body has are read. A factory keeps the unused default out of the schema.
    url: WebhookUrl = Field(default_factory=str)
    events: EventNames = Field(default_factory=list)
    filter: FilterBody | None = None
    state: SubscriptionState = Field(default_factory=lambda: "active")


class SubscriptionView(ApiModel):
    """A subscription without its secrets."""

    id: str
    url: str
    events: list[str]
    filter: dict[str, Any] | None
    state: SubscriptionState
    created_at: datetime


class CreatedSubscription(SubscriptionView):
    """A new subscription. `secret` signs its deliveries; no later answer has it."""

    secret: str


class SecretRotation(RequestBody):
    """The number of seconds for which the previous secret signs too; 0 for a secret that has leaked."""

    overlap_s: Annotated[int, Field(ge=0, le=7 * 86_400)] = 86_400


class RotatedSecret(CreatedSubscription):
    """The new secret, which no later answer has. Until `previous_until` both sign every delivery."""

    previous_until: datetime


@router.post("", status_code=201, summary="Create a subscription; only this answer has its secret")
async def post_subscription(body: NewSubscription, gateway: Gateway, audit: Audit) -> CreatedSubscription:
    gateway.egress.accept_url(body.url)
    _check_can_match(body.events, body.filter)
    now = gateway.clock.now()
    secret, id_ = new_secret(gateway.random(_SECRET_BYTES)), uuid7(now, gateway.random)
    subscription = Subscription(
        id=id_,
        url=body.url,
        events=list(dict.fromkeys(body.events)),
        filter=body.filter,
        state="active",
        secrets=[SealedSecret(gateway.vault.seal(secret, purpose=sealed_for(id_)))],
        created_at=now,
        updated_at=now,
    )
    async with gateway.database.begin() as tx:
        await _save(tx, subscription)
        host, events = urlsplit(body.url).hostname, subscription.events
        await audit.record(tx, "subscription.created", id_, host=host, events=events)
    return CreatedSubscription(**_fields(subscription), secret=secret)


@router.get("", summary="List the subscriptions, the newest first")
async def get_subscriptions(gateway: Gateway, paging: Paging) -> Page[SubscriptionView]:
    async with gateway.database.read() as tx:
        found = await list_subscriptions(tx, paging.after, paging.limit + 1)
    cursors = [Cursor(subscription.created_at, subscription.id) for subscription in found]
    return paging.page([SubscriptionView.model_validate(subscription) for subscription in found], cursors)


@router.get("/{id}", summary="Return a subscription", responses=problem_responses(404))
async def get_subscription(id: str, gateway: Gateway) -> SubscriptionView:  # noqa: A002 - in the path
    async with gateway.database.read() as tx:
        return SubscriptionView.model_validate(await require_subscription(tx, id))


@router.patch("/{id}", summary="Change the URL, events, filter or state", responses=problem_responses(404))
async def patch_subscription(
    id: str,  # noqa: A002 - the name in the path
    body: SubscriptionChange,
    gateway: Gateway,
    audit: Audit,
) -> SubscriptionView:
    async with gateway.database.begin() as tx:
        before = await require_subscription(tx, id, lock=True)
        changes = {name: getattr(body, name) for name in body.model_fields_set}
        after = structs.replace(before, **changes, updated_at=gateway.clock.now())
        if after.url != before.url:
            gateway.egress.accept_url(after.url)
        # A filter from before it was checked stays as long as nobody touches it.
        if not changes.keys().isdisjoint(("events", "filter")):
            _check_can_match(after.events, after.filter)
        await _save(tx, after, before)
        host = urlsplit(after.url).hostname
        changed = sorted(changes)
        await audit.record(tx, "subscription.changed", id, host=host, state=after.state, changed=changed)
    return SubscriptionView.model_validate(after)


@router.delete("/{id}", status_code=204, summary="Delete a subscription", responses=problem_responses(404))
async def delete_one(id: str, gateway: Gateway, audit: Audit) -> None:  # noqa: A002 - the name in the path
    async with gateway.database.begin() as tx:
        if not await delete_subscription(tx, id):
            raise unknown_subscription(id)
        await audit.record(tx, "subscription.deleted", id)


@router.post(
    "/{id}/rotate-secret",
    summary="Give a subscription a new secret; only this answer has it",
    description="For a day, or for `overlap_s`, the previous secret signs every delivery too.",
    responses=problem_responses(404),
)
async def rotate_secret(
    id: str,  # noqa: A002 - the name in the path
    gateway: Gateway,
    audit: Audit,
    body: SecretRotation | None = None,
) -> RotatedSecret:
    rotation, now = body or SecretRotation(), gateway.clock.now()
    secret = new_secret(gateway.random(_SECRET_BYTES))
    async with gateway.database.begin() as tx:
        before = await require_subscription(tx, id, lock=True)
        sealed = gateway.vault.seal(secret, purpose=sealed_for(id))
        after = before.rotated(sealed, now, timedelta(seconds=rotation.overlap_s))
        await _save(tx, after, before)
        await audit.record(tx, "subscription.secret_rotated", id, overlap_s=rotation.overlap_s)
    previous_until = max((previous.until for previous in after.secrets if previous.until), default=now)
    return RotatedSecret(**_fields(after), secret=secret, previous_until=previous_until)


def _check_can_match(events: Sequence[str], filter_: Mapping[str, Any] | None) -> None:
    """Raise `Reject` (422) for a filter that none of the events can match."""
    if problems := filter_problems(events, filter_ or {}):
        raise invalid(tuple(problems))


async def require_subscription(tx: Tx, subscription_id: str, *, lock: bool = False) -> Subscription:
    """Return a subscription. Raises `Reject` (404)."""
    found = await find_subscription(tx, subscription_id, lock=lock)
    if found is None:
        raise unknown_subscription(subscription_id)
    return found


def unknown_subscription(subscription_id: str) -> Reject:
    """Return the rejection of a subscription that does not exist."""
    return not_found("subscription", "subscription", subscription_id, "GET /v1/subscriptions")


async def _save(tx: Tx, subscription: Subscription, before: Subscription | None = None) -> None:
    rows = IdentityMap([] if before is None else [before])
    rows.apply((Put(subscription),))
    await tx.write(rows)


def _fields(subscription: Subscription) -> dict[str, Any]:
    return {name: getattr(subscription, name) for name in SubscriptionView.model_fields}
