"""Reads what a form or a form vendor sends, in whatever format it comes, as a lead."""

from typing import Any, Final

import msgspec
from fastapi import Request
from starlette.exceptions import HTTPException

from services.gateway.domain.arrival import Arrival
from services.gateway.domain.form_values import FIELDS_MAX
from services.gateway.domain.forms import ParsedForm, is_intake_shape, lead_from_source, parse_form
from services.gateway.domain.leads import ReceivedLead, receive_lead
from services.gateway.domain.presets import labelled
from services.gateway.domain.sources import HookSource
from services.gateway.domain.urlencoded import CHARSET_FIELD, read_urlencoded
from services.gateway.request_body import (
    BODY_BYTES_MAX,
    decoded,
    is_json_type,
    is_list,
    items,
    media_type,
    unsupported_type,
    without_bom,
)
from shared.errors import Reject
from shared.lead.events.lead_received import LeadReceivedV1

_URLENCODED: Final = "application/x-www-form-urlencoded"
CONTENT_TYPES: Final = ("application/json", _URLENCODED, "multipart/form-data")

FORM_BODY: Final[dict[str, Any]] = {
    "requestBody": {
        "required": True,
        "content": {kind: {"schema": {"type": "object"}} for kind in CONTENT_TYPES},
    }
}
"""What OpenAPI says of such a body: its fields are whatever the form has."""

_FILES_MAX = 20
_RESERVED: Final = frozenset({"trust", "trigger"})
_UNTYPED: Final = frozenset({"", "text/plain", "application/octet-stream"})
_lead = msgspec.json.Decoder(LeadReceivedV1)
_object = msgspec.json.Decoder(dict[str, Any])


async def receive_form(request: Request, source: HookSource, arrival: Arrival) -> ReceivedLead:
    """Return the lead that the request's body is, as its source is to be read. Nothing is published.

    Raises `Reject` (400, 413, 415, 422).
    """
    raw = await request.body()
    content_type = request.headers.get("content-type", "")
    kind = media_type(content_type)
    # A page's `sendBeacon` sends either as text/plain, or as nothing, so as not to need a preflight. And curl
    # calls whatever it sends urlencoded, if nobody says otherwise.
    text = without_bom(raw).strip()
    if kind == _URLENCODED:
        is_json = (text[:1], text[-1:]) in ((b"{", b"}"), (b"[", b"]"))
    else:
        is_json = kind not in _UNTYPED or b"=" not in raw or text[:1] in (b"{", b"[", b'"')
    if kind == "multipart/form-data":
        form = parse_form(await _multipart(request), source)
    elif kind in (_URLENCODED, *_UNTYPED) and not is_json:
        fields = read_urlencoded(raw, content_type, FIELDS_MAX)
        if fields is None:
            detail = f"{FIELDS_MAX} fields are allowed"
            raise Reject(422, "too-many-fields", "The form has too many fields", detail)
        form = parse_form(fields, source)
    elif kind in (_URLENCODED, *_UNTYPED) or is_json_type(kind):
        form = _json_form(raw, source)
    else:
        raise unsupported_type(*CONTENT_TYPES)
    return receive_lead(form.lead, raw, arrival, source, form.email)


def _json_form(raw: bytes, source: HookSource) -> ParsedForm:
    """Return the form in a JSON object, or in a list with one: some tools send every webhook as a list."""
    if is_list(raw):
        forms = items(raw)
        if len(forms) > 1:
            detail = f"It has {len(forms)} items; post each form by itself"
            raise Reject(422, "list-of-forms", "The body is a list of forms", detail)
        raw = forms[0]
    body = decoded(raw, _object)
    if source.kind == "form" and is_intake_shape(body):
        try:
            lead = decoded(raw, _lead)
        except Reject:
            # A page may have such names for fields of its own, with whatever people type in them.
            if source.trust != "public" or not _RESERVED.isdisjoint(body):
                raise
        else:
            return ParsedForm(lead_from_source(lead, source))
    return parse_form(labelled(body, source), source)


async def _multipart(request: Request) -> list[tuple[str, str]]:
    """Return names and values of the fields. Files count against their bound and are left out."""
    try:
        async with request.form(
            max_files=_FILES_MAX, max_fields=FIELDS_MAX, max_part_size=BODY_BYTES_MAX
        ) as form:
            return [
                (name, value)
                for name, value in form.multi_items()
                if isinstance(value, str) and name != CHARSET_FIELD
            ]
    except (HTTPException, UnicodeError) as error:
        # The client names the character set, and some of Python's raise errors of their own.
        raise Reject(400, "malformed-form", "The body is not a form", str(error)) from error
