"""The team, `/team`: what everybody has, who is next, and taking a rep out."""

from typing import Final

from fastapi import APIRouter, Request, Response

from services.gateway.api.reps import find_reps, set_availability
from services.gateway.console import words
from services.gateway.console.forms import Form
from services.gateway.console.pages.lead_actions import done
from services.gateway.console.rendering import render
from services.gateway.console.route import ConsoleRoute
from services.gateway.console.views.team import AwayForm, TeamView, team_view
from services.gateway.dependencies import Audit, Gateway, Manager, RequestArrival, Seller
from services.gateway.domain.actions import forbidden
from services.gateway.domain.team import queue_teams
from services.gateway.lead_actions import ActionRequest, perform_action
from services.gateway.queries.inbox import InboxFilter, inbox_of_rep
from services.gateway.queries.present_rows import rows_of_rotation
from services.gateway.queries.reps import waiting_by_queue
from services.gateway.state import GatewayState
from services.router.policy import routing_policy_of
from shared.errors import Reject

router = APIRouter(route_class=ConsoleRoute, include_in_schema=False)

SPREAD_MAX: Final = 100
"""The leads of a rep that are given back in one request."""


@router.get("/team")
async def show_team(request: Request, gateway: Gateway, _principal: Manager) -> Response:
    """Return the page."""
    return render(request, "team/page.html", await _view(gateway))


@router.get("/team/rows")
async def show_rows(request: Request, gateway: Gateway, _principal: Manager) -> Response:
    """Return the queues alone, when leads have come or gone."""
    return render(request, "team/queues.html", await _view(gateway))


@router.get("/team/{rep}/away")
async def ask_away(rep: str, request: Request, gateway: Gateway, _principal: Manager) -> Response:
    """Return the question what becomes of the leads that the rep has not accepted."""
    name, unaccepted = _name_of(gateway, rep), await _unaccepted(gateway, rep)
    return render(request, "team/away.html", AwayForm(rep, name, len(unaccepted)))


@router.post("/team/{rep}/away")
async def take_out(
    *,
    rep: str,
    gateway: Gateway,
    principal: Seller,
    arrival: RequestArrival,
    audit: Audit,
    form: Form,
) -> Response:
    """Give a rep no more leads and, if wished, give those back that the rep has not accepted."""
    if principal.rep != rep and not principal.may("manager"):
        raise forbidden("It speaks for another rep")
    name = _name_of(gateway, rep)
    async with gateway.database.begin() as tx:
        await set_availability(tx, audit, rep, available=False, at=gateway.clock.now())
    left: list[str] = []
    refused = ""
    if form.text("spread") and principal.may("manager"):
        for lead_id, queue in (await _unaccepted(gateway, rep))[:SPREAD_MAX]:
            wanted = ActionRequest("reassign", reason=f"{name} is away", to=queue)
            result = await perform_action(gateway, principal, audit, arrival, lead_id, wanted=wanted)
            if result is not None and result.status != "unchanged":
                left.append(lead_id)
            elif result is not None:
                refused = result.detail
    text = f"{name} gets no new leads"
    if form.text("spread"):
        text += f"; {words.counted(len(left), 'lead')} given to others"
    if refused:
        text += f". Some stay: {refused}"
    return done({"text": text}, left)


@router.post("/team/{rep}/back")
async def bring_back(rep: str, gateway: Gateway, principal: Seller, audit: Audit) -> Response:
    """Give a rep leads again."""
    if principal.rep != rep and not principal.may("manager"):
        raise forbidden("It speaks for another rep")
    name = _name_of(gateway, rep)
    async with gateway.database.begin() as tx:
        await set_availability(tx, audit, rep, available=True, at=gateway.clock.now())
    return done({"text": f"{name} gets leads again"}, [])


async def _view(gateway: GatewayState) -> TeamView:
    compiled, at = await gateway.policies.start(), gateway.clock.now()
    queues = compiled.policy.routing.queues
    async with gateway.database.read() as tx:
        rows, waiting = await rows_of_rotation(tx), await waiting_by_queue(tx)
        reps = await find_reps(gateway, tx, rows, {}, at)
    return team_view(queue_teams(rows, routing_policy_of(compiled), queues, at), reps, waiting)


async def _unaccepted(gateway: GatewayState, rep: str) -> list[tuple[str, str]]:
    """Return the leads that a rep owns and has not accepted, each with its queue."""
    async with gateway.database.read() as tx:
        rows = await inbox_of_rep(tx, InboxFilter("to_accept", rep), (), gateway.clock.now())
    return [(row.lead_id, row.queue) for row in rows if not row.joined]


def _name_of(gateway: GatewayState, rep: str) -> str:
    found = gateway.policies.active().policy.team.owners.get(rep)
    if found is None:
        raise Reject(
            404, "unknown-rep", "There is no such rep", f"The policy has no rep or manager {rep[:100]!r}"
        )
    return found.name
