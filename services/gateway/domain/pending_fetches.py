"""Leads that a vendor only named, and that are still to be fetched. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import ClassVar, Final

from services.gateway.domain.received import digest
from shared.storage.rows import Row

SOURCE_ROWS_MAX: Final = 10_000
"""How many leads of one source may wait to be fetched."""
ATTEMPTS_MAX: Final = 12
LEASE: Final = timedelta(minutes=2)
"""How long a fetch is somebody's own: longer than its request may take."""
_FIRST_WAIT_S: Final = 5.0
_WAIT_S_MAX: Final = 3_600.0


class PendingFetch(Row, frozen=True):
    """A lead to be fetched from the provider with this integration.

    `item` is the document of the item that named it, which is kept when the fetch is given up. `detail` says
    why the last attempt failed.
    """

    id: str
    source: str
    provider: str
    parameters: dict[str, str]
    item: bytes
    received_at: datetime
    traceparent: str
    attempts: int
    due_at: datetime
    detail: str
    table: ClassVar[str] = "pending_fetches"
    key_fields: ClassVar[tuple[str, ...]] = ("id",)
    once: ClassVar[bool] = True


def fetch_id(source: str, provider: str, parameters: Mapping[str, str]) -> str:
    """Return the id of a fetch: a lead that is named twice is fetched once."""
    return digest([source, provider, dict(parameters)])


def retry_at(attempts: int, now: datetime, again_after_s: float | None) -> datetime:
    """Return when to try again after so many attempts: ever later, unless the vendor says when."""
    wait_s = min(_FIRST_WAIT_S * 2 ** max(0, attempts - 1), _WAIT_S_MAX)
    return now + timedelta(seconds=max(wait_s, again_after_s or 0.0))
