"""Rules and scores, Versions: who put what in force, how two versions differ, and applying one again."""

import asyncio
from collections.abc import Mapping
from typing import Annotated

from fastapi import APIRouter, Query, Request, Response

from services.gateway.console.pages.policy import key_name
from services.gateway.console.rendering import render
from services.gateway.console.route import ConsoleRoute
from services.gateway.console.views.policy import policy_header
from services.gateway.console.views.policy_versions import (
    Comparison,
    VersionsView,
    diff_file,
    version_rows,
)
from services.gateway.dependencies import Gateway, Manager
from services.gateway.domain.access import Principal
from services.gateway.policy_editing import policy_state
from services.gateway.policy_versions import DRAFT, changes_of, differences, find_files, version_files
from services.gateway.state import GatewayState
from shared.policy.content_hash import shown
from shared.policy.versions import history

router = APIRouter(prefix="/policy", route_class=ConsoleRoute, include_in_schema=False)

_ROWS_MAX = 20
_Version = Annotated[str, Query(max_length=64)]


@router.get("/versions")
async def show_versions(
    request: Request,
    gateway: Gateway,
    principal: Manager,
    *,
    before: _Version = "",
    after: _Version = "",
    applied: _Version = "",
    older: Annotated[int | None, Query(ge=1, le=1_000_000_000)] = None,
) -> Response:
    """Return the versions, the one in force first; with `before` and `after` their comparison too."""
    state = await policy_state(gateway, principal)
    async with gateway.database.read() as tx:
        found = await history(tx, _ROWS_MAX + 1, before=older)
    names = {key: await key_name(gateway, key) for key in {policy.activated_by for policy in found}}
    choices = [(DRAFT, "Draft")] if state.draft else []
    known = {
        **{policy.version: policy.files for policy in found},
        **({DRAFT: state.files} if choices else {}),
    }
    comparison = await _compare(gateway, principal, known, before, after) if before and after else None
    view = VersionsView(
        header=policy_header(state, "versions", is_admin=principal.may("admin")),
        rows=version_rows(found, _ROWS_MAX, state.active.version, names),
        choices=[*choices, *((one.version, shown(one.version)) for one in found)],
        comparison=comparison,
        applied=shown(applied) if applied == state.active.version else "",
        next=f"/policy/versions?older={found[_ROWS_MAX - 1].activation}" if len(found) > _ROWS_MAX else None,
    )
    return render(request, "policy/versions.html", view)


async def _compare(
    gateway: GatewayState,
    principal: Principal,
    known: Mapping[str, Mapping[str, str]],
    before: str,
    after: str,
) -> Comparison:
    """Return how `after` differs from `before`. Raises `Reject` (404, 409).

    `known` are the files of versions, and of the draft, that are read already.
    """
    old, new = [
        await version_files(known[id_], "" if id_ == DRAFT else id_)
        if id_ in known
        else await find_files(gateway, principal, id_)
        for id_ in (before, after)
    ]
    files = await asyncio.to_thread(differences, old.files, new.files)
    return Comparison(
        before=before,
        after=after,
        before_name="Draft" if before == DRAFT else shown(old.version),
        after_name="Draft" if after == DRAFT else shown(new.version),
        changes=changes_of(old.policy, new.policy),
        files=[diff_file(difference) for difference in files],
    )
