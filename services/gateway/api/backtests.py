"""Backtests: what a policy would have made of the recorded history, computed by the ledger."""

import re
from collections.abc import Mapping
from datetime import datetime
from typing import Annotated, Final, Literal

import msgspec
from fastapi import APIRouter, Query, Response, Security
from pydantic import Field
from sqlalchemy import RowMapping

from services.gateway.api.policy_problems import policy_problems
from services.gateway.api_route import ApiModel, ApiRoute, RequestBody, Time, problem_responses
from services.gateway.audit import AuditTrail
from services.gateway.dependencies import (
    Audit,
    Gateway,
    Manager,
    Page,
    Paging,
    caller,
    cursor_text,
    invalid_cursor,
)
from services.gateway.domain.access import Principal
from services.gateway.domain.arrival import invalid
from services.gateway.not_found import not_found
from services.gateway.policy_versions import ACTIVE, DRAFT, load_version, read_files
from services.gateway.queries.backtests import (
    cancel_or_delete,
    count_active,
    find_backtest,
    insert_backtest,
    list_backtests,
    moves_between,
)
from services.gateway.state import GatewayState
from services.ledger.domain.backtest.report import NOBODY, BacktestReport, Move
from services.ledger.tables import RECORDED
from shared.errors import FieldProblem, Reject
from shared.lead.ids import derive_id
from shared.policy.content_hash import shown, version_of
from shared.policy.models import FILES, Policy
from shared.storage.keyset import Cursor
from shared.web.event_schema import MsgspecType

router = APIRouter(prefix="/v1", tags=["Policies"], route_class=ApiRoute)

_ACTIVE_MAX: Final = 20

_Queue = Annotated[
    str | None, Query(max_length=200, description=f"Only leads of this queue; `{NOBODY}`: suppressed ones")
]

State = Literal["queued", "running", "done", "failed", "cancelled"]


class NewBacktest(RequestBody):
    """What to compare. `files` are the texts of a version that is not stored; it must be that version.

    Decisions from `since` up to and with `until` are compared, by default all. `segment` names a segment of
    the ideal customer profile: the report is about its leads alone.
    """

    files: Annotated[dict[str, str], Field(max_length=len(FILES))] | None = None
    since: Time | None = None
    until: Time | None = None
    segment: Annotated[str, Field(min_length=1, max_length=200)] | None = None


class AcceptedBacktest(ApiModel):
    """The backtest waits for its turn; `status_url` tells how far it is."""

    id: str
    status_url: str


class BacktestView(ApiModel):
    """A backtest: what was asked for, how many of `total` steps are done, and then the report.

    `candidate` is a version, or `recorded`. `total` is 0 until the history is read.
    """

    id: str
    state: State
    candidate: str
    since: datetime | None
    until: datetime | None
    segment: str | None
    done: int
    total: int
    created_at: datetime
    created_by: str
    finished_at: datetime | None
    error: str | None
    report: Annotated[BacktestReport, MsgspecType()] | None


@router.post(
    "/policies/{id}/backtest",
    status_code=202,
    summary="Decide the recorded history again by a version of the policy",
    description=f"The version may be shortened; `{ACTIVE}` is the one in force, `{DRAFT}` the draft of this "
    f"key. `{RECORDED}` decides all by the version that did, which moves nobody. Nothing live is changed.",
    responses={**problem_responses(404, 409), **policy_problems()},
)
async def post_backtest(
    id: str,  # noqa: A002 - the name in the path
    body: NewBacktest,
    principal: Manager,
    gateway: Gateway,
    audit: Audit,
) -> AcceptedBacktest:
    new_id = await start_backtest(gateway, principal, audit, id, body=body)
    return AcceptedBacktest(id=new_id, status_url=f"/v1/backtests/{new_id}")


async def start_backtest(
    gateway: GatewayState, principal: Principal, audit: AuditTrail, id_: str, *, body: NewBacktest
) -> str:
    """Put a backtest into the queue; return its id. Raises `Reject` (404, 409, 422)."""
    version, policy, files = await _candidate(gateway, principal, id_, body)
    if body.since is not None and body.until is not None and body.since > body.until:
        raise invalid((FieldProblem("/since", "It must not be after until"),))
    names = [one.name for one in policy.icp.segments] if policy is not None else None
    if body.segment is not None and names is not None and body.segment not in names:
        problem = f"The policy has no such segment; it has {', '.join(names) or 'none'}"
        raise invalid((FieldProblem("/segment", problem),))
    now = gateway.clock.now()
    new_id = derive_id("backtest", version, f"{now.isoformat()}:{gateway.random(8).hex()}", 0)
    async with gateway.database.begin() as tx:
        if await count_active(tx) >= _ACTIVE_MAX:
            raise Reject(409, "too-many-backtests", "Too many backtests wait", "Cancel one, or wait for one")
        await insert_backtest(
            tx,
            id=new_id,
            candidate=version,
            files=files,
            since=body.since,
            until=min(body.until, now) if body.until is not None else None,  # timers after it are not due
            segment=body.segment,
            created_at=now,
            created_by=principal.key_id,
        )
        await audit.record(tx, "backtest.started", new_id, candidate=version)
    return new_id


@router.get(
    "/backtests",
    summary="List the backtests, the newest first",
    dependencies=[Security(caller, scopes=["manager"])],
)
async def get_backtests(gateway: Gateway, paging: Paging) -> Page[BacktestView]:
    async with gateway.database.read() as tx:
        found = await list_backtests(tx, paging.after, paging.limit + 1)
    cursors = [Cursor(row["created_at"], row["id"]) for row in found]
    return paging.page([_view(row) for row in found], cursors)


@router.get(
    "/backtests/{id}",
    summary="Return a backtest: how far it is, and its report",
    dependencies=[Security(caller, scopes=["manager"])],
    responses=problem_responses(404),
)
async def get_backtest(id: str, gateway: Gateway) -> BacktestView:  # noqa: A002 - the name in the path
    return _view(await existing_backtest(gateway, id))


@router.get(
    "/backtests/{id}/moves",
    summary="List the leads that end in another queue, each with its path before and after",
    dependencies=[Security(caller, scopes=["manager"])],
    responses=problem_responses(404),
)
async def get_moves(
    id: str,  # noqa: A002 - in the path
    gateway: Gateway,
    paging: Paging,
    before: _Queue = None,
    after: _Queue = None,
) -> Page[Annotated[Move, MsgspecType()]]:
    row = await existing_backtest(gateway, id)
    if paging.after is not None and not re.fullmatch("[0-9]{1,9}", paging.after.id):
        raise invalid_cursor()
    start = int(paging.after.id) if paging.after else 0
    async with gateway.database.read() as tx:
        found, go_on = await moves_between(tx, id, start, paging.limit + 1, old=before, new=after)
    moves, numbers = [move for _number, move in found], [number for number, _move in found]
    if len(found) <= paging.limit and go_on is not None:  # a page may be short where few moves match
        return Page(data=moves, next=cursor_text(Cursor(row["created_at"], str(go_on))))
    return paging.page(moves, [Cursor(row["created_at"], str(number)) for number in numbers])


@router.delete(
    "/backtests/{id}",
    status_code=204,
    summary="Cancel a backtest that waits or runs, or delete one that has ended",
    dependencies=[Security(caller, scopes=["manager"])],
    responses=problem_responses(404),
)
async def delete_backtest(id: str, gateway: Gateway, audit: Audit) -> Response:  # noqa: A002 - in the path
    await existing_backtest(gateway, id)
    async with gateway.database.begin() as tx:
        await cancel_or_delete(tx, id)
        await audit.record(tx, "backtest.deleted", id)
    return Response(status_code=204)


async def _candidate(
    gateway: GatewayState, principal: Principal, id_: str, body: NewBacktest
) -> tuple[str, Policy | None, Mapping[str, str] | None]:
    """Return the version to test, its policy (None: `recorded`) and its files if it is not stored.

    Raises `Reject`.
    """
    if id_ == RECORDED:
        return RECORDED, None, None
    if body.files is None:
        version, policy, files = await load_version(gateway, principal, id_)
        return version, policy, files if id_ == DRAFT else None
    policy, _findings = await read_files(gateway, body.files)
    version = version_of(policy)
    if not version.startswith(id_.lower()):
        problem = f"The files are version {shown(version)}, not {id_[:80]}"
        raise invalid((FieldProblem("/files", problem),))
    return version, policy, body.files


async def existing_backtest(gateway: GatewayState, backtest_id: str) -> RowMapping:
    """Return a backtest as it is stored. Raises `Reject` (404)."""
    async with gateway.database.read() as tx:
        row = await find_backtest(tx, backtest_id)
    if row is None:
        raise not_found("backtest", "backtest", backtest_id, "GET /v1/backtests")
    return row


def _view(row: RowMapping) -> BacktestView:
    report = row["report"]
    read = None if report is None else msgspec.json.decode(report, type=BacktestReport)
    return BacktestView(**{**row, "report": read})
