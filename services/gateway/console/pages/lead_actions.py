"""What sellers and managers do with leads: accept, give back, snooze, hand off, reassign, record an outcome.

An action answers without a body: the event `toast` tells the page what was done, `lead-done` which lead to
take off the list. A fault of a form comes back as the form with the fault beside its field.
"""

import json
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Annotated, Any, Final

import msgspec
from fastapi import APIRouter, Query, Request, Response
from msgspec import structs

from services.gateway.console import words
from services.gateway.console.forms import Form, PostedForm
from services.gateway.console.rendering import render
from services.gateway.console.route import ConsoleRoute
from services.gateway.console.views.lead_card import LeadCard, lead_card, lead_name
from services.gateway.console.views.lead_forms import OUTCOMES, FormVerb, bulk_form, lead_form
from services.gateway.dependencies import Audit, Gateway, RequestArrival, Seller
from services.gateway.domain.access import Principal
from services.gateway.domain.actions import Verb
from services.gateway.lead_actions import ActionRequest, ActionResult, perform_action
from services.gateway.not_found import lead_not_found
from services.gateway.posted_outcomes import outcome_events, read_outcome
from services.gateway.publish_once import publish_received
from services.gateway.queries.lead_card import find_lead_card
from services.gateway.state import GatewayState
from shared.errors import Reject
from shared.lead.events.outcome_received import OutcomeReceivedV1

router = APIRouter(route_class=ConsoleRoute, include_in_schema=False)

BULK_MAX: Final = 50
_DONE: Final[Mapping[Verb, str]] = {
    "accept": "Accepted",
    "reject": "Given back",
    "snooze": "Snoozed",
    "handoff": "Handed off",
    "reassign": "Reassigned",
}
_outcome = msgspec.json.Decoder(OutcomeReceivedV1)


@router.get("/bulk/{verb}")
async def show_bulk_form(
    verb: FormVerb,
    request: Request,
    gateway: Gateway,
    _principal: Seller,
    lead: Annotated[list[str], Query(min_length=1, max_length=BULK_MAX)],
) -> Response:
    """Return the form of an action on the leads that are selected."""
    policy = gateway.policies.active().policy
    return render(request, "lead/form.html", bulk_form(verb, lead, policy, gateway.clock.now()))


@router.post("/bulk/{verb}")
async def act_on_several(
    *,
    verb: Verb,
    gateway: Gateway,
    principal: Seller,
    audit: Audit,
    arrival: RequestArrival,
    form: Form,
) -> Response:
    """Perform an action on the leads that are selected, one after the other, and say how many it was."""
    lead_ids = form.values("lead")[:BULK_MAX]
    acted: list[str] = []
    refused: list[str] = []
    for index, lead_id in enumerate(lead_ids):
        wanted = _wanted(verb, form)
        try:
            item = structs.replace(arrival, index=index)
            result = await perform_action(gateway, principal, audit, item, lead_id, wanted=wanted)
        except Reject as error:
            refused.append(_fault_text(error))
            continue
        if result is not None and result.status != "unchanged":
            acted.append(lead_id)
        elif result is not None:
            refused.append(result.detail)
    text = f"{_DONE[verb]}: {words.counted(len(acted), 'lead')}"
    if refused:
        text += f". {len(refused)} refused: {refused[0]}"
    return done({"text": text, "bad": not acted}, acted)


@router.get("/leads/{lead_id}/{verb}")
async def show_form(
    lead_id: str, verb: FormVerb, request: Request, gateway: Gateway, principal: Seller
) -> Response:
    """Return the form of an action, filled from the brief."""
    card = await _card(gateway, principal, lead_id)
    return render(
        request,
        "lead/form.html",
        lead_form(verb, card, gateway.policies.active().policy, gateway.clock.now()),
    )


@router.post("/leads/{lead_id}/outcome")
async def record_outcome(
    lead_id: str, gateway: Gateway, principal: Seller, arrival: RequestArrival, form: Form
) -> Response:
    """Record what came of a lead."""
    type_ = form.text("choice")
    given: dict[str, Any] = {"type": type_, "at": gateway.clock.now().isoformat(), "lead_id": lead_id}
    if amount := form.text("amount").replace(",", ""):
        given["amount"] = {"value": _number(amount), "currency": form.text("currency") or "USD"}
    try:
        outcome = _outcome.decode(msgspec.json.encode(given))
    except msgspec.ValidationError as error:
        raise Reject(422, "invalid-outcome", "The outcome is not valid", str(error)) from error
    policy = gateway.policies.active().policy
    (received,) = await outcome_events(
        gateway, principal, [read_outcome(outcome, given, principal, policy)], arrival
    )
    if isinstance(received, Reject):
        raise received
    await publish_received(gateway, received)
    return done({"text": f"Recorded: {OUTCOMES.get(type_, words.title(type_))}"}, [], changed=[lead_id])


@router.post("/leads/{lead_id}/{verb}")
async def act(
    *,
    lead_id: str,
    verb: Verb,
    request: Request,
    gateway: Gateway,
    principal: Seller,
    audit: Audit,
    arrival: RequestArrival,
    form: Form,
) -> Response:
    """Perform an action on a lead, and say what became of it."""
    try:
        result = await perform_action(gateway, principal, audit, arrival, lead_id, wanted=_wanted(verb, form))
    except Reject as error:
        if verb != "handoff" or not error.errors:
            raise Reject(error.status, error.kind, _fault_text(error)) from error
        faults = {fault.pointer.rpartition("/")[2]: fault.detail for fault in error.errors}
        faults[""] = faults.pop("to", "")
        given = {**form.with_prefix("notes."), "to": form.text("to")}
        card = await _card(gateway, principal, lead_id)
        now, policy = gateway.clock.now(), gateway.policies.active().policy
        view = lead_form("handoff", card, policy, now, given=given, faults=faults)
        return render(request, "lead/form.html", view)
    if result is None:
        raise lead_not_found()
    if result.status == "unchanged":
        return done({"text": result.detail, "bad": True}, [], changed=[result.lead_id])
    leaves = verb != "snooze"
    toast = _toast(gateway, principal, verb, result, form)
    return done(toast, [result.lead_id] if leaves else [], changed=[result.lead_id])


def _wanted(verb: Verb, form: PostedForm) -> ActionRequest:
    """Return the action that a form asks for."""
    choice = form.text("choice")
    ends = verb == "snooze" and bool(form.text("ends"))
    until = _time(choice or form.text("until")) if verb == "snooze" and not ends else None
    return ActionRequest(
        verb,
        rep=form.text("rep") or None,
        reason=(choice or form.text("reason") or None) if verb == "reject" else form.text("reason") or None,
        to=form.text("to") or None,
        until=until,
        ends_snooze=ends,
        notes=form.with_prefix("notes."),
    )


def _toast(
    gateway: GatewayState, principal: Principal, verb: Verb, result: ActionResult, form: PostedForm
) -> dict[str, Any]:
    """Return what was done in words, with the way back where there is one.

    Accepting and giving back have none. Only a manager can take a lead back from whom it was given to.
    """
    names = {owner.id: owner.name for owner in gateway.policies.active().policy.team.owners.values()}
    who = lead_name(result.view)
    if result.status == "pending":
        return {"text": f"{_DONE[verb]}: {who}. It shows as soon as the router has decided"}
    owner = result.view.get("owner")
    ends = verb == "snooze" and bool(form.text("ends"))
    text = f"{'No longer snoozed' if ends else _DONE[verb]}: {who}"
    if verb in ("reject", "handoff", "reassign") and owner:
        text += f", now with {names.get(owner, owner)}"
    toast: dict[str, Any] = {"text": text}
    if verb == "snooze" and not ends:
        toast["undo"] = {"path": f"/leads/{result.lead_id}/snooze", "values": {"ends": "1"}}
    previous = form.text("owner")
    if principal.may("manager") and verb in ("handoff", "reassign") and previous and previous != owner:
        toast["undo"] = {"path": f"/leads/{result.lead_id}/reassign", "values": {"to": previous}}
    return toast


def done(toast: Mapping[str, Any], left: Sequence[str], changed: Sequence[str] = ()) -> Response:
    """Return the answer of an action: events for the page, no body."""
    events: dict[str, Any] = {"toast": toast, "lead-done": {"left": left, "changed": list(changed)}}
    return Response(status_code=204, headers={"hx-trigger": json.dumps(events)})


async def _card(gateway: GatewayState, principal: Principal, lead_id: str) -> LeadCard:
    async with gateway.database.read() as tx:
        found = await find_lead_card(tx, lead_id)
    if found is None:
        raise lead_not_found()
    return lead_card(found, principal, gateway.policies.active().policy, gateway.clock.now())


def _fault_text(error: Reject) -> str:
    """Return what is wrong in one line: the first fault of the form, else the reason."""
    return error.errors[0].detail if error.errors else error.detail or error.title


def _time(text: str) -> datetime:
    try:
        at = datetime.fromisoformat(text)
    except ValueError as error:
        raise Reject(422, "invalid-time", "Choose a time") from error
    if at.tzinfo is None:
        raise Reject(422, "invalid-time", "Choose a time with its zone")
    return at


def _number(text: str) -> float:
    try:
        return float(text)
    except ValueError as error:
        raise Reject(422, "invalid-amount", "The amount is not a number") from error
