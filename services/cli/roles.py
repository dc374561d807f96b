"""Names of the processes that `baton serve` runs."""

from __future__ import annotations

from enum import StrEnum


class Role(StrEnum):
    """A role that can run as its own process."""

    GATEWAY = "gateway"
    ENRICHER = "enricher"
    SCORER = "scorer"
    ROUTER = "router"
    LEDGER = "ledger"
    PROVIDER_STUBS = "provider-stubs"


class RouterHalf(StrEnum):
    """The two halves of the router, which scale independently."""

    DECIDE = "decide"
    DELIVER = "deliver"
