"""`GET /v1/accounts` and `/v1/accounts/{domain}/people`: which accounts there are, and who is known there."""

from typing import Annotated

from fastapi import APIRouter, Query, Security

from services.gateway.api_route import ApiRoute
from services.gateway.dependencies import Gateway, Page, Paging, caller
from services.gateway.domain.accounts import key_of_domain
from services.gateway.domain.arrival import domain_problem, invalid
from services.gateway.queries.account_people import (
    AccountFilter,
    AccountPeople,
    ListedAccount,
    find_account_people,
    list_accounts,
)
from services.gateway.queries.accounts import joined_accounts
from services.scorer.domain.state import AccountRow
from services.scorer.policy import scoring_policy
from shared.lead.events.account_received import Relation
from shared.web.event_schema import MsgspecType

router = APIRouter(
    prefix="/v1/accounts",
    tags=["Accounts"],
    route_class=ApiRoute,
    dependencies=[Security(caller, scopes=["read"])],
)


@router.get(
    "",
    summary="List the accounts, those with the most leads first",
    description="Accounts with leads, and those with account knowledge. Aliases are not listed.",
)
async def get_accounts(
    gateway: Gateway,
    paging: Paging,
    relation: Annotated[Relation | None, Query(description="Only accounts of this relation")] = None,
    qualified: Annotated[
        bool | None, Query(description="Only accounts that are qualified, or that are not")
    ] = None,
    open_opportunity: Annotated[
        bool | None, Query(description="Only accounts with an open opportunity, or without")
    ] = None,
) -> Page[Annotated[ListedAccount, MsgspecType()]]:
    filters = AccountFilter(relation, qualified, open_opportunity)
    seeds = scoring_policy(await gateway.policies.start()).seeds
    async with gateway.database.read() as tx:
        found = await list_accounts(tx, filters, seeds, paging.after, paging.limit + 1)
    return paging.page([account for account, _ in found], [cursor for _, cursor in found])


@router.get(
    "/{domain}/people",
    summary="Return who is known at an account, every assignment there, and its live signals",
    description="The leads of the account with the buying role that their title suggests, the best grade "
    "first, at most 200; each live signal with the time at which it lapses.",
)
async def get_account_people(domain: str, gateway: Gateway) -> Annotated[AccountPeople, MsgspecType()]:
    key = key_of_domain(domain, gateway.shared_hosts)
    if not key:
        raise invalid((domain_problem("/domain", domain),))
    policy = scoring_policy(await gateway.policies.start())
    async with gateway.database.read() as tx:
        keys = await joined_accounts(tx, key)
        account = next(iter(await tx.load(AccountRow, "account", keys[:1])), AccountRow(keys[0]))
        return await find_account_people(tx, account, keys, policy, gateway.clock.now())
