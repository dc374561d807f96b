"""Account knowledge: who is customer, target, competitor or partner, and who owns the account."""

from __future__ import annotations

from datetime import datetime

import msgspec
from msgspec import UNSET, Struct, UnsetType, structs

from services.gateway.domain.accounts import (
    AccountBody,
    cells_of,
    columns_of,
    key_of,
    read_csv,
    receive_account,
)
from services.gateway.domain.arrival import invalid
from services.gateway.handlers.bodies import (
    ITEMS_MAX,
    decoded,
    is_json_type,
    items,
    json_body,
    list_too_long,
    unsupported_type,
)
from services.gateway.handlers.exchange import Answer, Call, json_answer
from services.gateway.handlers.intake import arrival, each, publish_all, told_each, traced
from services.gateway.queries.accounts import account
from shared.errors import FieldProblem, Reject
from shared.lead.events.account_received import AccountReceivedV1, Relation
from shared.lead.events.envelope import Event, encode
from shared.lead.events.parts import Percent
from shared.web.problem import Problem, document, from_msgspec

_body = msgspec.json.Decoder(AccountBody)
_CSV = "text/csv"
CONTENT_TYPES = ("application/json", _CSV)


class AcceptedAccount(Struct, frozen=True):
    """What is known of the account is in the stream, durably. `account` is its key."""

    account: str
    event_id: str
    status_url: str


class AccountResult(Struct, frozen=True, omit_defaults=True):
    """One item of a list, or one row under the header: accepted, or a problem."""

    index: int
    account: str | UnsetType = UNSET
    event_id: str | UnsetType = UNSET
    problem: Problem | UnsetType = UNSET


class AccountResults(Struct, frozen=True):
    """What became of each item of a list, in its order."""

    results: list[AccountResult]


class SignalSummary(Struct, frozen=True):
    """A signal about an account, as it was told."""

    event_id: str
    type: str
    occurred_at: datetime
    expires_at: datetime | None
    strength: Percent | None


class AccountSummary(Struct, frozen=True):
    """What is known of an account, and its buying signals, the newest first. `account` is its key."""

    account: str
    domain: str
    name: str | None
    relation: Relation
    owner: str | None
    open_opportunity: bool
    segment: str | None
    aliases: list[str]
    leads: int
    qualified: bool
    signals: list[SignalSummary]


async def put_account(call: Call) -> Answer:
    """Replace what is known of one account."""
    domain = call.param("domain")
    body = await json_body(call, _body)
    if body.domain is not None and key_of(body.domain) != key_of(domain):
        raise invalid((FieldProblem("/domain", "This is another account than the path's"),))
    with traced(call, "PUT /v1/accounts") as traceparent:
        event = receive_account(structs.replace(body, domain=domain), arrival(call, traceparent))
        await call.gateway.publisher.publish((encode(event),))
    return json_answer(202, AcceptedAccount(event.key, event.id, f"/v1/accounts/{event.key}"))


async def post_accounts(call: Call) -> Answer:
    """Take a list of accounts, as JSON or CSV; each stands by itself."""
    raw = await call.body()
    with traced(call, "POST /v1/accounts") as traceparent:

        def receive(body: AccountBody, index: int) -> Event[AccountReceivedV1]:
            return receive_account(body, arrival(call, traceparent, index))

        if call.content_type == _CSV:
            columns, rows = _table(raw)
            tried = each(rows, lambda row, index: receive(_account_of(columns, row), index))
        elif is_json_type(call.content_type):
            tried = each(items(raw), lambda item, index: receive(decoded(item, _body), index))
        else:
            raise unsupported_type(*CONTENT_TYPES)
        await publish_all(call, [one for one in tried if isinstance(one, Event)])
    return told_each(tried, AccountResults([_result(index, one) for index, one in enumerate(tried)]))


async def get_account(call: Call) -> Answer:
    """Answer with what is known of an account."""
    key = key_of(call.param("domain"))
    if not key:
        raise Reject(404, "unknown-account", "This is not the domain of a company")
    async with call.gateway.database.read() as tx:
        row = await account(tx, key)
    if row is None:
        headers = (("retry-after", "1"),)
        raise Reject(404, "not-yet-known", "Nothing is known of this account yet", headers=headers)
    known: AccountReceivedV1 = row["knowledge"] or AccountReceivedV1(domain=key)
    signals = [
        SignalSummary(event_id, each.type, each.occurred_at, each.expires_at, each.strength)
        for event_id, each in row["signals"].items()
    ]
    told = AccountSummary(
        account=key,
        **structs.asdict(known),
        leads=row["leads"],
        qualified=row["qualified"],
        signals=sorted(signals, key=lambda signal: (signal.occurred_at, signal.event_id), reverse=True),
    )
    return json_answer(200, told)


def _table(raw: bytes) -> tuple[list[str], list[list[str]]]:
    header, *rows = read_csv(raw) or [[]]
    columns = columns_of(header)
    if not rows:
        raise Reject(422, "empty-list", "There is no row under the header")
    if len(rows) > ITEMS_MAX:
        raise list_too_long(len(rows))
    return columns, rows


def _account_of(columns: list[str], row: list[str]) -> AccountBody:
    try:
        return msgspec.convert(cells_of(columns, row), AccountBody)
    except msgspec.ValidationError as error:
        raise invalid(from_msgspec(error)) from error


def _result(index: int, one: Event[AccountReceivedV1] | Reject) -> AccountResult:
    if isinstance(one, Reject):
        return AccountResult(index, problem=document(one))
    return AccountResult(index, one.key, one.id)
