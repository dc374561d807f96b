"""Reads the body of a request: within a size limit, and as JSON that every later reader accepts too."""

import codecs
import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final, TypeVar

import msgspec
from starlette.requests import ClientDisconnect, Request
from starlette.types import Message, Receive

from services.gateway.domain.arrival import invalid
from shared.errors import Reject
from shared.web.problem import from_msgspec
from shared.web.unknown_keys import unknown_keys

T = TypeVar("T")

BODY_BYTES_MAX: Final = 1024 * 1024
ITEMS_MAX: Final = 1_000
"""The longest list that an endpoint takes."""

# A client that is still sending does not read the answer. It may send this much and then gets its 413;
# beyond this the connection is cut.
_DISCARDED_BYTES_MAX: Final = 16 * BODY_BYTES_MAX

_CONTAINERS_MAX: Final = 30_000

_JSON_TYPES = frozenset({"", "application/json", "text/json"})
_ESCAPED_NUL = re.compile(rb"(?<!\\)(?:\\\\)*\\u0000")
_WHITESPACE = b" \t\r\n"
_decode_list = msgspec.json.Decoder(list[msgspec.Raw]).decode
_decode_any = msgspec.json.Decoder().decode


class BodyTooLarge(Reject):
    """The body is over `BODY_BYTES_MAX`: `start` is its beginning, `size` the bytes that came of it."""

    def __init__(self, start: bytes, size: int) -> None:
        detail = f"{BODY_BYTES_MAX} bytes are allowed"
        headers = (("connection", "close"),)
        super().__init__(413, "body-too-large", "The body is too large", detail, headers=headers)
        self.start = start
        self.size = size


async def read_body(headers: Mapping[bytes, bytes], receive: Receive) -> bytes:
    """Return the whole body.

    Raises `Reject` (415) for a Content-Encoding, `BodyTooLarge` (413) and `ClientDisconnect`.
    """
    if headers.get(b"content-encoding", b"identity").lower() != b"identity":
        raise Reject(
            415,
            "unsupported-encoding",
            "The content encoding is not supported",
            "Send the body without Content-Encoding",
        )
    return await read_encoded_body(receive)


async def read_encoded_body(receive: Receive) -> bytes:
    """Return the whole body in whatever encoding it is. Raises `BodyTooLarge` and `ClientDisconnect`."""
    message = await receive()
    if message["type"] == "http.request" and not message.get("more_body"):  # nearly all requests
        body: bytes = message.get("body", b"")
        if len(body) <= BODY_BYTES_MAX:
            return body
        raise BodyTooLarge(body, len(body))
    return await _read_chunks(message, receive)


async def _read_chunks(message: Message, receive: Receive) -> bytes:
    chunks: list[bytes] = []
    size = 0
    while True:
        if message["type"] != "http.request":
            raise ClientDisconnect
        chunk = message.get("body", b"")
        size += len(chunk)
        if size <= BODY_BYTES_MAX:
            chunks.append(chunk)
        if not message.get("more_body") or size > _DISCARDED_BYTES_MAX:
            break
        message = await receive()
    body = b"".join(chunks)
    if size > BODY_BYTES_MAX:
        raise BodyTooLarge(body, size)
    return body


class ApiRequest(Request):
    """A request whose body is bounded, is never compressed, and is JSON as every later reader takes it."""

    async def body(self) -> bytes:
        """Return the body. Raises `Reject` (413, 415) and `ClientDisconnect`."""
        if not hasattr(self, "_body"):
            self._body = await read_body(dict(self.scope["headers"]), self.receive)
        return self._body

    async def json(self) -> Any:
        """Return the body's JSON value. Raises `Reject` (400, 422) besides what `body` raises."""
        if not hasattr(self, "_json"):
            self._json = parse_json(await self.body())
        return self._json


def media_type(content_type: str) -> str:
    """Return the media type of a Content-Type header in lower case, without its parameters."""
    return content_type.partition(";")[0].strip().lower()


def without_bom(raw: bytes) -> bytes:
    """Return a body without a byte order mark, which .NET, PowerShell and others put before their UTF-8."""
    return raw.removeprefix(codecs.BOM_UTF8)


def is_json_type(kind: str) -> bool:
    """Tell whether a media type is JSON. The empty one counts: curl users forget the header."""
    return kind in _JSON_TYPES or (kind.startswith("application/") and kind.endswith("+json"))


def require_json(content_type: str) -> None:
    """Raise `Reject` (415) unless a Content-Type header says JSON or is empty."""
    if content_type != "application/json" and not is_json_type(media_type(content_type)):
        raise unsupported_type("application/json")


def unsupported_type(*allowed: str) -> Reject:
    """Return the rejection of a body in another format."""
    return Reject(
        415, "unsupported-media-type", "The media type is not supported", f"Send {', '.join(allowed)}"
    )


def parse_json(raw: bytes) -> Any:
    """Return the JSON value in `raw`. Raises `Reject` (400 not JSON, 422 a text that cannot be stored)."""
    return _parse(raw, _decode_any)


def decoded(raw: bytes, decoder: msgspec.json.Decoder[T]) -> T:
    """Return the value in `raw`, typed. Raises `Reject` (400 not JSON, 422 not of the type)."""
    return _parse(raw, decoder.decode)


def decoded_strictly(raw: bytes, decoder: msgspec.json.Decoder[T]) -> T:
    """Return what `decoded` does. Raises `Reject` (422) also for keys that the type does not have."""
    value = decoded(raw, decoder)
    faults = unknown_keys(_parse(raw, _decode_any), decoder.type)
    if faults:
        raise invalid(faults)
    return value


def _parse(raw: bytes, decode: Callable[[bytes], T]) -> T:
    raw = without_bom(raw)
    _refuse_too_many_containers(raw)
    try:
        value = decode(raw)
        # A typed decoder skips unknown fields, but `raw` is published as it came: check all of it.
        if not raw.isascii():
            raw.decode()
        if b"\\u" in raw:
            if _ESCAPED_NUL.search(raw):
                raise Reject(422, "unusable-text", "A text holds \\u0000, which cannot be stored")
            _decode_any(raw)
    except msgspec.ValidationError as error:
        raise invalid(from_msgspec(error)) from error
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise _malformed(error) from error
    return value


def _refuse_too_many_containers(raw: bytes) -> None:
    """Raise `Reject` (400) before a body is decoded that would become hundreds of thousands of objects.

    A megabyte of empty lists would hold up all other requests for a second. Brackets within texts count too,
    since counting them all takes microseconds.
    """
    if len(raw) > _CONTAINERS_MAX and raw.count(b"[") + raw.count(b"{") > _CONTAINERS_MAX:
        detail = f"{_CONTAINERS_MAX} lists and objects are allowed"
        raise Reject(400, "too-many-values", "The body has too many lists and objects", detail)


def _malformed(error: Exception) -> Reject:
    detail = str(error)
    if isinstance(error, UnicodeDecodeError):
        detail = "It is not UTF-8"
    elif isinstance(error, RecursionError):
        detail = "It is nested too deep"
    return Reject(400, "malformed-json", "The body is not JSON", detail)


def is_list(raw: bytes) -> bool:
    """Tell whether a body is a JSON list."""
    return without_bom(raw).lstrip(_WHITESPACE)[:1] == b"["


def items(raw: bytes) -> Sequence[bytes]:
    """Return the items of a JSON list, each as its own bytes. Raises `Reject` (400, 422)."""
    raw = without_bom(raw)
    _refuse_too_many_containers(raw)
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
