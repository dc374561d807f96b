"""Accounts: the list, `/accounts`, and the page of one, where a manager sets its relation and owner."""

import asyncio
from typing import Annotated, Any

from fastapi import APIRouter, Query, Request, Response
from msgspec import structs

from services.gateway.api.accounts import AccountBody, put_account
from services.gateway.api.lead_id import require_storable
from services.gateway.console.forms import Form
from services.gateway.console.rendering import render
from services.gateway.console.route import ConsoleRoute
from services.gateway.console.views.accounts import (
    RELATIONS,
    VIEWS,
    FoundPerson,
    account_path,
    account_view,
    accounts_view,
)
from services.gateway.dependencies import (
    Audit,
    Gateway,
    Manager,
    PageRequest,
    Reader,
    RequestArrival,
    page_request,
)
from services.gateway.polling import poll_delays
from services.gateway.queries.account_contacts import contacts_of_account
from services.gateway.queries.account_people import (
    AccountFilter,
    find_account_people,
    list_accounts,
    listed_account,
)
from services.gateway.queries.accounts import known_accounts
from services.scorer.domain.state import AccountRow
from services.scorer.domain.subjects import account_keys, canonical_key
from services.scorer.policy import scoring_policy
from shared.errors import Reject
from shared.lead.events.account_received import AccountReceivedV1

router = APIRouter(route_class=ConsoleRoute, include_in_schema=False)

_ROWS_MAX = 50
_FILTERS = {
    "target": AccountFilter(relation="target"),
    "qualified": AccountFilter(qualified=True),
    "opportunity": AccountFilter(open_opportunity=True),
    "customer": AccountFilter(relation="customer"),
}


@router.get("/accounts")
async def show_accounts(
    request: Request,
    gateway: Gateway,
    _principal: Reader,
    view: Annotated[str, Query(max_length=20)] = "",
    cursor: Annotated[str, Query(max_length=1_000)] = "",
) -> Response:
    """Return the list."""
    chosen = view if view in VIEWS else ""
    paging: PageRequest = await page_request(_ROWS_MAX, cursor or None)
    seeds = scoring_policy(gateway.policies.active()).seeds
    filters = _FILTERS.get(chosen, AccountFilter())
    async with gateway.database.read() as tx:
        found = await list_accounts(tx, filters, seeds, paging.after, paging.limit + 1)
    page = paging.page([account for account, _ in found], [at for _, at in found])
    shown = accounts_view(chosen, page.data, page.next, gateway.policies.active().policy)
    return render(request, "accounts/page.html", shown)


@router.get("/accounts/{account}")
async def show_account(account: str, request: Request, gateway: Gateway, principal: Reader) -> Response:
    """Return the page of an account; for an alias, the way to it."""
    require_storable(account, _unknown_account())
    compiled = gateway.policies.active()
    policy, key = scoring_policy(compiled), account.lower()
    async with gateway.database.read() as tx:
        row = next(iter(await tx.load(AccountRow, "account", [key])), None)
        if row is None:
            raise _unknown_account()
        if (canonical := canonical_key(key, row.knowledge)) != key:
            return Response(status_code=303, headers={"location": account_path(canonical)})
        keys = account_keys(row.knowledge) if row.knowledge else (key,)
        people = await find_account_people(tx, row, keys, policy, gateway.clock.now())
        contacts, _steps = await contacts_of_account(tx, keys)
    view = account_view(
        listed_account(structs.asdict(row), policy.seeds),
        row.knowledge or policy.seeds.get(key),
        people,
        compiled.policy,
        gateway.clock.now(),
        found=[FoundPerson(one.name, one.title, one.email or "", one.known_from) for one in contacts],
        may_edit=principal.may("manager") and "." in key,
    )
    return render(request, "accounts/account.html", view)


@router.post("/accounts/{account}")
async def set_account_knowledge(
    *,
    account: str,
    gateway: Gateway,
    _principal: Manager,
    arrival: RequestArrival,
    audit: Audit,
    form: Form,
) -> Response:
    """Set relation, owner and open opportunity, then go back to the page; what else is known stays."""
    require_storable(account, _unknown_account())
    relation, owner = form.text("relation"), form.text("owner")
    if relation not in RELATIONS:
        raise Reject(422, "invalid-account", "There is no such relation", ", ".join(RELATIONS))
    if owner and owner not in gateway.policies.active().policy.team.owners:
        raise Reject(422, "unknown-rep", "There is no such rep", owner[:200])
    async with gateway.database.read() as tx:
        stored = (await known_accounts(tx, (account,))).get(account)
    seeds = scoring_policy(gateway.policies.active()).seeds
    known = stored or seeds.get(account) or AccountReceivedV1(domain=account)
    body: dict[str, Any] = structs.asdict(known) | {
        "relation": relation,
        "owner": owner or None,
        "open_opportunity": form.text("open_opportunity") == "yes",
    }
    accepted = await put_account(account, AccountBody.model_validate(body), arrival, gateway, audit)
    for delay_s in poll_delays():
        async with gateway.database.read() as tx:
            now_known = (await known_accounts(tx, (accepted.account,))).get(accepted.account)
        if now_known is not None and all(getattr(now_known, name) == value for name, value in body.items()):
            break
        await asyncio.sleep(delay_s)
    return Response(status_code=303, headers={"location": account_path(accepted.account)})


def _unknown_account() -> Reject:
    return Reject(
        404, "unknown-account", "There is no such account", "It has no lead, and nothing is known of it"
    )
