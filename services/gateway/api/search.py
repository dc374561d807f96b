"""`/v1/search`: leads, accounts and reps by the beginning of what names them."""

from typing import Annotated

from fastapi import APIRouter, Query, Security

from services.gateway.api.lead_id import require_storable_filters
from services.gateway.api_route import ApiModel, ApiRoute
from services.gateway.dependencies import Gateway, caller
from services.gateway.domain.leads import Status
from services.gateway.queries.search import (
    FoundAccount,
    FoundRep,
    find_accounts,
    find_leads,
    find_reps,
)
from shared.web.event_schema import MsgspecType

router = APIRouter(
    prefix="/v1/search",
    tags=["Leads"],
    route_class=ApiRoute,
    dependencies=[Security(caller, scopes=["read"])],
)


class FoundLead(ApiModel):
    """A lead that was found: who it is and how it stands."""

    lead_id: str
    name: str | None
    title: str | None
    company: str | None
    account: str
    email: str | None
    grade: str | None
    status: Status
    queue: str | None
    owner: str | None


class SearchResults(ApiModel):
    """What was found, of each kind at most as many as asked for."""

    leads: list[FoundLead]
    accounts: list[Annotated[FoundAccount, MsgspecType()]]
    reps: list[Annotated[FoundRep, MsgspecType()]]


@router.get(
    "",
    summary="Find leads, accounts and reps",
    description=(
        "Leads by the beginning of an e-mail address, of the words of a name (in any case, with or without "
        "accents) or of an id of six characters or more; accounts by that of a domain or a name; reps by "
        "that of an id or the words of a name. Nothing is found within a word."
    ),
)
async def search(
    gateway: Gateway,
    q: Annotated[str, Query(max_length=100, description="What to look for")],
    limit: Annotated[int, Query(ge=1, le=20, description="How many of each kind at most")] = 5,
) -> SearchResults:
    text = " ".join(q.split())
    require_storable_filters(text)
    if not text:
        return SearchResults(leads=[], accounts=[], reps=[])
    team = (await gateway.policies.start()).policy.team
    async with gateway.database.read() as tx:
        leads = await find_leads(tx, text, limit)
        accounts = await find_accounts(tx, text, limit)
    return SearchResults(
        leads=[FoundLead.model_validate(dict(row)) for row in leads],
        accounts=accounts,
        reps=find_reps(team.owners.values(), text, limit),
    )
