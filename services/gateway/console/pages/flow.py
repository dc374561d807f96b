"""Flow, `/flow`: the policy as a picture, its counts, and the leads of each step."""

import asyncio
from typing import Annotated, Any, Final, NamedTuple, get_args

from fastapi import APIRouter, Depends, Query, Request, Response

from services.gateway.console.rendering import render
from services.gateway.console.route import ConsoleRoute
from services.gateway.console.views.flow import (
    PERIODS,
    FlowView,
    OwnLead,
    TabLink,
    VersionChoice,
    flow_notes,
    flow_picture,
)
from services.gateway.console.views.flow_step import StepPanel, step_panel
from services.gateway.console.views.flow_words import FlowQuery, since_at
from services.gateway.dependencies import Gateway, Manager
from services.gateway.domain.reports.flow_paths import FlowPaths, Kind, flow_paths
from services.gateway.domain.reports.periods import PeriodName, Window, named_period
from services.gateway.queries.flow import newest_leads, read_flow, way_of_lead
from services.gateway.queries.report_counters import Counters
from services.gateway.state import GatewayState
from shared.errors import Reject
from shared.policy.content_hash import shown
from shared.policy.load import PolicyInvalid, load
from shared.policy.models import Policy
from shared.policy.versions import VersionLine, latest_versions

router = APIRouter(prefix="/flow", route_class=ConsoleRoute, include_in_schema=False)

_VERSIONS_MAX: Final = 30
_NEWEST: Final = 20
_TEXT_MAX: Final = 500


def flow_query(
    period: PeriodName = "all",
    policy: Annotated[str, Query(max_length=64)] = "",
    compare: Annotated[str, Query(max_length=64)] = "",
    lead: Annotated[str, Query(max_length=_TEXT_MAX)] = "",
) -> FlowQuery:
    """Return what the address of the page asks for."""
    return FlowQuery(period, policy, compare, lead)


Asked = Annotated[FlowQuery, Depends(flow_query)]
StepKey = Annotated[str, Query(max_length=_TEXT_MAX)]


class _Found(NamedTuple):
    """What was read for a page, all as it was at one moment."""

    window: Window
    listed: list[VersionLine]
    drawn: VersionLine
    paths: FlowPaths
    own: OwnLead | None
    panel: StepPanel | None


@router.get("")
async def show_flow(
    request: Request, principal: Manager, gateway: Gateway, query: Asked, step: StepKey = ""
) -> Response:
    return render(
        request, "flow/page.html", await _view(gateway, query, step, may_edit=principal.may("admin"))
    )


@router.get("/picture")
async def show_picture(request: Request, principal: Manager, gateway: Gateway, query: Asked) -> Response:
    """Return the picture and its table alone, for a refresh."""
    return render(
        request, "flow/picture.html", await _view(gateway, query, "", may_edit=principal.may("admin"))
    )


@router.get("/step")
async def show_step(
    request: Request, principal: Manager, gateway: Gateway, query: Asked, step: StepKey
) -> Response:
    """Return the panel of a step alone."""
    return render(
        request, "flow/panel.html", await _view(gateway, query, step, may_edit=principal.may("admin"))
    )


async def _view(gateway: GatewayState, query: FlowQuery, step: str, *, may_edit: bool) -> FlowView:
    found = await _read(gateway, query, step)
    active = found.listed[0].version
    return FlowView(
        version=shown(found.drawn.version),
        is_active=found.drawn.version == active,
        applied_by=found.drawn.activated_by,
        applied_at=found.drawn.activated_at,
        tabs=[
            TabLink(name, query.href(period=period), period == query.period)
            for period, name in PERIODS.items()
        ],
        versions=_choices(found.listed, query.policy),
        compared=_choices(found.listed, query.compare),
        query=query,
        notes=flow_notes(found.paths, query),
        picture=flow_picture(found.paths, query, found.window, found.own),
        panel=found.panel,
        refresh=query.href("/flow/picture"),
        may_edit=may_edit,
    )


def _choices(listed: list[VersionLine], chosen: str) -> list[VersionChoice]:
    active = listed[0].version
    return [
        VersionChoice(
            shown(line.version),
            f"{shown(line.version)}, {'in force' if line.version == active else 'until then'}",
            bool(chosen) and line.version.startswith(chosen),
        )
        for line in listed
    ]


async def _read(gateway: GatewayState, query: FlowQuery, key: str) -> _Found:
    """Read what a page shows. Raises `Reject` (404, 409)."""
    present = await gateway.policies.start()
    window = named_period(query.period, gateway.clock.now())
    kind, _, name = key.partition(":")
    async with gateway.database.read() as tx:
        counters = await Counters.open(tx)
        listed = await latest_versions(tx, _VERSIONS_MAX, files_of=query.policy)
        counted, other = _named(listed, query.policy), _named(listed, query.compare)
        drawn = counted or listed[0]
        found = await read_flow(
            counters, window, counted.version if counted else None, other.version if other else None
        )
        lead = await way_of_lead(tx, query.lead) if query.lead else None
        newest: list[Any] = []
        if kind in get_args(Kind):
            newest = await newest_leads(tx, kind, name, since_at(query, window), _NEWEST)  # type: ignore[arg-type]
    policy: Policy = present.policy
    if drawn.version != present.version and drawn.files is not None:
        try:
            policy = await asyncio.to_thread(load, drawn.files)
        except PolicyInvalid as error:
            raise Reject(409, "unreadable-policy", "The version was written for another release") from error
    paths = flow_paths(policy, found.paths, found.unknown, found.compared)
    step = next((one for one in paths.steps if one.key == key), None)
    if key and step is None:
        raise Reject(404, "unknown-step", "The policy has no such step")
    own = None
    if lead is not None:
        own = OwnLead(
            query.lead,
            lead["name"] or lead["email"] or lead["account"],
            lead["reason"] or lead["rule"],
            lead["queue"] or "",
        )
    panel = step_panel(step, query, window, newest) if step is not None else None
    return _Found(window, listed, drawn, paths, own, panel)


def _named(listed: list[VersionLine], version: str) -> VersionLine | None:
    """Return the version that begins so, None for an empty name. Raises `Reject` (404)."""
    if not version:
        return None
    found = next((line for line in listed if line.version.startswith(version)), None)
    if found is None:
        raise Reject(
            404,
            "unknown-policy",
            "There is no such version of the policy",
            f"No version of these days begins with {version[:80]!r}",
        )
    return found
