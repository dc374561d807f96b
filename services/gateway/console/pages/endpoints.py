"""The endpoints of webhooks: create one and see its secret once, send a test, rotate the secret, pause."""

from typing import Final

from fastapi import APIRouter, Request, Response
from pydantic import ValidationError

from services.gateway.api.deliveries import send_test_event
from services.gateway.api.subscriptions import (
    NewSubscription,
    SubscriptionChange,
    patch_subscription,
    post_subscription,
    rotate_secret,
)
from services.gateway.console.forms import Form
from services.gateway.console.rendering import render
from services.gateway.console.route import ConsoleRoute
from services.gateway.console.views.deliveries import DeliveriesPlace, EndpointForm, SecretView, endpoint_name
from services.gateway.dependencies import Admin, Audit, Gateway
from services.gateway.domain.subscriptions import EVENT_NAMES
from shared.errors import Reject

router = APIRouter(prefix="/deliveries/endpoints", route_class=ConsoleRoute, include_in_schema=False)

_UNPROCESSABLE: Final = 422


@router.get("/new")
async def show_new_endpoint(request: Request, _principal: Admin) -> Response:
    return render(request, "deliveries/endpoint.html", EndpointForm(names=EVENT_NAMES, events=["lead.*"]))


@router.post("")
async def create_endpoint(
    request: Request, gateway: Gateway, _principal: Admin, audit: Audit, form: Form
) -> Response:
    """Create an endpoint and show its secret; what is wrong comes back with the form."""
    url, events = form.text("url"), form.values("events")
    try:
        made = await post_subscription(NewSubscription(url=url, events=events), gateway, audit)
    except (ValidationError, Reject) as error:
        fault = (
            (error.detail or error.title) if isinstance(error, Reject) else "A URL and an event are needed"
        )
        again = EndpointForm(names=EVENT_NAMES, events=events, url=url, fault=fault)
        return render(request, "deliveries/endpoint.html", again, status=_UNPROCESSABLE)
    view = SecretView(made.id, endpoint_name(made.id, made.url), made.secret, None)
    return render(request, "deliveries/secret.html", view, status=201)


@router.post("/{id_}/rotate")
async def rotate_endpoint(
    id_: str, request: Request, gateway: Gateway, _principal: Admin, audit: Audit
) -> Response:
    """Replace the secret of an endpoint and show the new one."""
    rotated = await rotate_secret(id_, gateway, audit)
    name = endpoint_name(rotated.id, rotated.url)
    view = SecretView(rotated.id, name, rotated.secret, rotated.previous_until)
    return render(request, "deliveries/secret.html", view)


@router.post("/{id_}/test")
async def send_test(id_: str, gateway: Gateway, _principal: Admin, audit: Audit) -> Response:
    """Send a test event."""
    await send_test_event(id_, gateway, audit)
    return _to(id_)


@router.post("/{id_}/{verb}")
async def switch_endpoint(id_: str, verb: str, gateway: Gateway, _principal: Admin, audit: Audit) -> Response:
    """Pause an endpoint, or resume it."""
    if verb not in {"pause", "resume"}:
        raise Reject(404, "unknown-action", "There is no such action", "There are pause and resume")
    state = SubscriptionChange(state="disabled" if verb == "pause" else "active")
    await patch_subscription(id_, state, gateway, audit)
    return _to(id_)


def _to(endpoint: str) -> Response:
    return Response(
        status_code=303, headers={"location": DeliveriesPlace("all", endpoint=endpoint).address()}
    )
