"""`/v1/inbox`: the leads that a seller works, by their clocks."""

from typing import Annotated

from fastapi import APIRouter, Depends, Query

from services.gateway.api.lead_id import require_storable_filters
from services.gateway.api_route import ApiRoute
from services.gateway.dependencies import Gateway, Page, Paging, Reader
from services.gateway.domain.inbox import TEXT_LENGTH_MAX, InboxRow, Tab
from services.gateway.queries.inbox import InboxFilter, inbox_of_queues, inbox_of_rep
from shared.web.event_schema import MsgspecType

router = APIRouter(prefix="/v1/inbox", tags=["Leads"], route_class=ApiRoute)


async def inbox_filter(
    principal: Reader,
    tab: Annotated[
        Tab, Query(description="Leads to accept, accepted ones, those that wait, or all")
    ] = "to_accept",
    queue: Annotated[str | None, Query(description="Only leads of this queue")] = None,
    owner: Annotated[
        str | None,
        Query(
            description="The rep whose inbox it is; empty: everybody. Without it the rep of the key is "
            "meant, and everybody if the key has none"
        ),
    ] = None,
    text: Annotated[
        str | None,
        Query(
            max_length=TEXT_LENGTH_MAX,
            description="Only leads with this text in name, title, company, account or e-mail address",
        ),
    ] = None,
) -> InboxFilter:
    """Return the inbox that a query asks for. Raises `Reject` (422)."""
    require_storable_filters(queue, owner, text)
    rep = principal.rep if owner is None else owner
    return InboxFilter(tab, rep or None, queue or None, (text or "").strip() or None)


@router.get(
    "",
    summary="List the leads of an inbox, by their clocks",
    description=(
        "The inbox of one rep is a whole: late leads first, then those with less than a quarter of their "
        "clock left, then the others, accepted ones last; inside each by score. Leads that wait in the rep's "
        "queues are in it, too. The inbox of everybody comes in pages: leads to accept by their clocks, then "
        "those that wait by how long, then accepted ones, the newest first. Nurture leads are in no inbox."
    ),
)
async def get_inbox(
    filters: Annotated[InboxFilter, Depends(inbox_filter)], gateway: Gateway, paging: Paging
) -> Page[Annotated[InboxRow, MsgspecType()]]:
    now = gateway.clock.now()
    if filters.owner is not None:
        rep = (await gateway.policies.start()).policy.team.owners.get(filters.owner)
        async with gateway.database.read() as tx:
            return Page(data=await inbox_of_rep(tx, filters, rep.queues if rep else (), now), next=None)
    async with gateway.database.read() as tx:
        rows, cursors = await inbox_of_queues(tx, filters, paging.after, paging.limit + 1, now)
    return paging.page(rows, cursors)
