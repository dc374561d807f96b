"""Rules and scores, `/policy`: files are edited, checked as they are typed, applied and discarded."""

from typing import Annotated, Any

import msgspec
from fastapi import APIRouter, Query, Request, Response

from services.gateway.console.forms import Form, PostedForm
from services.gateway.console.rendering import is_fragment_request, render
from services.gateway.console.route import ConsoleRoute
from services.gateway.console.views.policy import (
    ApplyView,
    EditView,
    MoveLine,
    PreviewSummary,
    check_view,
    policy_header,
    problem_line,
)
from services.gateway.dependencies import Admin, Audit, Gateway, Manager
from services.gateway.domain.access import Principal
from services.gateway.policy_editing import (
    NewerPolicy,
    policy_state,
    rebase_draft,
    save_file,
)
from services.gateway.policy_versions import (
    DRAFT,
    NOTE_LENGTH_MAX,
    Base,
    apply_files,
    changes_of,
    check_files,
    discard_draft,
    find_policy,
    readable,
)
from services.gateway.queries.backtests import last_backtest
from services.gateway.state import GatewayState
from services.ledger.domain.backtest.report import BacktestReport
from shared.errors import Reject
from shared.integrations.installed import known_integrations
from shared.policy.completion import PolicyWords, policy_words
from shared.policy.content_hash import version_of
from shared.policy.models import FILES
from shared.rules.findings import Severity
from shared.web.event_schema import MsgspecType

router = APIRouter(prefix="/policy", route_class=ConsoleRoute, include_in_schema=False)

_FIRST = "routing.yaml"
_MOVES_SHOWN = 3


@router.get("")
async def show_editor(
    request: Request,
    gateway: Gateway,
    principal: Manager,
    file: Annotated[str, Query(max_length=40)] = _FIRST,
    line: Annotated[int, Query(ge=0, le=1_000_000)] = 0,
) -> Response:
    """Return the page with one file."""
    if file not in FILES:
        raise Reject(404, "unknown-file", "There is no such policy file", f"There are {', '.join(FILES)}")
    state = await policy_state(gateway, principal)
    check = check_view(
        state, file, await key_name(gateway, state.active.activated_by), is_admin=principal.may("admin")
    )
    return render(request, "policy/edit.html", EditView(check, state.files.get(file, ""), line))


@router.post("/draft")
async def save_draft(request: Request, gateway: Gateway, principal: Manager, form: Form) -> Response:
    """Store a file of the draft and check all of it; return the problems, or the page."""
    file = form.text("file")
    text = form.raw("text").replace("\r\n", "\n")
    state = await save_file(gateway, principal, file, text, _base(form))
    if not is_fragment_request(request):
        return _see_other(f"/policy?file={file}")
    active_by = await key_name(gateway, state.active.activated_by)
    return render(
        request, "policy/checked.html", check_view(state, file, active_by, is_admin=principal.may("admin"))
    )


@router.post("/discard")
async def discard(gateway: Gateway, principal: Manager) -> Response:
    """Delete the draft."""
    await discard_draft(gateway, principal)
    return _see_other("/policy")


@router.post("/rebase")
async def rebase(gateway: Gateway, principal: Manager) -> Response:
    """Take over what is in force wherever the draft has nothing of its own."""
    await rebase_draft(gateway, principal)
    return _see_other("/policy")


@router.get("/words")
async def show_words(_principal: Manager, gateway: Gateway) -> Annotated[PolicyWords, MsgspecType()]:
    """Return what the editor completes, as `GET /v1/policies/words` does."""
    return policy_words(gateway.policies.active().policy, known_integrations(gateway.integrations))


@router.get("/apply")
async def ask_to_apply(
    request: Request,
    gateway: Gateway,
    principal: Admin,
    source: Annotated[str, Query(max_length=64)] = DRAFT,
) -> Response:
    """Return what would be put in force, and the form that asks for the note."""
    return await _ask(request, gateway, principal, source)


@router.post("/apply")
async def apply(request: Request, gateway: Gateway, principal: Admin, form: Form, audit: Audit) -> Response:
    """Put the draft, or an earlier version, in force."""
    source, note, base = form.text("source") or DRAFT, form.text("note"), _base(form)
    if not note or len(note) > NOTE_LENGTH_MAX:
        fault = f"Say why in up to {NOTE_LENGTH_MAX} characters; others will read it"
        return await _ask(request, gateway, principal, source, status=422, note=note, fault=fault)
    state = await policy_state(gateway, principal)
    if source == DRAFT and state.draft is None:
        raise Reject(404, "unknown-draft", "There is no draft any more")
    files = state.files if source == DRAFT else (await find_policy(gateway, source))[0].files
    try:
        applied, _findings = await apply_files(gateway, principal, audit, files, note=note, base=base)
    except Reject as error:
        if error.kind != "newer-policy":
            raise
        newer = NewerPolicy(error.members["changes"], error.members["files"])
        return await _ask(
            request, gateway, principal, source, status=409, note=note, fault=error.detail, newer=newer
        )
    return _see_other(f"/policy/versions?applied={applied.version}")


async def _ask(
    request: Request,
    gateway: GatewayState,
    principal: Principal,
    source: str,
    *,
    status: int = 200,
    **more: Any,
) -> Response:
    """Return the form that asks once, as a page or for the dialog. Raises `Reject` (404, 409)."""
    state = await policy_state(gateway, principal)
    findings, changes, base = state.reading.findings, state.changes, state.base
    version = version_of(state.reading.policy) if state.reading.policy else ""
    newer = state.newer
    if source != DRAFT:
        found, _current = await find_policy(gateway, source)
        reading = await check_files(gateway, found.files)
        findings, version, newer = reading.findings, found.version, None
        changes = changes_of(readable(state.active.files), reading.policy)
        base = Base(state.active.version, state.active.activation)
    view = ApplyView(
        header=policy_header(state, "edit", is_admin=principal.may("admin")),
        source=source,
        version=version,
        base=base,
        changes=changes,
        errors=[problem_line(one) for one in findings if one.severity is Severity.ERROR],
        warnings=[problem_line(one) for one in findings if one.severity is Severity.WARNING],
        preview=await _preview(gateway, version),
        active=state.active,
        active_by=await key_name(gateway, state.active.activated_by),
        **{"newer": newer, **more},
    )
    is_dialog = is_fragment_request(request)
    return render(
        request, "policy/apply_form.html" if is_dialog else "policy/apply.html", view, status=status
    )


async def _preview(gateway: GatewayState, version: str) -> PreviewSummary | None:
    """Return the newest preview of a version, with its largest moves."""
    async with gateway.database.read() as tx:
        row = await last_backtest(tx, version) if version else None
    if row is None:
        return None
    report = msgspec.json.decode(row["report"], type=BacktestReport)
    largest = [
        MoveLine(one.leads, one.before, one.after, f"{one.rule_before} → {one.rule_after}")
        for one in report.queues[:_MOVES_SHOWN]
    ]
    return PreviewSummary(row["id"], row["finished_at"], report.leads, report.moved, largest)


async def key_name(gateway: GatewayState, key_id: str) -> str:
    """Return the name of the key that did something; of one that is revoked, its id."""
    known = await gateway.keys.by_id(key_id)
    return known.principal.name if known is not None else key_id


def _base(form: PostedForm) -> Base:
    """Return what the posted files began from. Raises `Reject` (422)."""
    version, activation = form.text("base_version"), form.text("base_activation")
    if not (len(version) == 64 and activation.isdecimal() and len(activation) < 10):
        raise Reject(422, "invalid-form", "The form is not complete", "Load the page again")
    return Base(version, int(activation))


def _see_other(path: str) -> Response:
    return Response(status_code=303, headers={"location": path})
