"""`/v1/accounts`: account knowledge, one account at a time or as a list (JSON or CSV)."""

import asyncio
from collections import ChainMap
from collections.abc import Sequence
from datetime import datetime
from typing import Annotated, Any

from fastapi import APIRouter, Request, Response, Security
from msgspec import structs
from pydantic import Field, ValidationError

from services.gateway.api_route import ApiModel, ApiRoute, RequestBody, problem_responses
from services.gateway.batch import NONE_ACCEPTED, batch_response, validate_items
from services.gateway.dependencies import Audit, Gateway, RequestArrival, caller
from services.gateway.domain.account_table import COLUMNS, account_fields, read_account_csv
from services.gateway.domain.accounts import key_of_domain, receive_account, refuse_alias_conflicts
from services.gateway.domain.arrival import Arrival, domain_problem, invalid
from services.gateway.domain.received import Received
from services.gateway.publish_once import publish_list, publish_received
from services.gateway.queries.account_contacts import contacts_of_account
from services.gateway.queries.accounts import find_account, joined_accounts, known_accounts
from services.gateway.request_body import (
    ITEMS_MAX,
    is_json_type,
    items,
    list_too_long,
    media_type,
    parse_json,
    unsupported_type,
)
from services.gateway.state import GatewayState
from services.scorer.domain.subjects import account_keys
from shared.errors import FieldProblem, Reject
from shared.lead.buying_roles import BuyingRole
from shared.lead.events.account_received import AccountReceivedV1, Relation
from shared.web.event_schema import MsgspecType
from shared.web.problem import Problem, field_problems

router = APIRouter(prefix="/v1/accounts", tags=["Accounts"], route_class=ApiRoute)

_CSV = "text/csv"

Word = Annotated[str, Field(max_length=200)]


class AccountBody(RequestBody):
    """All that is known of an account. It replaces what was known before."""

    domain: Word | None = None
    name: Word | None = None
    relation: Relation = "none"
    owner: Word | None = None
    open_opportunity: bool = False
    segment: Word | None = None
    aliases: Annotated[list[Word], Field(max_length=50)] = Field(default_factory=list)
    country: Word | None = None
    city: Word | None = None
    postcode: Word | None = None
    phone: Word | None = None


class AcceptedAccount(ApiModel):
    """The account knowledge is durably in the stream. `account` is the account key."""

    account: str
    event_id: str
    status_url: str


class AccountResult(ApiModel):
    """One item of a list: accepted, with `account` and `event_id`, or rejected, with a `problem`."""

    index: int
    account: str = ""
    event_id: str = ""
    problem: Annotated[Problem, MsgspecType()] | None = None


class AccountResults(ApiModel):
    """The result of every item of a list, in its order."""

    results: list[AccountResult]


class SignalSummary(ApiModel):
    """A signal about an account, as it was received."""

    event_id: str
    type: str
    occurred_at: datetime
    expires_at: datetime | None
    strength: int | None


class AccountContact(ApiModel):
    """Somebody whom a data provider named at the account, and who is no lead. Baton writes to nobody of them.

    `role` is the buying role that the title suggests, `known_from` the provider; `cost` is in cents.
    """

    name: str
    title: str
    role: BuyingRole
    email: str | None
    email_status: str | None
    linkedin_url: str | None
    known_from: str
    confidence: float
    cost: int
    found_at: datetime


class ContactStep(ApiModel):
    """One question to a provider: which roles it was asked for, what came of it, and its cost in cents."""

    provider: str
    roles: list[str]
    outcome: str
    cost: int
    at: datetime
    detail: str


class AccountSummary(ApiModel):
    """What is known of an account, and its signals, the newest first. `account` is the account key.

    `contacts` are people whom data providers named, `discovery` is what was asked for them.
    """

    account: str
    domain: str
    name: str | None
    relation: Relation
    owner: str | None
    open_opportunity: bool
    segment: str | None
    aliases: list[str]
    country: str | None
    city: str | None
    postcode: str | None
    phone: str | None
    leads: int
    qualified: bool
    signals: list[SignalSummary]
    contacts: list[AccountContact]
    discovery: list[ContactStep]


@router.put(
    "/{domain}",
    status_code=202,
    summary="Replace what is known of an account",
    dependencies=[Security(caller, scopes=["manager"])],
)
async def put_account(
    domain: str, body: AccountBody, arrival: RequestArrival, gateway: Gateway, audit: Audit
) -> AcceptedAccount:
    if body.domain is not None and key_of_domain(body.domain) != key_of_domain(domain):
        raise invalid((FieldProblem("/domain", "This is another account than the path's"),))
    received = _received_account(body.model_copy(update={"domain": domain}), arrival, 0)
    async with gateway.database.read() as tx:
        known = await known_accounts(tx, account_keys(received.event.data))
    refuse_alias_conflicts(received.event.data, known)
    recorded = audit.before_publishing(gateway.database, "account.changed", received.event.key)
    event = await publish_received(gateway, received, recorded)
    return AcceptedAccount(account=event.key, event_id=event.id, status_url=f"/v1/accounts/{event.key}")


_LIST_SCHEMA: dict[str, Any] = {
    "type": "array",
    "items": {"$ref": "#/components/schemas/AccountBody"},
    "minItems": 1,
    "maxItems": ITEMS_MAX,
}


@router.post(
    "",
    status_code=202,
    summary=f"Replace what is known of up to {ITEMS_MAX} accounts: a list as JSON, or CSV with a header",
    description=f"Columns of CSV: {', '.join(COLUMNS)}, or as CRMs head them; others are ignored, misspelt "
    "ones are faults. Any separator and encoding. Aliases are separated by semicolons.",
    dependencies=[Security(caller, scopes=["manager"])],
    response_model=AccountResults,
    response_model_exclude_unset=True,
    responses={
        **problem_responses(400, 413, 415),
        422: {
            "description": f"Not a list of accounts, or: {NONE_ACCEPTED}",
            **problem_responses(422)[422],
        },
    },
    openapi_extra={
        "requestBody": {
            "required": True,
            "content": {
                "application/json": {"schema": _LIST_SCHEMA},
                _CSV: {"schema": {"type": "string"}},
            },
        }
    },
)
async def post_accounts(
    request: Request, arrival: RequestArrival, gateway: Gateway, audit: Audit
) -> Response:
    kind = media_type(request.headers.get("content-type", ""))
    raw = await request.body()
    if kind == _CSV:
        # In a thread: of a megabyte of broken quotes it takes a second.
        columns, rows = await asyncio.to_thread(read_account_csv, raw, ITEMS_MAX + 1)
        if not rows:
            raise Reject(422, "empty-list", "There is no row under the header")
        if len(rows) > ITEMS_MAX:
            raise list_too_long(len(rows))
        received = validate_items(
            rows,
            lambda row, index: _received_account(_validated(account_fields(row, columns)), arrival, index),
        )
    elif is_json_type(kind):
        received = validate_items(
            items(raw), lambda item, index: _received_account(_validated(parse_json(item)), arrival, index)
        )
    else:
        raise unsupported_type("application/json", _CSV)
    recorded = audit.before_publishing(gateway.database, "accounts.imported", "")
    results = await publish_list(gateway, await _without_alias_conflicts(gateway, received), recorded)
    return batch_response(results, lambda event: {"account": event.key, "event_id": event.id})


@router.get(
    "/{domain}",
    summary="Return what is known of an account, and its signals",
    dependencies=[Security(caller, scopes=["read"])],
    responses=problem_responses(404),
)
async def get_account(domain: str, gateway: Gateway) -> AccountSummary:
    key = key_of_domain(domain, gateway.shared_hosts)
    if not key:
        raise invalid((domain_problem("/domain", domain),))
    async with gateway.database.read() as tx:
        row = await find_account(tx, key)
        contacts, steps = await contacts_of_account(tx, await joined_accounts(tx, key))
    if row is None:
        headers = (("retry-after", "1"),)
        raise Reject(404, "not-yet-known", "Nothing is known of this account yet", headers=headers)
    account: str = row["account"]
    knowledge: AccountReceivedV1 = row["knowledge"] or AccountReceivedV1(domain=account)
    signals = [
        SignalSummary(
            event_id=signal.event_id or name,  # rows of earlier releases have signals by event id
            type=signal.type,
            occurred_at=signal.occurred_at,
            expires_at=signal.expires_at,
            strength=signal.strength,
        )
        for name, signal in row["signals"].items()
    ]
    return AccountSummary(
        account=account,
        **structs.asdict(knowledge),
        leads=row["leads"],
        qualified=row["qualified"],
        signals=sorted(signals, key=lambda signal: (signal.occurred_at, signal.event_id), reverse=True),
        contacts=[
            AccountContact(**{name: getattr(one, name) for name in AccountContact.model_fields})
            for one in contacts
        ],
        discovery=[
            ContactStep(
                provider=step.provider,
                roles=step.fields,
                outcome=step.outcome,
                cost=step.cost,
                at=step.at,
                detail=step.detail,
            )
            for step in steps
        ],
    )


async def _without_alias_conflicts(
    gateway: GatewayState, items: Sequence[Received[AccountReceivedV1] | Reject]
) -> list[Received[AccountReceivedV1] | Reject]:
    """Return the items, with a `Reject` where aliases conflict with what is known or with an earlier item."""
    records = [item.event.data for item in items if isinstance(item, Received)]
    async with gateway.database.read() as tx:
        stored = await known_accounts(tx, {key for data in records for key in account_keys(data)})
    known = dict(stored)

    def checked(
        item: Received[AccountReceivedV1] | Reject, _index: int
    ) -> Received[AccountReceivedV1] | Reject:
        if isinstance(item, Received):
            data = item.event.data
            keys = account_keys(data)
            # Records of two accounts have no order: an alias is free for itself once its release is stored.
            own = {key: stored[key] for key in keys[:1] if key in stored}
            refuse_alias_conflicts(data, ChainMap(own, known))
            former = known.get(keys[0])
            for alias in account_keys(former) if former else ():
                known.pop(alias, None)
            known.update(dict.fromkeys(keys, data))
        return item

    return validate_items(items, checked)


def _validated(fields: Any) -> AccountBody:
    """Return one item of a list. Raises `Reject` (422) with all its faults."""
    try:
        return AccountBody.model_validate(fields)
    except ValidationError as error:
        faults = [{**fault, "loc": ("body", *fault["loc"])} for fault in error.errors()]
        raise invalid(field_problems(faults, fields)) from error


def _received_account(body: AccountBody, arrival: Arrival, index: int) -> Received[AccountReceivedV1]:
    """Return the event of one account. Raises `Reject` (422)."""
    if body.domain is None:
        raise invalid((FieldProblem("/domain", "This field is required"),))
    fields = {name: getattr(body, name) for name in AccountReceivedV1.__struct_fields__}
    return receive_account(AccountReceivedV1(**fields), structs.replace(arrival, index=index))
