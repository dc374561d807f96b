"""Rules and scores, Try a lead: a made-up lead by the draft and by the policy in force, side by side."""

from datetime import datetime
from typing import Any

import msgspec
from fastapi import APIRouter, Request, Response

from services.gateway.api.try_policy import tried_decision
from services.gateway.console.forms import Form, PostedForm
from services.gateway.console.rendering import is_fragment_request, render
from services.gateway.console.route import ConsoleRoute
from services.gateway.console.views.policy import policy_header
from services.gateway.console.views.policy_try import (
    EXAMPLE,
    FIELDS,
    TEXT_LENGTH_MAX,
    TriedLeadForm,
    TriedPath,
    TryView,
    tried_path,
)
from services.gateway.dependencies import Gateway, Manager, RequestArrival
from services.gateway.domain.arrival import Arrival, invalid
from services.gateway.policy_editing import PolicyState, policy_state
from services.gateway.state import GatewayState
from shared.errors import FieldProblem, Reject
from shared.lead.events.lead_received import LeadReceivedV1
from shared.lead.fields import ACTIVITY_TYPES
from shared.policy.load import load
from shared.web.problem import document, from_msgspec
from shared.web.unknown_keys import unknown_keys

router = APIRouter(prefix="/policy/try", route_class=ConsoleRoute, include_in_schema=False)


@router.get("")
async def show_form(request: Request, gateway: Gateway, principal: Manager) -> Response:
    """Return the tab with an example filled in."""
    state = await policy_state(gateway, principal)
    return render(request, "policy/try.html", _view(state, EXAMPLE, is_admin=principal.may("admin")))


@router.post("")
async def try_lead(
    request: Request, gateway: Gateway, principal: Manager, form: Form, arrival: RequestArrival
) -> Response:
    """Decide the lead by both policies; nothing is stored."""
    state, filled = await policy_state(gateway, principal), _filled(form)
    fault, status, paths = "", 200, []
    try:
        paths = await _paths(gateway, state, lead_of(filled, gateway.clock.now()), arrival)
    except Reject as error:
        fault, status = document(error).detail, error.status
    view = _view(state, filled, is_admin=principal.may("admin"), fault=fault, paths=paths)
    if is_fragment_request(request):  # htmx shows no answer of 4xx in place
        return render(request, "policy/tried.html", view)
    return render(request, "policy/try.html", view, status=status)


async def _paths(
    gateway: GatewayState, state: PolicyState, lead: LeadReceivedV1, arrival: Arrival
) -> list[TriedPath]:
    """Return the path by the policy in force and, if there is a valid draft, by that. Raises `Reject`."""
    policies = [("In force", load(state.active.files))]
    if state.draft is not None and state.reading.policy is not None:
        policies.append(("Draft", state.reading.policy))
    paths = []
    for name, policy in policies:
        tried = await tried_decision(gateway, policy, lead, arrival)
        paths.append(tried_path(name, tried.explanation, policy))
    return paths


def lead_of(filled: TriedLeadForm, now: datetime) -> LeadReceivedV1:
    """Return the lead that a form describes. Raises `Reject` (422)."""
    body: Any
    if filled.json:
        try:
            body = msgspec.json.decode(filled.json)
        except msgspec.DecodeError as error:
            raise invalid((FieldProblem("", f"The text is not JSON: {error}"),)) from error
    else:
        values = filled.values
        company: dict[str, Any] = {name: values.get(name) for name in ("domain", "industry", "country")}
        company["employees"] = int(values["employees"]) if values.get("employees", "").isdecimal() else None
        activities = [{"type": filled.activity, "at": now.isoformat()}] if filled.activity else []
        body = {
            "person": _known({name: values.get(name) for name in ("email", "title")}),
            "company": _known(company),
            "activities": activities,
            **({"message": filled.message} if filled.message else {}),
        }
    try:
        lead = msgspec.convert(body, LeadReceivedV1)
        faults = unknown_keys(body, LeadReceivedV1)
    except msgspec.ValidationError as error:
        raise invalid(from_msgspec(error)) from error
    if faults:
        raise invalid(faults)
    return lead


def _known(fields: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in fields.items() if value not in (None, "")}


def _filled(form: PostedForm) -> TriedLeadForm:
    """Return what was filled in. Raises `Reject` (422) for a text that is too long."""
    text = form.text("json")
    if len(text) > TEXT_LENGTH_MAX:
        raise Reject(422, "invalid-form", "The JSON is too long", f"{TEXT_LENGTH_MAX} characters at most")
    values = {name: form.text(name)[:500] for name, _label, _type, _example in FIELDS}
    return TriedLeadForm(values, form.text("activity")[:100], form.text("message")[:2_000], text)


def _view(
    state: PolicyState,
    filled: TriedLeadForm,
    *,
    is_admin: bool,
    fault: str = "",
    paths: list[TriedPath] | None = None,
) -> TryView:
    blocked = "" if state.draft else "There is no draft, so the lead is tried by the version in force alone"
    if state.draft and state.reading.policy is None:
        blocked = "The draft has errors, so the lead is tried by the version in force alone"
    return TryView(
        header=policy_header(state, "try", is_admin=is_admin),
        form=filled,
        fields=FIELDS,
        activities=ACTIVITY_TYPES,
        fault=fault,
        paths=paths or [],
        draft_blocked=blocked,
    )
