"""Report, `/report`: the figures of a period beside those of the period before, and what needs a look."""

from fastapi import APIRouter, Request, Response

from services.gateway.console.rendering import render
from services.gateway.console.route import ConsoleRoute
from services.gateway.console.views.report import attention_list, given_back_list, report_page
from services.gateway.dependencies import Gateway, Reader
from services.gateway.domain.reports.periods import PeriodName, named_period
from services.gateway.queries.report_counters import Counters
from services.gateway.queries.summary import compared_summary, read_attention
from services.ledger.domain.lead_history import GIVEN_BACK
from services.ledger.tables import flow_counters

router = APIRouter(prefix="/report", route_class=ConsoleRoute, include_in_schema=False)


@router.get("")
async def show_report(
    request: Request, _principal: Reader, gateway: Gateway, period: PeriodName = "7d"
) -> Response:
    queues = (await gateway.policies.start()).policy.routing.queues
    name: PeriodName = "90d" if period == "all" else period
    window = named_period(name, gateway.clock.now())
    async with gateway.database.read() as tx:
        found = await compared_summary(tx, await Counters.open(tx), window)
    view = report_page(name, window, found, list(queues))
    return render(request, "report/page.html", view)


@router.get("/given-back")
async def show_given_back(
    request: Request, _principal: Reader, gateway: Gateway, period: PeriodName = "7d"
) -> Response:
    """Return why leads were given back, for the page to load."""
    window = named_period(period, gateway.clock.now())
    async with gateway.database.read() as tx:
        counters = await Counters.open(tx)
        found = await counters.sums(flow_counters, ("queue", "step"), window, {"decided"}, change=GIVEN_BACK)
    return render(request, "report/given_back.html", given_back_list(window, found))


@router.get("/attention")
async def show_attention(request: Request, principal: Reader, gateway: Gateway) -> Response:
    """Return the list of what needs a look, for the page to load."""
    policy = (await gateway.policies.start()).policy
    async with gateway.database.read() as tx:
        items = await read_attention(tx, await Counters.open(tx), policy, gateway.clock.now())
    return render(
        request, "report/attention.html", attention_list(items, opens_policy=principal.may("manager"))
    )
