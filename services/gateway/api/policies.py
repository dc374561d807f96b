"""`/v1/policies`: the stored versions of the policy, validation, and putting a version in force."""

import asyncio
from collections.abc import Mapping
from datetime import datetime
from typing import Annotated, Any, Final

import msgspec
from fastapi import APIRouter, Security
from pydantic import Field
from sqlalchemy import RowMapping

from services.gateway.api_route import ApiModel, ApiRoute, RequestBody, problem_responses
from services.gateway.dependencies import Admin, Gateway, Page, Paging, caller
from services.gateway.domain.arrival import invalid
from services.gateway.queries.backtests import last_backtest
from shared.errors import FieldProblem, Reject
from shared.integrations.installed import known_integrations
from shared.policy.content_hash import shown, version_of
from shared.policy.diff import diff
from shared.policy.load import PolicyInvalid, load, read_policy
from shared.policy.models import FILES, Policy
from shared.policy.versions import StoredPolicy, active, beginning_with, check_policy, history, put
from shared.rules.findings import Severity
from shared.storage.keyset import Cursor

router = APIRouter(prefix="/v1/policies", tags=["Policies"], route_class=ApiRoute)

ACTIVE: Final = "active"
"""In place of a version: the one in force."""
_NAMED_MAX: Final = 5
"""As many versions are named when a shortened one is ambiguous."""


class NewPolicy(RequestBody):
    """Every policy file: its name and its text."""

    files: Annotated[dict[str, str], Field(max_length=len(FILES))]


class PolicyView(ApiModel):
    """A version. `created_at` is when it was first put in force, `activated_at` when it last was."""

    version: str
    active: bool
    created_at: datetime
    created_by: str
    activated_at: datetime
    activated_by: str


class PolicyWithFiles(PolicyView):
    """A version, with the texts of its files."""

    files: dict[str, str]


class LastBacktest(ApiModel):
    """What a backtest of the version found: of `leads` in its window, `moved` end in another queue."""

    id: str
    finished_at: datetime
    since: datetime | None
    until: datetime
    segment: str | None
    leads: int
    moved: int
    suppressed_more: int
    suppressed_fewer: int


class AppliedPolicy(PolicyView):
    """The version that is in force now; every role uses it within seconds. `warnings` did not prevent it."""

    warnings: list[str]
    last_backtest: LastBacktest | None


class ValidPolicy(ApiModel):
    """The files are a valid policy. `changes` are the differences from the one in force, by path.

    `last_backtest` is the newest one of this version that is done.
    """

    version: str
    active: bool
    warnings: list[str]
    changes: list[str]
    last_backtest: LastBacktest | None


@router.get(
    "",
    summary="List the versions of the policy, the one in force first",
    dependencies=[Security(caller, scopes=["manager"])],
)
async def get_policies(gateway: Gateway, paging: Paging) -> Page[PolicyView]:
    if paging.after is not None and not paging.after.id.isdecimal():
        raise Reject(422, "invalid-cursor", "The cursor is not one that was given")
    before = int(paging.after.id) if paging.after else None
    async with gateway.database.read() as tx:
        current = await active(tx)
        found = await history(tx, paging.limit + 1, before=before)
    cursors = [Cursor(policy.activated_at, str(policy.activation)) for policy in found]
    return paging.page([PolicyView(**_fields(policy, current)) for policy in found], cursors)


@router.post(
    "",
    status_code=201,
    summary="Put a policy in force",
    description="Takes all files as texts and stores nothing when one has an error. Each error has file, "
    "line and column.",
)
async def post_policy(body: NewPolicy, principal: Admin, gateway: Gateway) -> AppliedPolicy:
    _policy, warnings = await read_files(gateway, body.files)
    new = await check_policy(body.files)
    async with gateway.database.begin() as tx:
        applied = await put(tx, new, by=principal.key_id, at=gateway.clock.now())
        tested = await last_backtest(tx, new.version)
    return AppliedPolicy(**_fields(applied, applied), warnings=warnings, last_backtest=_last(tested))


@router.post(
    "/validate",
    summary="Validate the files of a policy, and return what it would change",
    dependencies=[Security(caller, scopes=["manager"])],
)
async def validate_policy(body: NewPolicy, gateway: Gateway) -> ValidPolicy:
    policy, warnings = await read_files(gateway, body.files)
    async with gateway.database.read() as tx:
        current, version = await active(tx), version_of(policy)
        tested = await last_backtest(tx, version)
    return ValidPolicy(
        version=version,
        active=current is not None and current.version == version,
        warnings=warnings,
        changes=await asyncio.to_thread(_changes, current, policy),
        last_backtest=_last(tested),
    )


@router.get(
    "/{id}",
    summary=f"Return a version with its files; `{ACTIVE}` is the one in force",
    description="The version may be shortened as long as no other begins so.",
    dependencies=[Security(caller, scopes=["manager"])],
    responses=problem_responses(404, 409),
)
async def get_policy(id: str, gateway: Gateway) -> PolicyWithFiles:  # noqa: A002 - the name in the path
    found, current = await find_policy(gateway, id)
    return PolicyWithFiles(**_fields(found, current), files=dict(found.files))


async def find_policy(gateway: Gateway, id_: str) -> tuple[StoredPolicy, StoredPolicy | None]:
    """Return the version that is named or begins so, and the one in force. Raises `Reject` (404, 409)."""
    async with gateway.database.read() as tx:
        current = await active(tx)
        found = [current] if id_ == ACTIVE else await beginning_with(tx, id_, _NAMED_MAX + 1)
    if not found or found[0] is None:
        detail = f"No version is named or begins with {id_[:80]!r}; GET /v1/policies lists them"
        raise Reject(404, "unknown-policy", "There is no such version of the policy", detail)
    if len(found) > 1:
        named = ", ".join(shown(one.version) for one in found[:_NAMED_MAX] if one)
        detail = f"{named}{', …' if len(found) > _NAMED_MAX else ''} begin with {id_!r}"
        raise Reject(409, "ambiguous-policy", "Several versions of the policy begin so", detail)
    return found[0], current


async def load_version(gateway: Gateway, id_: str) -> tuple[str, Policy]:
    """Return the version that is named or begins so, and its policy. Raises `Reject` (404, 409)."""
    found, _current = await find_policy(gateway, id_)
    try:
        return found.version, await asyncio.to_thread(load, found.files)
    except PolicyInvalid as error:
        title = "The version was written for another release"
        detail = f"This release of Baton cannot read it: {error}"[:500]
        raise Reject(409, "unreadable-policy", title, detail) from error


async def read_files(gateway: Gateway, files: Mapping[str, str]) -> tuple[Policy, list[str]]:
    """Return the policy and the warnings about it. Raises `Reject` (422) with all errors."""
    reading = await asyncio.to_thread(read_policy, files, known_integrations(gateway.integrations))
    if reading.policy is not None:
        warnings = [finding for finding in reading.findings if finding.severity is Severity.WARNING]
        return reading.policy, list(map(str, warnings))
    errors = [finding for finding in reading.findings if finding.severity is Severity.ERROR]
    pointers = ["/files/" + error.file.replace("~", "~0").replace("/", "~1") for error in errors]
    raise invalid(
        tuple(FieldProblem(pointer, str(error)) for pointer, error in zip(pointers, errors, strict=True))
    )


def _changes(current: StoredPolicy | None, policy: Policy) -> list[str]:
    if current is None:
        return []
    try:
        return [str(change) for change in diff(load(current.files), policy)]
    except PolicyInvalid:
        return []  # the policy in force was written for another release of Baton


def _last(row: RowMapping | None) -> LastBacktest | None:
    """Return what the API tells of the newest backtest of a version."""
    if row is None:
        return None
    report = msgspec.json.decode(row["report"])
    suppressed = report["suppressed"]
    return LastBacktest(
        id=row["id"],
        finished_at=row["finished_at"],
        since=row["since"],
        until=datetime.fromisoformat(report["until"]),
        suppressed_more=sum(suppressed["more"].values()),
        suppressed_fewer=sum(suppressed["fewer"].values()),
        **{name: report[name] for name in ("segment", "leads", "moved")},
    )


def _fields(policy: StoredPolicy, current: StoredPolicy | None) -> dict[str, Any]:
    """Return the fields of a `PolicyView`."""
    names = ("version", "created_at", "created_by", "activated_at", "activated_by")
    fields: dict[str, Any] = {name: getattr(policy, name) for name in names}
    return {**fields, "active": current is not None and policy.version == current.version}
