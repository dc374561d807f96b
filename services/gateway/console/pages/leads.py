"""The table of all leads, `/leads`, and the same as CSV."""

from datetime import datetime
from typing import Annotated, cast, get_args

from fastapi import APIRouter, Depends, Request, Response
from pydantic import AwareDatetime, TypeAdapter, ValidationError

from services.gateway.api.leads import CSV_ROWS_MAX, lead_filter, leads_as_csv, reached_filter
from services.gateway.console.rendering import render
from services.gateway.console.route import ConsoleRoute
from services.gateway.console.views.leads import PERIODS, LeadsPlace, leads_view
from services.gateway.dependencies import Gateway, PageRequest, Reader, page_request
from services.gateway.queries.leads import LeadFilter, ReachedName, list_leads
from services.gateway.state import GatewayState
from shared.errors import Reject
from shared.storage.keyset import Cursor

router = APIRouter(route_class=ConsoleRoute, include_in_schema=False)

_ROWS_MAX = 50
_VALUE_LENGTH_MAX = 500
_time = TypeAdapter(AwareDatetime)


async def leads_place(request: Request) -> LeadsPlace:
    """Return which leads an address means; what it does not know is left out. Raises `Reject` (422)."""
    given = {name: request.query_params.get(name, "").strip() for name in LeadsPlace.__struct_fields__}
    if any(len(value) > 2 * _VALUE_LENGTH_MAX for value in given.values()):
        raise Reject(422, "invalid-filter", "A filter is too long")
    return LeadsPlace(**given)


Place = Annotated[LeadsPlace, Depends(leads_place)]


@router.get("/leads")
async def show_leads(request: Request, gateway: Gateway, _principal: Reader, place: Place) -> Response:
    """Return the page."""
    filters = await _filter_of(place, gateway)
    paging: PageRequest = await page_request(_ROWS_MAX, place.cursor or None)
    async with gateway.database.read() as tx:
        rows = await list_leads(tx, filters, paging.after, paging.limit + 1)
    page = paging.page(rows, [Cursor(row["first_at"], row["lead_id"]) for row in rows])
    listed = [dict(row) for row in page.data]
    view = leads_view(place, listed, page.next, gateway.policies.active().policy)
    return render(request, "leads/page.html", view)


@router.get("/leads.csv")
async def download_leads(gateway: Gateway, _principal: Reader, place: Place) -> Response:
    """Return the leads of the filter as CSV, at most `CSV_ROWS_MAX`."""
    filters = await _filter_of(place, gateway)
    async with gateway.database.read() as tx:
        rows = await list_leads(tx, filters, None, CSV_ROWS_MAX)
    return await leads_as_csv(rows)


async def _filter_of(place: LeadsPlace, gateway: GatewayState) -> LeadFilter:
    """Return the filter of a list of leads. Raises `Reject` (422)."""
    values = dict(place.filters)
    period = values.pop("period", "")
    since, until = _instant(values.pop("since", "")), _instant(values.pop("until", ""))
    if period in PERIODS:
        since = gateway.clock.now() - PERIODS[period][1]
    names = ("email", "account", "queue", "owner", "status", "motion", "rule", "reason", "grade", "band")
    given = {name: values.get(name) for name in (*names, "source")}
    reached = None
    if name := values.get("reached"):
        if name not in get_args(ReachedName):
            raise Reject(422, "invalid-filter", "Leads are not counted so", ", ".join(get_args(ReachedName)))
        reached = await reached_filter(
            cast("ReachedName", name),
            _instant(values.get("reached_since", "")),
            _instant(values.get("reached_until", "")),
            cohort="cohort" in values,
            first_grade=values.get("first_grade"),
            reached_in=values.get("reached_in"),
            given_back_as=values.get("given_back_as"),
        )
    return await lead_filter(**given, period=(since, until), reached=reached)  # type: ignore[arg-type]


def _instant(text: str) -> datetime | None:
    try:
        return _time.validate_python(text) if text else None
    except ValidationError as error:
        raise Reject(422, "invalid-filter", "This is not a time with its zone", text[:100]) from error
