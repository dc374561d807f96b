"""The gateway as an ASGI application."""

from __future__ import annotations

from services.gateway.handlers.asyncapi import asyncapi_document
from services.gateway.handlers.endpoints import ENDPOINTS
from services.gateway.handlers.gateway import Gateway
from services.gateway.handlers.openapi import openapi_document
from services.gateway.handlers.pages import document
from services.gateway.handlers.routing import Application, Endpoint


def create_app(gateway: Gateway) -> Application:
    """Return the application. What it stands on is opened and closed by the caller."""
    endpoints: tuple[Endpoint, ...] = (
        *ENDPOINTS,
        document("/openapi.json", "This API", lambda: openapi_document(endpoints)),
        document("/asyncapi.json", "The topics and their events", asyncapi_document),
    )
    return Application(gateway, endpoints)
