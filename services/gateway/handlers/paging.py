"""Pages of lists: `?limit=&cursor=` in, `{data, next}` out."""

from __future__ import annotations

import binascii
from base64 import urlsafe_b64decode, urlsafe_b64encode
from typing import Final, Generic, TypeVar

import msgspec
from msgspec import Struct

from services.gateway.handlers.exchange import Call
from services.gateway.handlers.routing import Parameter
from shared.errors import Reject
from shared.lead.events.parts import Time
from shared.storage.keyset import Cursor

T = TypeVar("T")

LIMIT_DEFAULT: Final = 50
LIMIT_MAX: Final = 200
_CURSOR_LENGTH_MAX = 600

PARAMETERS: Final = (
    Parameter("limit", f"How many at most, {LIMIT_DEFAULT} by default and {LIMIT_MAX} at most", "integer"),
    Parameter("cursor", "Where to go on: `next` of the page before"),
)


class Place(Struct, frozen=True, array_like=True):
    """The place of an item in a list that is ordered by time, then by id."""

    at: Time
    id: str


class Page(Struct, Generic[T], frozen=True):
    """One page of a list. `next`, when there is more, is the cursor of the next page."""

    data: list[T]
    next: str | None


_decode = msgspec.json.Decoder(Place).decode


def limit(call: Call) -> int:
    """Return how many items a page may have. Raises `Reject` (422)."""
    text = call.query.get("limit", str(LIMIT_DEFAULT))
    if not (text.isascii() and text.isdigit() and len(text) < 6 and 1 <= int(text) <= LIMIT_MAX):
        raise Reject(422, "invalid-limit", "The limit is not valid", f"It is from 1 to {LIMIT_MAX}")
    return int(text)


def after(call: Call) -> Cursor | None:
    """Return the place to go on from, None for the first page. Raises `Reject` (422)."""
    text = call.query.get("cursor")
    if text is None:
        return None
    place = _place(text[:_CURSOR_LENGTH_MAX])
    if place is None or "\0" in place.id or not 1 < place.at.year < 9999:
        raise Reject(422, "invalid-cursor", "The cursor is not one that was given")
    return Cursor(place.at, place.id)


def _place(cursor: str) -> Place | None:
    try:
        return _decode(urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4)))
    except (ValueError, binascii.Error, msgspec.MsgspecError):
        return None


def page(data: list[T], places: list[Place], size: int) -> Page[T]:
    """Return a page of `size` items out of at most one more, whose presence says that there is more."""
    if len(data) <= size:
        return Page(data, None)
    return Page(data[:size], _cursor(places[size - 1]))


def _cursor(place: Place) -> str:
    return urlsafe_b64encode(msgspec.json.encode(place)).rstrip(b"=").decode()
