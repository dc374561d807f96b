"""Bodies of the endpoints that are not FastAPI routers yet."""

from __future__ import annotations

from typing import TypeVar

import msgspec

from services.gateway.handlers.exchange import Call
from services.gateway.request_body import (
    ITEMS_MAX,
    decoded,
    is_json_type,
    is_list,
    items,
    list_too_long,
    unsupported_type,
)

T = TypeVar("T")

__all__ = [
    "ITEMS_MAX",
    "decoded",
    "is_json_type",
    "is_list",
    "items",
    "json_body",
    "json_bytes",
    "list_too_long",
    "optional_json_body",
    "unsupported_type",
]


async def json_body(call: Call, decoder: msgspec.json.Decoder[T]) -> T:
    """Return the body as what `decoder` reads. Raises `Reject` (400, 413, 415, 422)."""
    return decoded(await json_bytes(call), decoder)


async def optional_json_body(call: Call, decoder: msgspec.json.Decoder[T], absent: T) -> T:
    """Return the body as what `decoder` reads, or `absent` when there is none. Raises as `json_body`."""
    raw = await call.body()
    if not raw:
        return absent
    if not is_json_type(call.content_type):
        raise unsupported_type("application/json")
    return decoded(raw, decoder)


async def json_bytes(call: Call) -> bytes:
    """Return a body that is sent as JSON. Raises `Reject` (413, 415)."""
    if not is_json_type(call.content_type):
        raise unsupported_type("application/json")
    return await call.body()
