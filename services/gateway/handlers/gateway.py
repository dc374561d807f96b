"""The gateway's state under its former name, until every resource is a FastAPI router."""

from __future__ import annotations

from services.gateway.state import GatewayState as Gateway
from services.gateway.state import KeyStore as Keys
from services.gateway.state import Publisher
from services.gateway.state import SourceRegistry as Sources

__all__ = ["Gateway", "Keys", "Publisher", "Sources"]
