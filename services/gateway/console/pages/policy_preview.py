"""Rules and scores, Preview: a backtest of the draft with its progress, and who would move."""

from datetime import timedelta
from typing import Annotated
from urllib.parse import urlencode

import msgspec
from fastapi import APIRouter, Query, Request, Response
from sqlalchemy import RowMapping

from services.gateway.api.backtests import NewBacktest, existing_backtest, start_backtest
from services.gateway.console.forms import Form
from services.gateway.console.rendering import is_fragment_request, render
from services.gateway.console.route import ConsoleRoute
from services.gateway.console.views.policy import policy_header
from services.gateway.console.views.policy_preview import (
    PERIODS,
    JobView,
    MovesView,
    PreviewView,
    job_view,
    moves_view,
    preview_row,
)
from services.gateway.dependencies import Audit, Gateway, Manager
from services.gateway.policy_editing import policy_state
from services.gateway.policy_versions import ACTIVE, DRAFT
from services.gateway.queries.backtests import (
    cancel_or_delete,
    list_backtests,
    moves_between,
    names_of_leads,
)
from services.gateway.state import GatewayState
from services.ledger.domain.backtest.report import BacktestReport
from shared.errors import Reject

router = APIRouter(prefix="/policy/preview", route_class=ConsoleRoute, include_in_schema=False)

_ROWS_MAX = 8
_MOVES_MAX = 25
_Queue = Annotated[str, Query(max_length=200)]


@router.get("")
async def show_preview(
    request: Request,
    gateway: Gateway,
    principal: Manager,
    *,
    id_: Annotated[str, Query(alias="id", max_length=36)] = "",
    before: _Queue = "",
    after: _Queue = "",
    start: Annotated[int, Query(ge=0, le=1_000_000_000)] = 0,
) -> Response:
    """Return the tab; with `id` that preview, with `before` and `after` the leads of one cell."""
    if id_ and is_fragment_request(request):
        asked = await _job(gateway, await existing_backtest(gateway, id_), (before, after), start)
        return render(request, "policy/preview_job.html", asked)
    state = await policy_state(gateway, principal)
    async with gateway.database.read() as tx:
        found = await list_backtests(tx, None, _ROWS_MAX)
    job = None
    if id_:
        row = next((row for row in found if row["id"] == id_), None)
        job = await _job(gateway, row or await existing_backtest(gateway, id_), (before, after), start)
    blocked = "" if state.draft else "There is no draft"
    view = PreviewView(
        header=policy_header(state, "preview", is_admin=principal.may("admin")),
        draft_blocked="The draft has errors" if state.draft and state.reading.policy is None else blocked,
        rows=[preview_row({**row}, _report(row)) for row in found],
        job=job,
    )
    return render(request, "policy/preview.html", view)


@router.post("")
async def start_preview(gateway: Gateway, principal: Manager, form: Form, audit: Audit) -> Response:
    """Put a preview of the draft, or of the version in force, into the queue."""
    period, subject = form.text("period"), form.text("subject")
    if period not in PERIODS:
        raise Reject(
            422, "invalid-form", "There is no such period", f"There are {', '.join(filter(None, PERIODS))}"
        )
    since = gateway.clock.now() - timedelta(days=int(period)) if period else None
    wanted = ACTIVE if subject == ACTIVE else DRAFT
    new_id = await start_backtest(gateway, principal, audit, wanted, body=NewBacktest(since=since))
    return Response(status_code=303, headers={"location": f"/policy/preview?id={new_id}"})


@router.post("/cancel")
async def cancel_preview(gateway: Gateway, _principal: Manager, form: Form, audit: Audit) -> Response:
    """Cancel a preview that waits or runs."""
    row = await existing_backtest(gateway, form.text("id"))
    async with gateway.database.begin() as tx:
        await cancel_or_delete(tx, row["id"])
        await audit.record(tx, "backtest.deleted", row["id"])
    return Response(status_code=303, headers={"location": "/policy/preview"})


async def _job(gateway: GatewayState, row: RowMapping, place: tuple[str, str], start: int) -> JobView:
    """Return a preview with its report, and the leads that move from and to the queues of `place`."""
    report, policy = _report(row), gateway.policies.active().policy
    moves = None
    if report is not None and report.moved:
        moves = await _moves(gateway, row["id"], place, start)
    return job_view({**row}, report, policy, moves)


async def _moves(gateway: GatewayState, id_: str, place: tuple[str, str], start: int) -> MovesView:
    old, new = place
    async with gateway.database.read() as tx:
        found, go_on = await moves_between(tx, id_, start, _MOVES_MAX + 1, old=old or None, new=new or None)
        shown = [move for _number, move in found[:_MOVES_MAX]]
        names = await names_of_leads(tx, {move.lead_id for move in shown})
    following = None
    if len(found) > _MOVES_MAX or go_on is not None:
        at = found[_MOVES_MAX - 1][0] if len(found) > _MOVES_MAX else go_on
        following = "/policy/preview?" + urlencode({"id": id_, "before": old, "after": new, "start": at})
    return moves_view(shown, names, place, f"{following}#moves" if following else None)


def _report(row: RowMapping) -> BacktestReport | None:
    return None if row["report"] is None else msgspec.json.decode(row["report"], type=BacktestReport)
