"""The gateway as an ASGI application: every call of the API, in one table."""

from __future__ import annotations

from typing import Any

from services.gateway.handlers import forms, intake, leads, paging
from services.gateway.handlers.gateway import Gateway
from services.gateway.handlers.routing import Application, Endpoint
from shared.events.lead_received import LeadReceivedV1
from shared.events.signal_received import SignalReceivedV1

INTAKE: tuple[Endpoint, ...] = (
    Endpoint(
        "POST",
        "/v1/leads",
        intake.post_leads,
        "Take a lead, or a list of up to 1,000",
        scope="intake",
        request=LeadReceivedV1,
        response=intake.AcceptedLead | intake.LeadResults,
        status=202,
        idempotent_by_key=True,
    ),
    Endpoint(
        "POST",
        "/v1/signals",
        intake.post_signals,
        "Take a buying signal or a later activity, or a list of up to 1,000",
        scope="intake",
        request=SignalReceivedV1,
        response=intake.AcceptedSignal | intake.SignalResults,
        status=202,
        idempotent_by_key=True,
    ),
)
_FORMS = tuple(
    endpoint
    for path in ("/hooks/forms/{source}", "/hooks/forms/{source}/{token}")
    for endpoint in (
        Endpoint(
            "POST",
            path,
            forms.post_form,
            "Take a form as a lead: JSON, urlencoded or multipart",
            request=dict[str, Any],
            response=intake.AcceptedLead,
            status=202,
            query=(forms.REDIRECT,),
            content_types=forms.CONTENT_TYPES,
            idempotent_by_key=True,
            extra_headers=forms.cross_origin,
        ),
        Endpoint(
            "OPTIONS",
            path,
            forms.preflight,
            "Ask, as a browser does, whether a page may post",
            status=204,
            extra_headers=forms.cross_origin,
        ),
    )
)
READING: tuple[Endpoint, ...] = (
    Endpoint(
        "GET",
        "/v1/leads",
        leads.get_leads,
        "List leads, the newest first",
        scope="read",
        response=paging.Page,
        query=(*leads.FILTERS, *paging.PARAMETERS),
    ),
    Endpoint(
        "GET",
        "/v1/leads/{id}",
        leads.get_lead,
        "See where a lead stands, by its id or an alias",
        scope="read",
    ),
    Endpoint(
        "GET",
        "/v1/leads/{id}/timeline",
        leads.get_timeline,
        "See everything that happened to a lead",
        scope="read",
    ),
)


def create_app(gateway: Gateway) -> Application:
    """Return the application. What it stands on is opened and closed by the caller."""
    return Application(gateway, (*INTAKE, *_FORMS, *READING))
