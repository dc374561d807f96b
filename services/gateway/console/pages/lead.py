"""The page of a lead: who it is and the brief at once; why it is here, its score and its history follow."""

from typing import Annotated

from fastapi import APIRouter, Query, Request, Response
from msgspec import Struct

from services.gateway.api.lead_id import require_storable
from services.gateway.api.score_curve import read_curve
from services.gateway.console.pages.sign_in import own_path
from services.gateway.console.rendering import render, render_part
from services.gateway.console.route import ConsoleRoute
from services.gateway.console.views.lead import lead_page
from services.gateway.console.views.lead_card import lead_card
from services.gateway.console.views.lead_curve import curve_view
from services.gateway.console.views.lead_story import (
    HistoryEntry,
    PathView,
    ScoreView,
    history_view,
    path_view,
    score_view,
)
from services.gateway.dependencies import Gateway, Reader
from services.gateway.explanations import find_explanation
from services.gateway.not_found import lead_not_found
from services.gateway.queries.deliveries import list_matching
from services.gateway.queries.lead_card import find_lead_card
from services.gateway.queries.lead_view import surviving_lead
from services.gateway.queries.timeline import list_timeline
from shared.errors import Reject
from shared.webhooks import DeliveryFilter

router = APIRouter(route_class=ConsoleRoute, include_in_schema=False)


_DELIVERIES_MAX = 200


class WhyView(Struct, frozen=True):
    """Why a lead is here, and its score; None before it has one."""

    lead_id: str
    path: PathView
    score: ScoreView | None


class HistoryView(Struct, frozen=True):
    """What happened to a lead, the newest first."""

    entries: list[HistoryEntry]


@router.get("/leads/{lead_id}")
async def show_lead(
    lead_id: str,
    request: Request,
    gateway: Gateway,
    principal: Reader,
    back: Annotated[str, Query(alias="from", max_length=1_000)] = "/",
) -> Response:
    """Return the page."""
    require_storable(lead_id, lead_not_found())
    async with gateway.database.read() as tx:
        found = await find_lead_card(tx, lead_id)
    if found is None:
        raise lead_not_found()
    now, policy = gateway.clock.now(), gateway.policies.active().policy
    card = lead_card(found, principal, policy, now)
    return render(request, "lead/page.html", lead_page(found, card, own_path(back), now))


@router.get("/leads/{lead_id}/why")
async def show_why(lead_id: str, request: Request, gateway: Gateway, _principal: Reader) -> Response:
    """Return why the lead is here, and its score."""
    require_storable(lead_id, lead_not_found())
    found = await find_explanation(gateway, lead_id)
    if found is None:
        raise lead_not_found()
    view = WhyView(lead_id, path_view(found, gateway.policies.active().policy), score_view(found))
    return render_part(request, "lead/why.html", view)


@router.get("/leads/{lead_id}/curve")
async def show_curve(lead_id: str, request: Request, gateway: Gateway, _principal: Reader) -> Response:
    """Return the intent of the lead over time."""
    require_storable(lead_id, lead_not_found())
    async with gateway.database.read() as tx:
        curve = await read_curve(tx, gateway, await surviving_lead(tx, lead_id))
    if curve is None:
        raise Reject(404, "unknown-lead", "The lead is not scored yet")
    return render_part(request, "lead/curve.html", curve_view(curve))


@router.get("/leads/{lead_id}/history")
async def show_history(lead_id: str, request: Request, gateway: Gateway, principal: Reader) -> Response:
    """Return what happened to the lead, and which webhooks were sent about it."""
    require_storable(lead_id, lead_not_found())
    async with gateway.database.read() as tx:
        own = await surviving_lead(tx, lead_id)
        timeline = await list_timeline(tx, own)
        sent = [
            dict(row) for row in await list_matching(tx, DeliveryFilter(lead_id=own), None, _DELIVERIES_MAX)
        ]
    policy = gateway.policies.active().policy
    names = {owner.id: owner.name for owner in policy.team.owners.values()}
    entries = history_view(timeline, names, sent, opens_deliveries=principal.may("admin"))
    return render_part(request, "lead/history.html", HistoryView(entries))
