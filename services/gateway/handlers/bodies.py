"""From the bytes of a body to typed values, or a problem that says where it is wrong."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Final, TypeVar

import msgspec

from services.gateway.domain.arrival import invalid
from services.gateway.handlers.exchange import Call
from shared.errors import Reject
from shared.web.problem import from_msgspec

T = TypeVar("T")

ITEMS_MAX: Final = 1_000

_JSON_TYPES = frozenset({"", "application/json", "text/json"})
_NUL = re.compile(rb"(?<!\\)(?:\\\\)*\\u0000")
_SPACE = b" \t\r\n"
_decode_list = msgspec.json.Decoder(list[msgspec.Raw]).decode
_decode_any = msgspec.json.Decoder().decode


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


def is_json_type(content_type: str) -> bool:
    """Tell whether a media type is JSON; a client that says nothing is believed to mean it."""
    return content_type in _JSON_TYPES or (
        content_type.startswith("application/") and content_type.endswith("+json")
    )


def decoded(raw: bytes, decoder: msgspec.json.Decoder[T]) -> T:
    """Return the typed value in `raw`. Raises `Reject` (400 not JSON, 422 not as declared)."""
    try:
        value = decoder.decode(raw)
        _check_all_text(raw)
    except msgspec.ValidationError as error:
        raise invalid(from_msgspec(error)) from error
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise _malformed(error) from error
    return value


def _check_all_text(raw: bytes) -> None:
    """Look at what the decoder skipped too (unknown fields), since `raw` is sent on as it came."""
    if not raw.isascii():
        raw.decode()
    if b"\\u" in raw:
        if _NUL.search(raw):
            raise Reject(422, "unusable-text", "A text holds \\u0000, which cannot be stored")
        _decode_any(raw)


def _malformed(error: Exception) -> Reject:
    if isinstance(error, UnicodeDecodeError):
        return Reject(400, "malformed-json", "The body is not JSON", "It is not UTF-8")
    if isinstance(error, RecursionError):
        return Reject(400, "malformed-json", "The body is not JSON", "It is nested too deep")
    return Reject(400, "malformed-json", "The body is not JSON", str(error))


def is_list(raw: bytes) -> bool:
    """Tell whether a body is a JSON list."""
    return raw.lstrip(_SPACE)[:1] == b"["


def items(raw: bytes) -> Sequence[bytes]:
    """Return the items of a JSON list, each as its own bytes. Raises `Reject` (400, 422)."""
    try:
        found = _decode_list(raw)
    except msgspec.ValidationError as error:
        raise Reject(422, "not-a-list", "The body is not a list") from error
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise _malformed(error) from error
    if not found:
        raise Reject(422, "empty-list", "The list is empty")
    if len(found) > ITEMS_MAX:
        raise list_too_long(len(found))
    return [bytes(item) for item in found]


def list_too_long(number: int) -> Reject:
    """Return the rejection of a list with more items than are allowed."""
    return Reject(422, "list-too-long", f"The list has {number} items, {ITEMS_MAX} are allowed")


def unsupported_type(*allowed: str) -> Reject:
    """Return the rejection of a body in another format."""
    return Reject(415, "unsupported-media-type", "The body has another format", f"Send {', '.join(allowed)}")
