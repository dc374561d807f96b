"""The endpoints that are not FastAPI routers yet, as one ASGI application."""

from __future__ import annotations

from services.gateway.handlers.endpoints import ENDPOINTS
from services.gateway.handlers.routing import Application
from services.gateway.state import GatewayState


def legacy_application(gateway: GatewayState) -> Application:
    """Return the application that answers what no router matches."""
    return Application(gateway, ENDPOINTS)
