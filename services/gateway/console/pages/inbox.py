"""The inbox, `/`: which lead is next, and why this person has it."""

from typing import Annotated, Final

from fastapi import APIRouter, Depends, Query, Request, Response

from services.gateway.api.lead_id import require_storable_filters
from services.gateway.console.rendering import render, render_part
from services.gateway.console.route import ConsoleRoute
from services.gateway.console.views.inbox import InboxPlace, InboxView, inbox_view
from services.gateway.console.views.lead_card import LeadCard, lead_card
from services.gateway.dependencies import Gateway, PageRequest, Reader, page_request
from services.gateway.domain.access import Principal
from services.gateway.domain.inbox import TEXT_LENGTH_MAX, InboxRow, Tab
from services.gateway.not_found import lead_not_found
from services.gateway.queries.inbox import InboxFilter, inbox_of_queues, inbox_of_rep
from services.gateway.queries.lead_card import find_lead_card
from services.gateway.state import GatewayState
from shared.storage.database import Tx

router = APIRouter(route_class=ConsoleRoute, include_in_schema=False)

_ROWS_MAX: Final = 50
_WORD_LENGTH_MAX: Final = 200


async def inbox_place(
    *,
    tab: Tab = "to_accept",
    q: Annotated[str, Query(alias="text", max_length=TEXT_LENGTH_MAX)] = "",
    queue: Annotated[str, Query(max_length=_WORD_LENGTH_MAX)] = "",
    owner: Annotated[str, Query(max_length=_WORD_LENGTH_MAX)] = "",
    lead: Annotated[str, Query(max_length=_WORD_LENGTH_MAX)] = "",
    cursor: Annotated[str, Query(max_length=1_000)] = "",
) -> InboxPlace:
    """Return which part of the inbox an address means. Raises `Reject` (422)."""
    place = InboxPlace(tab, q.strip(), queue, owner, lead, cursor)
    require_storable_filters(place.text, queue, owner, lead)
    return place


Place = Annotated[InboxPlace, Depends(inbox_place)]


@router.get("/")
async def show_inbox(request: Request, gateway: Gateway, principal: Reader, place: Place) -> Response:
    """Return the page: the rows, and the brief of the lead that is selected, or else of the first."""
    async with gateway.database.read() as tx:
        rows, next_cursor = await _find_rows(gateway, tx, place, principal)
        chosen = place.lead or (rows[0].lead_id if rows else "")
        selected = await _find_card(gateway, tx, chosen, principal) if chosen else None
    view = _view(gateway, principal, place, rows, next_cursor, selected=selected)
    return render(request, "inbox/page.html", view)


@router.get("/inbox/rows")
async def show_rows(request: Request, gateway: Gateway, principal: Reader, place: Place) -> Response:
    """Return the rows alone, when the filter changes or leads have come or gone."""
    async with gateway.database.read() as tx:
        rows, next_cursor = await _find_rows(gateway, tx, place, principal)
    return render(request, "inbox/rows.html", _view(gateway, principal, place, rows, next_cursor))


@router.get("/inbox/leads/{lead_id}")
async def show_pane(lead_id: str, request: Request, gateway: Gateway, principal: Reader) -> Response:
    """Return the brief of one lead, when its row is selected."""
    async with gateway.database.read() as tx:
        card = await _find_card(gateway, tx, lead_id, principal)
    if card is None:
        raise lead_not_found()
    return render_part(request, "inbox/pane.html", card)


async def _find_rows(
    gateway: GatewayState, tx: Tx, place: InboxPlace, principal: Principal
) -> tuple[list[InboxRow], str | None]:
    """Return the rows of a place, and the cursor of the next page."""
    now, policy = gateway.clock.now(), gateway.policies.active().policy
    owner = place.owner if principal.may("manager") else principal.rep or place.owner
    filters = InboxFilter(place.tab, owner or None, place.queue or None, place.text or None)
    if owner:
        rep = policy.team.owners.get(owner)
        return await inbox_of_rep(tx, filters, rep.queues if rep else (), now), None
    paging: PageRequest = await page_request(_ROWS_MAX, place.cursor or None)
    rows, cursors = await inbox_of_queues(tx, filters, paging.after, paging.limit + 1, now)
    page = paging.page(rows, cursors)
    return page.data, page.next


async def _find_card(gateway: GatewayState, tx: Tx, lead_id: str, principal: Principal) -> LeadCard | None:
    found = await find_lead_card(tx, lead_id)
    policy = gateway.policies.active().policy
    return lead_card(found, principal, policy, gateway.clock.now()) if found else None


def _view(
    gateway: GatewayState,
    principal: Principal,
    place: InboxPlace,
    rows: list[InboxRow],
    next_cursor: str | None,
    *,
    selected: LeadCard | None = None,
) -> InboxView:
    return inbox_view(
        place,
        rows,
        next_cursor,
        gateway.policies.active().policy,
        gateway.clock.now(),
        selected=selected,
        may_choose_owner=principal.may("manager") or principal.rep is None,
    )
