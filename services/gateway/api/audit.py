"""`/v1/audit`: who changed what, from where, when, and why; listed and exported."""

from collections.abc import AsyncIterator, Sequence
from datetime import datetime
from typing import Annotated, Any, Final, Literal

import msgspec
from fastapi import APIRouter, Depends, Query, Security
from fastapi.responses import StreamingResponse

from services.gateway.api_route import ApiModel, ApiRoute, Time
from services.gateway.dependencies import Audit, Gateway, Page, Paging, caller
from services.gateway.domain.arrival import refuse_unreal_times
from services.gateway.domain.audit import KINDS, AuditEntry, AuditKind
from services.gateway.domain.csv_export import csv_lines
from services.gateway.queries.audit import AuditFilter, list_audit
from services.gateway.state import GatewayState
from shared.storage.keyset import Cursor

router = APIRouter(
    prefix="/v1/audit",
    tags=["Audit trail"],
    route_class=ApiRoute,
    dependencies=[Security(caller, scopes=["admin"])],
)

_EXPORTED_AT_ONCE: Final = 1_000

Word = Annotated[str | None, Query(max_length=500)]
Moment = Annotated[Time | None, Query()]


class AuditEntryView(ApiModel):
    """A change.

    `kind` says what was done, `subject` is the id of what it was done to, `details` depend on the kind.
    `key_id`, `name` and `rep` are those of the API key or of the person who signed in, `address` is that of
    the client: an IPv4 address or the /64 network of an IPv6 address. The kinds are those of the parameter.
    """

    id: str
    at: datetime
    kind: str
    subject: str
    key_id: str
    name: str
    rep: str | None
    address: str
    note: str | None
    details: dict[str, Any]


async def audit_filter(
    kind: Annotated[AuditKind | None, Query(description=f"One of: {', '.join(KINDS)}")] = None,
    *,
    subject: Word = None,
    key_id: Word = None,
    rep: Word = None,
    since: Moment = None,
    until: Moment = None,
) -> AuditFilter:
    """Return the filter of a query. Raises `Reject` (422)."""
    refuse_unreal_times((("/since", since), ("/until", until)))
    return AuditFilter(kind, subject, key_id, rep, since, until)


WantedEntries = Annotated[AuditFilter, Depends(audit_filter)]


@router.get(
    "",
    summary="List the audit trail, the newest entry first",
    description="Every request that changes something is recorded in the transaction of its change. A change "
    "that is an event is recorded before the event is published; `details.event_id` names it.",
)
async def get_audit(gateway: Gateway, wanted: WantedEntries, paging: Paging) -> Page[AuditEntryView]:
    async with gateway.database.read() as tx:
        found = await list_audit(tx, wanted, paging.after, paging.limit + 1)
    cursors = [Cursor(entry.at, entry.id) for entry in found]
    return paging.page([AuditEntryView.model_validate(entry) for entry in found], cursors)


@router.get(
    "/export",
    summary="Return the audit trail as CSV or as lines of JSON, the newest entry first",
    response_class=StreamingResponse,
    responses={
        200: {
            "description": "The entries",
            "content": {
                "text/csv": {"schema": {"type": "string"}},
                "application/x-ndjson": {"schema": {"type": "string"}},
            },
        }
    },
)
async def export_audit(
    gateway: Gateway,
    wanted: WantedEntries,
    audit: Audit,
    format: Annotated[Literal["csv", "ndjson"], Query()] = "csv",  # noqa: A002 - the name of the parameter
) -> StreamingResponse:
    async with gateway.database.begin() as tx:
        await audit.record(tx, "audit.exported", format=format)
    return export_response(gateway, wanted, format)


def export_response(gateway: GatewayState, wanted: AuditFilter, form: str) -> StreamingResponse:
    """Return the entries as a file, which is read from the database page by page while it is sent."""
    as_csv = form == "csv"
    headers = {"content-disposition": f'attachment; filename="audit.{form}"', "cache-control": "no-store"}
    media_type = "text/csv; charset=utf-8" if as_csv else "application/x-ndjson"
    return StreamingResponse(_exported(gateway, wanted, as_csv=as_csv), 200, headers, media_type)


async def _exported(gateway: GatewayState, wanted: AuditFilter, *, as_csv: bool) -> AsyncIterator[bytes]:
    after: Cursor | None = None
    encode = _as_csv if as_csv else msgspec.json.Encoder().encode_lines
    if as_csv:
        yield csv_lines([AuditEntry.__struct_fields__])
    while True:
        async with gateway.database.read() as tx:
            entries = await list_audit(tx, wanted, after, _EXPORTED_AT_ONCE)
        if not entries:
            return
        yield encode(entries)
        after = Cursor(entries[-1].at, entries[-1].id)


def _as_csv(entries: Sequence[AuditEntry]) -> bytes:
    def cell(value: Any) -> str:
        if isinstance(value, dict):
            return msgspec.json.encode(value).decode()
        return value.isoformat() if isinstance(value, datetime) else value or ""

    return csv_lines([cell(getattr(entry, name)) for name in entry.__struct_fields__] for entry in entries)
