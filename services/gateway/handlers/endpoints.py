"""Every call of the API: path, method, key, bodies. The routes and the OpenAPI document follow from it."""

from __future__ import annotations

from typing import Any, Final

from services.gateway.handlers import forms, intake, signals
from services.gateway.handlers.bodies import ITEMS_MAX
from services.gateway.handlers.routing import Endpoint
from shared.lead.events.lead_received import LeadReceivedV1
from shared.lead.events.signal_received import SignalReceivedV1

_INTAKE: Final = (
    Endpoint(
        "POST",
        "/v1/leads",
        intake.post_leads,
        f"Take a lead, or a list of up to {ITEMS_MAX}",
        scope="intake",
        request=LeadReceivedV1,
        response=(intake.AcceptedLead, intake.LeadResults),
        status=202,
        items_max=ITEMS_MAX,
        idempotent_by_key=True,
    ),
    Endpoint(
        "POST",
        "/v1/signals",
        intake.post_signals,
        f"Take a buying signal or a later activity, or a list of up to {ITEMS_MAX}",
        scope="intake",
        request=SignalReceivedV1,
        response=(intake.AcceptedSignal, intake.SignalResults),
        status=202,
        items_max=ITEMS_MAX,
        idempotent_by_key=True,
    ),
)


def _form(path: str) -> tuple[Endpoint, ...]:
    post = Endpoint(
        "POST",
        path,
        forms.post_form,
        "Take a form as a lead: JSON, urlencoded or multipart",
        request=dict[str, Any],
        response=(intake.AcceptedLead,),
        status=202,
        query=(forms.REDIRECT,),
        content_types=forms.CONTENT_TYPES,
        idempotent_by_key=True,
        extra_headers=forms.cross_origin,
    )
    asked = Endpoint(
        "OPTIONS",
        path,
        forms.preflight,
        "Ask, as a browser does, whether a page may post",
        status=204,
        extra_headers=forms.cross_origin,
    )
    return post, asked


def _signal(path: str) -> Endpoint:
    return Endpoint(
        "POST",
        path,
        signals.post_signal,
        f"Take a buying signal or a later activity from a source, or a list of up to {ITEMS_MAX}",
        request=SignalReceivedV1,
        response=(intake.AcceptedSignal, intake.SignalResults),
        status=202,
        items_max=ITEMS_MAX,
        idempotent_by_key=True,
    )


_HOOKS: Final = (
    *_form("/hooks/forms/{source}"),
    *_form("/hooks/forms/{source}/{token}"),
    _signal("/hooks/signals/{source}"),
    _signal("/hooks/signals/{source}/{token}"),
)

_SOURCES: Final = (
    Endpoint(
        "POST",
        "/v1/sources/{source}/preview",
        forms.preview,
        "See which lead a form of this source would be; it is not taken in",
        scope="manager",
        request=dict[str, Any],
        response=(forms.FormPreview,),
        content_types=forms.CONTENT_TYPES,
    ),
)

ENDPOINTS: Final = (*_INTAKE, *_HOOKS, *_SOURCES)
