"""Deliveries, `/deliveries`: how the endpoints answer, what failed and why, and sending it again."""

from typing import Annotated, Any, Final

from fastapi import APIRouter, Depends, Query, Request, Response
from msgspec import structs

from services.gateway.api.deliveries import delivery_detail, order_retry
from services.gateway.api.lead_id import is_storable
from services.gateway.api.matching_deliveries import (
    FULL_TYPES,
    count_sendable,
    list_endpoints,
    progress_of,
    retry_matching,
)
from services.gateway.console.forms import Form
from services.gateway.console.rendering import is_fragment_request, render
from services.gateway.console.route import ConsoleRoute
from services.gateway.console.views.deliveries import (
    PERIODS,
    STATES,
    TABS,
    DeliveriesPlace,
    DeliveriesView,
    DeliveryPanel,
    Period,
    ProgressView,
    RetryView,
    Tab,
    delivery_lines,
    delivery_panel,
    endpoint_lines,
    endpoint_name,
)
from services.gateway.dependencies import Admin, Audit, Gateway, PageRequest, page_request
from services.gateway.queries.deliveries import count_at_most, list_matching
from services.gateway.state import GatewayState
from services.router.tables import deliveries_matching
from shared.errors import Reject
from shared.storage.database import Tx
from shared.storage.keyset import Cursor
from shared.webhooks import RETRIED_MAX, DeliveryFilter

router = APIRouter(prefix="/deliveries", route_class=ConsoleRoute, include_in_schema=False)

_ROWS_MAX: Final = 50
_SHORTS: Final = {full: short for short, full in FULL_TYPES.items()}
_Text = Annotated[str, Query(max_length=500)]


async def deliveries_place(  # noqa: PLR0917 - one parameter for each filter of the address
    tab: Tab | None = None,
    endpoint: _Text = "",
    event: _Text = "",
    lead: _Text = "",
    period: Period = "all",
    cursor: Annotated[str, Query(max_length=1_000)] = "",
    delivery: _Text = "",
) -> DeliveriesPlace:
    """Return which deliveries an address means. Raises `Reject` (422)."""
    if not all(map(is_storable, (endpoint, lead, delivery))) or (event and event not in FULL_TYPES):
        raise Reject(
            422,
            "invalid-filter",
            "The filter is not valid",
            "It holds a control character or an unknown type of event",
        )
    return DeliveriesPlace(tab, endpoint, event, lead.strip(), period, cursor, delivery)


Place = Annotated[DeliveriesPlace, Depends(deliveries_place)]


@router.get("")
async def show_deliveries(
    request: Request, gateway: Gateway, _principal: Admin, place: Place, retried: _Text = ""
) -> Response:
    """Return the page: the failed deliveries when there are any, else all of them."""
    async with gateway.database.read() as tx:
        endpoints = await list_endpoints(gateway, tx)
        place, rows, following = await _find_rows(gateway, tx, place)
        panel = await _find_panel(tx, place) if place.delivery else None
    lines = endpoint_lines(place, endpoints)
    view = DeliveriesView(
        place=place,
        tabs=[(name, place.address(tab=tab), tab == place.tab) for tab, name in TABS.items()],
        endpoints=lines,
        chosen=next((line for line in lines if line.id == place.endpoint and ":" not in line.id), None),
        endpoint_choices=[(one.id, endpoint_name(one.id, one.url)) for one in endpoints],
        event_choices=sorted(FULL_TYPES),
        period_choices=[(period, name) for period, (name, _length) in PERIODS.items()],
        rows=delivery_lines(place, rows, _SHORTS),
        next=place.address(cursor=following) if following else "",
        rows_href=place.address("/deliveries/rows", cursor=place.cursor),
        filtered=bool(place.endpoint or place.event or place.lead or place.period != "all"),
        panel=panel,
        retried=retried,
    )
    template = "deliveries/rows.html" if request.url.path.endswith("/rows") else "deliveries/page.html"
    return render(request, template, view)


router.add_api_route("/rows", show_deliveries, methods=["GET"])


@router.get("/retry")
async def show_retry(request: Request, gateway: Gateway, _principal: Admin, place: Place) -> Response:
    """Return how many deliveries match, and the form that sends them again."""
    which = _filter_of(gateway, place)
    async with gateway.database.read() as tx:
        matching = await count_at_most(tx, deliveries_matching(which), RETRIED_MAX + 1)
        sendable = await count_sendable(gateway, tx, which)
    fields = [(name, str(value)) for name, value in structs.asdict(place).items() if value]
    return render(request, "deliveries/retry.html", RetryView(matching, sendable, RETRIED_MAX, fields))


@router.post("/retry")
async def retry_all(gateway: Gateway, _principal: Admin, audit: Audit, form: Form) -> Response:
    """Send all deliveries again that match, and show how far that is."""
    place = await deliveries_place(
        tab=form.text("tab") or None,  # type: ignore[arg-type]
        endpoint=form.text("endpoint"),
        event=form.text("event"),
        lead=form.text("lead"),
        period=form.text("period") or "all",  # type: ignore[arg-type]
    )
    retried = await retry_matching(gateway, audit, _filter_of(gateway, place))
    return Response(status_code=303, headers={"location": place.address(retried=retried.id)})


@router.get("/retries/{retry_id}")
async def show_progress(retry_id: str, request: Request, gateway: Gateway, _principal: Admin) -> Response:
    """Return how far a retry is."""
    async with gateway.database.read() as tx:
        progress = await progress_of(tx, retry_id)
    return render(request, "deliveries/progress.html", ProgressView(**progress.model_dump()))


@router.get("/{delivery_id}")
async def show_delivery(
    delivery_id: str, request: Request, gateway: Gateway, _principal: Admin, place: Place
) -> Response:
    """Return the panel of one delivery."""
    async with gateway.database.read() as tx:
        panel = await _find_panel(tx, structs.replace(place, delivery=delivery_id))
    return render(request, "deliveries/panel.html", panel)


@router.post("/{delivery_id}/retry")
async def retry_one(
    delivery_id: str, request: Request, gateway: Gateway, _principal: Admin, audit: Audit
) -> Response:
    """Send one delivery now; htmx gets its panel, a browser without script the page."""
    await order_retry(gateway, audit, delivery_id)
    place = DeliveriesPlace(tab="all", delivery=delivery_id)
    if not is_fragment_request(request):
        return Response(status_code=303, headers={"location": place.address(delivery=delivery_id)})
    async with gateway.database.read() as tx:
        panel = await _find_panel(tx, place)
    response = render(request, "deliveries/panel.html", panel)
    response.headers["hx-trigger"] = '{"toast":{"text":"Sent again"}}'
    return response


async def _find_panel(tx: Tx, place: DeliveriesPlace) -> DeliveryPanel:
    return delivery_panel(place, await delivery_detail(tx, place.delivery), _SHORTS)


async def _find_rows(
    gateway: GatewayState, tx: Tx, place: DeliveriesPlace
) -> tuple[DeliveriesPlace, list[Any], str]:
    """Return the place with its tab, the rows of it, and the cursor of the next ones.

    An address without a tab means the failed ones, and all when nothing has failed.
    """
    paging: PageRequest = await page_request(_ROWS_MAX, place.cursor or None)
    chosen = structs.replace(place, tab=place.tab or "failed")
    rows = await list_matching(tx, _filter_of(gateway, chosen), paging.after, _ROWS_MAX + 1)
    if not rows and place.tab is None:
        chosen = structs.replace(place, tab="all")
        rows = await list_matching(tx, _filter_of(gateway, chosen), paging.after, _ROWS_MAX + 1)
    page = paging.page([dict(row) for row in rows], [Cursor(row["created_at"], row["id"]) for row in rows])
    return chosen, page.data, page.next or ""


def _filter_of(gateway: GatewayState, place: DeliveriesPlace) -> DeliveryFilter:
    length = PERIODS[place.period][1]
    return DeliveryFilter(
        endpoints=(place.endpoint,) if place.endpoint else (),
        states=STATES[place.tab or "failed"],
        events=(FULL_TYPES[place.event],) if place.event else (),
        lead_id=place.lead or None,
        since=None if length is None else gateway.clock.now() - length,
    )
