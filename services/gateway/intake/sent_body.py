"""Reads the body of a hook in whatever format it came: JSON, an urlencoded or a multipart form."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
from typing import Any, Final, Literal

import msgspec
import pyjson5
from msgspec import Struct

from services.gateway.domain.form_values import FIELDS_MAX
from services.gateway.domain.multipart import read_multipart
from services.gateway.domain.urlencoded import read_urlencoded
from services.gateway.request_body import decoded, is_json_type, media_type, unsupported_type, without_bom
from shared.errors import Reject

SentFormat = Literal["json", "urlencoded", "multipart"]

URLENCODED: Final = "application/x-www-form-urlencoded"
MULTIPART: Final = "multipart/form-data"
CONTENT_TYPES: Final = ("application/json", URLENCODED, MULTIPART)

_UNTYPED: Final = frozenset({"", "text/plain", "application/octet-stream"})
_LENIENT_DEPTH_MAX: Final = 60
_CONTROL: Final = re.compile("[\x00-\x1f]")
_decode_any: Final = msgspec.json.Decoder(Any)


class SentForm(Struct, frozen=True):
    """An urlencoded or a multipart form: names and values in their order, and which files it had."""

    fields: list[tuple[str, str]]
    files: list[tuple[str, str]] = []

    def by_name(self) -> dict[str, Any]:
        """Return the values by name; of a name that comes more than once the list of its values."""
        by_name: dict[str, Any] = dict(self.fields)
        if len(by_name) == len(self.fields):
            return by_name
        found: dict[str, list[str]] = {}
        for name, value in self.fields:
            found.setdefault(name, []).append(value)
        return {name: values[0] if len(values) == 1 else values for name, values in found.items()}


def sent_format(raw: bytes, content_type: str) -> SentFormat:
    """Return the format of a body. Raises `Reject` (415).

    A page's `sendBeacon` sends JSON and forms as text/plain, or as nothing, so as not to need a preflight.
    And curl calls whatever it sends urlencoded, if nobody says otherwise.
    """
    kind = media_type(content_type)
    text = without_bom(raw).strip()
    if kind == MULTIPART:
        return "multipart"
    if kind == URLENCODED:
        is_json = (text[:1], text[-1:]) in ((b"{", b"}"), (b"[", b"]"))
    elif kind in _UNTYPED:
        is_json = b"=" not in raw or text[:1] in (b"{", b"[", b'"')
    elif is_json_type(kind):
        is_json = True
    else:
        raise unsupported_type(*CONTENT_TYPES)
    return "json" if is_json else "urlencoded"


def read_sent_form(raw: bytes, content_type: str, sent_as: SentFormat) -> SentForm:
    """Return the form in an urlencoded or a multipart body. Raises `Reject` (400, 422)."""
    if sent_as == "multipart":
        form = read_multipart(raw, content_type, FIELDS_MAX)
        return SentForm(form.fields, form.files)
    fields = read_urlencoded(raw, content_type, FIELDS_MAX)
    if fields is None:
        detail = f"{FIELDS_MAX} fields are allowed"
        raise Reject(422, "too-many-fields", "The form has too many fields", detail)
    return SentForm(fields)


def read_sent_json(raw: bytes, *, lenient: bool = False) -> Any:
    """Return the JSON value of a body. Raises `Reject` (400, 422).

    Where `lenient`, it may be JSON5 (a comma behind the last member, single quotes, comments), and its texts
    may have line ends as they are: some vendors put their JSON together from texts.
    """
    try:
        return decoded(raw, _decode_any)
    except Reject as malformed:
        if not lenient or malformed.kind != "malformed-json":
            raise
        try:
            text = _CONTROL.sub(" ", without_bom(raw).decode())
            value = pyjson5.decode(text, maxdepth=_LENIENT_DEPTH_MAX)
            # JSON5 has values that JSON has not: infinity, and texts with NUL.
            return decoded(msgspec.json.encode(value), _decode_any)
        except (UnicodeDecodeError, pyjson5.Json5DecoderException, msgspec.MsgspecError, ValueError):
            raise malformed from None


def field_json(form: Mapping[str, Any], fields: Collection[str]) -> Any:
    """Return the JSON value in the first of these fields that a form has, None when there is none.

    Raises `Reject` (400, 422).
    """
    for name in fields:
        if isinstance(text := form.get(name), str):
            return read_sent_json(text.encode("utf-8", "replace"))
    return None
