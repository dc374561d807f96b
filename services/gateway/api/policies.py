"""`/v1/policies`: the stored versions of the policy, validation, and putting a version in force."""

import asyncio
from datetime import datetime
from typing import Annotated, Any

import msgspec
from fastapi import APIRouter, Security
from pydantic import Field
from sqlalchemy import RowMapping

from services.gateway.api.policy_problems import PolicyProblem, newer_policy, policy_problems
from services.gateway.api_route import ApiModel, ApiRoute, RequestBody, problem_responses
from services.gateway.dependencies import Admin, Audit, Gateway, Page, Paging, caller, invalid_cursor
from services.gateway.policy_versions import (
    ACTIVE,
    NOTE_LENGTH_MAX,
    Base,
    apply_files,
    changes_of,
    find_policy,
    read_files,
    readable,
    warnings_in,
)
from services.gateway.queries.backtests import last_backtest
from shared.policy.content_hash import version_of
from shared.policy.diff import diff
from shared.policy.models import FILES, Policy
from shared.policy.versions import StoredPolicy, active, history
from shared.storage.keyset import Cursor
from shared.web.event_schema import MsgspecType

router = APIRouter(prefix="/v1/policies", tags=["Policies"], route_class=ApiRoute)


class PolicyTexts(RequestBody):
    """Every policy file: its name and its text."""

    files: Annotated[dict[str, str], Field(max_length=len(FILES))]


class NewPolicy(PolicyTexts):
    """Every policy file, why they are put in force, and what they began from.

    Without `base` they replace whatever is in force.
    """

    note: Annotated[str, Field(max_length=NOTE_LENGTH_MAX)] = ""
    base: Annotated[Base, MsgspecType()] | None = None


class PolicyView(ApiModel):
    """A version. `created_at` is when it was first put in force, `activated_at` when it last was.

    Activations are numbered; `note` says why, and `changes` what was different, by sentences.
    """

    version: str
    active: bool
    activation: int
    created_at: datetime
    created_by: str
    activated_at: datetime
    activated_by: str
    note: str
    changes: list[str]


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
    problems: list[PolicyProblem]
    last_backtest: LastBacktest | None


class ValidPolicy(ApiModel):
    """The files are a valid policy; its `problems` are warnings and notes.

    `changes` are the differences from the one in force by path, `changes_in_words` the same by sentences.
    `last_backtest` is the newest one of this version that is done.
    """

    version: str
    active: bool
    warnings: list[str]
    problems: list[PolicyProblem]
    changes: list[str]
    changes_in_words: list[str]
    last_backtest: LastBacktest | None


@router.get(
    "",
    summary="List the versions of the policy, the one in force first",
    dependencies=[Security(caller, scopes=["manager"])],
)
async def get_policies(gateway: Gateway, paging: Paging) -> Page[PolicyView]:
    if paging.after is not None and not paging.after.id.isdecimal():
        raise invalid_cursor()
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
    "line and column. Where the files began from a `base` that is not the last activation any more, the "
    "answer is 409 with the difference.",
    responses={**policy_problems(), 409: newer_policy()},
)
async def post_policy(body: NewPolicy, principal: Admin, gateway: Gateway, audit: Audit) -> AppliedPolicy:
    applied, findings = await apply_files(
        gateway, principal, audit, body.files, note=body.note, base=body.base
    )
    async with gateway.database.read() as tx:
        tested = await last_backtest(tx, applied.version)
    return AppliedPolicy(
        **_fields(applied, applied),
        warnings=warnings_in(findings),
        problems=[*map(PolicyProblem.model_validate, findings)],
        last_backtest=_last(tested),
    )


@router.post(
    "/validate",
    summary="Validate the files of a policy, and return what it would change",
    dependencies=[Security(caller, scopes=["manager"])],
    responses=policy_problems(),
)
async def validate_policy(body: PolicyTexts, gateway: Gateway) -> ValidPolicy:
    policy, findings = await read_files(gateway, body.files)
    async with gateway.database.read() as tx:
        current, version = await active(tx), version_of(policy)
        tested = await last_backtest(tx, version)
    changes, in_words = await asyncio.to_thread(_changes, current, policy)
    return ValidPolicy(
        version=version,
        active=current is not None and current.version == version,
        warnings=warnings_in(findings),
        problems=[*map(PolicyProblem.model_validate, findings)],
        changes=changes,
        changes_in_words=in_words,
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


def _changes(current: StoredPolicy | None, policy: Policy) -> tuple[list[str], list[str]]:
    """Return the differences from the policy in force, by path and by sentences."""
    before = readable(current.files) if current is not None else None
    if before is None:
        return [], []
    return [str(change) for change in diff(before, policy)], changes_of(before, policy)


def _last(row: RowMapping | None) -> LastBacktest | None:
    """Return what the API reports about the newest backtest of a version."""
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
    fields = {name: getattr(policy, name) for name in PolicyView.model_fields if name != "active"}
    is_active = current is not None and policy.version == current.version
    return {**fields, "changes": [*policy.changes], "active": is_active}
